"""Memories out and in, as lines of JSON (NDJSON): what one store wrote, another takes."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from reflex_reflection import embedding
from reflex_reflection.document import MAX_AGENT, MAX_SNIPPETS, MAX_TEXT
from reflex_reflection.errors import ImportFileError, StoreError
from reflex_reflection.store.memories import MAX_EVIDENCE, Memories
from reflex_reflection.store.rows import Memory, Seen, seconds_of
from reflex_reflection.text import storable

_PAGE: Final = 100
"""Memories in hand at once, for each that exports or imports."""
_NEAR: Final = 1e-6
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Name = Annotated[str, Field(pattern=r"^refl-", max_length=512)]
_Id = Annotated[str, Field(max_length=MAX_AGENT)]


def export(memories: Memories, owner: str) -> Iterator[bytes]:
    """Yield each memory of the owner as a line, in the order of writing."""
    after = 0
    while page := memories.page(owner, after=after, limit=_PAGE):
        for memory in page:
            line = json.dumps(memory.to_json(), ensure_ascii=False)
            yield line.encode("utf-8", "backslashreplace") + b"\n"
        after = page[-1].seq


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, allow_inf_nan=False
    )


class SeenDocument(_Part):
    """One turn that made a memory."""

    id: _Name
    turn: int = Field(ge=0, le=2**53)
    input_sha256: _Sha256
    snippet_ids: list[_Id] = Field(default_factory=list, max_length=MAX_SNIPPETS)


class MemoryDocument(_Part):
    """A line of an export."""

    id: _Name
    owner: str = Field(min_length=1, max_length=MAX_AGENT)
    """The agent whose turn it was; whose memory it becomes, a file never says."""
    ts: str = Field(max_length=64)
    kind: str = Field("summary", pattern=r"^summary$")
    tags: list[Annotated[str, Field(max_length=64)]] = Field(max_length=16)
    text: str = Field(min_length=1, max_length=MAX_TEXT)
    vec_full: list[float] | None = Field(None, max_length=embedding.DIMENSIONS)
    vec_model: str | None = Field(None, max_length=200)
    seen: int = Field(1, ge=1, le=2**53)
    evidence: list[SeenDocument] = Field(default_factory=list, max_length=MAX_EVIDENCE)

    @model_validator(mode="after")
    def _fits_together(self) -> "MemoryDocument":
        try:
            seconds_of(self.ts)
        except StoreError as error:
            raise ValueError(f"ts {error}") from error
        if (self.vec_full is None) != (self.vec_model is None):
            raise ValueError("vec_full and vec_model come together")
        if self.vec_full is not None:
            own = embedding.embed(storable(self.text))
            if self.vec_model != embedding.MODEL or not _alike(self.vec_full, own):
                raise ValueError(f"vec_full is not the {embedding.MODEL} vector of the text")
        return self

    def memory(self, owner: str) -> Memory:
        """Return it as a memory of this owner."""
        said = storable(self.text)
        return Memory(
            seq=0,
            owner=storable(owner),
            agent=storable(self.owner),
            id=storable(self.id),
            ts=self.ts,
            kind=self.kind,
            tags=tuple(map(storable, self.tags)),
            text=said,
            vector=None if self.vec_full is None else embedding.embed(said),
            seen=self.seen,
            evidence=tuple(
                Seen(
                    memory_id=storable(one.id),
                    turn_id=one.turn,
                    input_sha256=one.input_sha256,
                    snippet_ids=tuple(one.snippet_ids),
                )
                for one in self.evidence
            ),
        )


def read_line(line: bytes, number: int) -> MemoryDocument | None:
    """Read a line of an export; None where it is blank.

    Raises:
        ImportFileError: it is no memory; the message names the line.
    """
    if not line.strip():
        return None
    try:
        return MemoryDocument.model_validate(_object(line))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        what = first["msg"].removeprefix("Value error, ")
        raise ImportFileError(f"line {number}: {where} {what}".replace("  ", " ")) from None
    except (ValueError, RecursionError) as error:
        raise ImportFileError(f"line {number} is no JSON: {error}") from None


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What became of an import."""

    read: int = 0
    written: int = 0
    """Memories that were not there before; the rest was, by id or by what it says."""


def take(
    memories: Memories, owner: str, documents: Iterable[MemoryDocument], *, actor: str
) -> Imported:
    """Add memories to an owner's, so many in a transaction; the same again adds nothing."""
    read = written = 0
    batch: list[MemoryDocument] = []
    for document in documents:
        batch.append(document)
        if len(batch) == _PAGE:
            written += memories.put_all([one.memory(owner) for one in batch], actor=actor)
            read += len(batch)
            batch = []
    written += memories.put_all([one.memory(owner) for one in batch], actor=actor)
    return Imported(read=read + len(batch), written=written)


def _object(line: bytes) -> dict[str, Any]:
    found = json.loads(line.decode("utf-8"))
    if not isinstance(found, dict):
        raise ValueError("wanted an object")
    return found


def _alike(given: list[float], own: tuple[float, ...]) -> bool:
    return len(given) == len(own) and all(
        math.isclose(one, two, abs_tol=_NEAR) for one, two in zip(given, own, strict=True)
    )
