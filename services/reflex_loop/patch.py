"""The patch document: what a model writes, its JSON Schema, and how a reply is read.

The schema uses only what SGLang 0.5.23's grammar enforces, and is one constant text: the engine
caches compiled grammars by it. Properties are written in the order of the schema, so `search`
stands before `replace`: a model first copies what is there. No string has a length: measured with
0.5.23's xgrammar and a vocabulary of 30,000, `maxLength` on `path` alone raises the first request's
grammar compilation from 0.2 s to 2.5 s. Lengths are checked here, after the reply.
"""

import hashlib
import json
import re
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reflex_loop.errors import ReplyError, ReplyTruncatedError

VERSION: Final = 1
MAX_EDITS: Final = 16
MAX_LINES: Final = 400
MAX_PATH: Final = 240
_MAX_REPLY_BYTES: Final = 1024 * 1024

_LINES: Final[dict[str, Any]] = {
    "type": "array",
    "maxItems": MAX_LINES,
    "items": {"type": "string"},
}

SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "edits": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_EDITS,
            "items": {
                "type": "object",
                "properties": {
                    "path": {"type": "string"},
                    "op": {"type": "string", "enum": ["replace", "create", "delete", "rename"]},
                    "search": _LINES,
                    "replace": _LINES,
                    "occurrence": {"type": "integer", "minimum": 1, "maximum": 1000},
                    "line_hint": {"type": "integer", "minimum": 1, "maximum": 1000000},
                },
                "required": ["path", "search", "replace"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["edits"],
    "additionalProperties": False,
}
"""For models with room: all operations, several files."""

COMPACT_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "edits": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "path": {"type": "string"},
                    "search": {"type": "array", "maxItems": 4, "items": {"type": "string"}},
                    "replace": {"type": "array", "maxItems": 6, "items": {"type": "string"}},
                },
                "required": ["path", "search", "replace"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["edits"],
    "additionalProperties": False,
}
"""For small models: one edit of a few lines. Its grammar also ends their endless loops early."""


def schema_text(schema: dict[str, Any]) -> str:
    """Return the schema's one spelling; never sorted, for the order of properties has a meaning."""
    return json.dumps(schema, separators=(",", ":"), ensure_ascii=True)


class Op(StrEnum):
    """What an edit does to its file. `rename` names the new path as the one line of `replace`."""

    REPLACE = "replace"
    CREATE = "create"
    DELETE = "delete"
    RENAME = "rename"


class Edit(BaseModel):
    """One edit as the model wrote it. `occurrence` counts from 1, `line_hint` is a 1-based line."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    path: Annotated[str, Field(min_length=1, max_length=MAX_PATH)]
    op: Annotated[Op, Field(strict=False)] = Op.REPLACE
    search: Annotated[list[str], Field(max_length=MAX_LINES)]
    replace: Annotated[list[str], Field(max_length=MAX_LINES)]
    occurrence: Annotated[int, Field(ge=1, le=1000)] | None = None
    line_hint: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class PatchDocument(BaseModel):
    """A reply that is a patch. It holds no hashes: the loop binds it to what the prompt showed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    edits: Annotated[list[Edit], Field(min_length=1, max_length=MAX_EDITS)]

    def digest(self) -> str:
        """Return 16 hex digits that two documents share only when they say the same."""
        text = self.model_dump_json(exclude_none=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class ReplyForm(StrEnum):
    """How clean a reply was: constrained engines write JSON, cloud models like fences."""

    JSON = "json"
    FENCED = "fenced"


def read_reply(text: str, *, cut: bool = False) -> tuple[PatchDocument, ReplyForm]:
    """Return the patch document of a reply.

    A markdown fence around the document is taken off and reported; prose is refused, because the
    document inside it may be an example.

    Args:
        text: the reply's content, without reasoning.
        cut: whether the engine stopped at its token limit.

    Raises:
        ReplyTruncatedError: it is the beginning of a document.
        ReplyError: it is anything else; the text says where it goes wrong.
    """
    if len(text) > _MAX_REPLY_BYTES:
        raise ReplyError(f"the reply has {len(text)} characters, more than {_MAX_REPLY_BYTES}")
    body, form = text.strip(), ReplyForm.JSON
    fence = re.fullmatch(r"```[A-Za-z]*[ \t]*\n(.*?)\n?```", body, re.DOTALL)
    if fence:
        body, form = fence[1].strip(), ReplyForm.FENCED
    try:
        value = json.loads(body, object_pairs_hook=_without_twins)
    except (json.JSONDecodeError, RecursionError) as error:
        if cut or _ends_early(body, error):
            raise ReplyTruncatedError(
                f"the reply ends in the middle of the document after {len(text)} characters: "
                "answer with fewer and smaller edits"
            ) from None
        raise ReplyError(f"the reply is not JSON ({error}): it begins {body[:40]!r}") from None
    try:
        document = PatchDocument.model_validate(value)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in each['loc']) or 'document'}: {each['msg']}"
            for each in error.errors(include_input=False, include_url=False)[:4]
        )
        raise ReplyError(f"the reply does not follow the schema: {wrong}") from None
    return document, form


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that is there twice: which one the author meant is a guess."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ReplyError("the reply names a key of one object twice")
    return found


def _ends_early(body: str, error: Exception) -> bool:
    """Return whether the text stops where JSON needed more."""
    if not body.startswith("{") or not isinstance(error, json.JSONDecodeError):
        return False
    return error.pos >= len(body) - 1 or error.msg.startswith("Unterminated string")
