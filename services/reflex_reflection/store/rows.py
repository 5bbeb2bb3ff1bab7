"""A memory as it is kept, and how it goes in and out of rows and JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from reflex_reflection.embedding import MODEL, unpack
from reflex_reflection.errors import StoreError


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One time that a memory was made: again and again, where turns say the same."""

    memory_id: str
    turn_id: int
    input_sha256: str
    snippet_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Memory:
    """A memory that was kept."""

    seq: int
    """Its place in the order of writing; for paging."""
    owner: str
    """Whose it is: nobody else finds it."""
    agent: str
    """Whose turn it was; the specification's `owner`."""
    id: str
    ts: str
    kind: str
    tags: tuple[str, ...]
    text: str
    vector: tuple[float, ...] | None
    """The hash embedding; vectors of models are kept apart and not shown."""
    seen: int
    """How often it was made."""
    created_at: float = 0.0
    """When the store took it, in seconds since 1970; no part of the JSON form."""
    evidence: tuple[Seen, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form: the specification's row, then what the store adds."""
        document: dict[str, Any] = {
            "id": self.id, "owner": self.agent, "ts": self.ts, "kind": self.kind,
            "tags": list(self.tags), "text": self.text,
        }  # fmt: skip
        if self.vector is not None:
            document |= {"vec_full": list(self.vector), "vec_model": MODEL}
        document["seen"] = self.seen
        document["evidence"] = [
            {
                "id": one.memory_id, "turn": one.turn_id, "input_sha256": one.input_sha256,
                "snippet_ids": list(one.snippet_ids),
            }
            for one in self.evidence
        ]  # fmt: skip
        return document


def memory_of(row: RowMapping, evidence: Sequence[RowMapping] = ()) -> Memory:
    """Return the memory of a row of the table."""
    return Memory(
        seq=row["seq"],
        owner=row["owner"],
        agent=row["agent"],
        id=row["id"],
        ts=row["ts"],
        kind=row["kind"],
        tags=tuple(json.loads(row["tags"])),
        text=row["text"],
        vector=None if row["vector"] is None else unpack(row["vector"]),
        seen=row["seen"],
        created_at=row["created_at"],
        evidence=tuple(seen_of(one) for one in evidence),
    )


def seen_of(row: RowMapping) -> Seen:
    """Return the evidence of a row of its table."""
    return Seen(
        memory_id=row["memory_id"],
        turn_id=row["turn_id"],
        input_sha256=row["input_sha256"],
        snippet_ids=tuple(json.loads(row["snippet_ids"])),
    )


def seconds_of(ts: str) -> float:
    """Return an ISO time as seconds since 1970; one without a zone is UTC on every machine.

    Raises:
        StoreError: it is no ISO time. It is never taken for now: that would make a rerun differ.
    """
    try:
        moment = datetime.fromisoformat(ts)
    except ValueError as error:
        raise StoreError(f"{ts!r} is no ISO 8601 time") from error
    if moment.tzinfo is None:
        moment = datetime.fromisoformat(ts + "+00:00")
    return moment.timestamp()
