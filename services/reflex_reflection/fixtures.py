"""Recorded replies of a model, by the hash of what was asked.

Either JSONL, a line each `{"prompt_hash": ..., "completion": ...}` (further keys are ignored); or
one JSON document: an array of such objects, or an object of hashes and completions. The content
decides, not the file's name. A hash that comes twice counts as it comes last.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reflex_reflection.errors import FixtureMissingError
from reflex_reflection.prompt import prompt_hash


@dataclass(frozen=True)
class Fixtures:
    """Completions by the full hash of their prompt."""

    completions: Mapping[str, str]

    def complete(self, prompt: str, *, max_tokens: int) -> str:
        """Return at most this many words of the recorded reply, with single spaces.

        Raises:
            FixtureMissingError: none is recorded, or nothing is left of it.
        """
        key = prompt_hash(prompt)
        if key not in self.completions:
            raise FixtureMissingError(
                f"no fixture for prompt hash {key}; record one with this prompt_hash", key=key[:12]
            )
        text = " ".join(self.completions[key].split()[: max(0, max_tokens)])
        if not text:
            raise FixtureMissingError(f"the fixture of {key} is empty", key=key[:12])
        return text


def load(path: str | None) -> Fixtures:
    """Read a file of recorded replies.

    Raises:
        FixtureMissingError: no path, no file, or a file that is wrong; the line is named.
    """
    if not path or not path.strip():
        raise FixtureMissingError("t3.llm.fixtures.path must be a non-empty string")
    try:
        text = Path(path).read_bytes().decode()
    except (OSError, ValueError) as error:
        raise FixtureMissingError(f"{path}: cannot be read: {error}") from error
    records = _document(path, text) if _is_document(text) else _lines(path, text)
    return Fixtures(dict(records))


def _is_document(text: str) -> bool:
    """Tell a JSON document from JSONL: the first line of JSONL is a record of its own."""
    first = next((line for line in text.split("\n") if line.strip()), "").strip()
    if first.startswith("["):
        return True
    if not first.startswith("{"):
        return False
    try:
        return "prompt_hash" not in json.loads(first)
    except (ValueError, RecursionError):
        return first == "{"  # an object over several lines; else a bad record


def _lines(path: str, text: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield _record(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise _wrong(path, f"line {number}", error) from error


def _document(path: str, text: str) -> Iterator[tuple[str, str]]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise _wrong(path, f"line {error.lineno}", error) from error
    except RecursionError as error:
        raise _wrong(path, "line 1", error) from error
    items = (
        [{"prompt_hash": key, "completion": value} for key, value in document.items()]
        if isinstance(document, dict)
        else document
    )
    for number, item in enumerate(items, 1):
        try:
            yield _record(item)
        except ValueError as error:
            raise _wrong(path, f"entry {number}", error) from error


def _record(value: object) -> tuple[str, str]:
    if not isinstance(value, dict):
        raise ValueError("wanted an object with prompt_hash and completion")
    key, completion = value.get("prompt_hash"), value.get("completion")
    if not isinstance(key, str) or not isinstance(completion, str):
        raise ValueError("prompt_hash and completion must both be text")
    return key, completion


def _wrong(path: str, where: str, error: Exception) -> FixtureMissingError:
    return FixtureMissingError(f"{path}: invalid fixture at {where}: {error}")
