"""Writes memories, and tells the truth about how many."""

from dataclasses import dataclass
from typing import Any, Protocol

from reflex_reflection.bundle import MemoryEntry, ReflectionBundle, ReflectionResult
from reflex_reflection.ids import input_hash, memory_id


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a memory was made from."""

    turn_id: int
    snippet_ids: tuple[str, ...]
    input_sha256: str
    """Of all that the reflection read; see `ids.input_hash`."""


@dataclass(frozen=True, kw_only=True)
class MemoryRow:
    """A memory with its name, as a store takes it."""

    id: str
    entry: MemoryEntry
    evidence: Evidence

    def to_json(self) -> dict[str, Any]:
        """Return the row in the key order of the specification's writer."""
        entry = self.entry.to_json()
        keys = ("owner", "ts", "kind", "tags", "text", "vec_full")
        return {"id": self.id} | {key: entry[key] for key in keys if key in entry}


class MemorySink(Protocol):
    """Where memories go."""

    def add(self, row: MemoryRow) -> bool:
        """Keep a row for good; return False when it is there already.

        Whatever it raises means that the row was not kept.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class WriteReport:
    """What became of the memories of one turn."""

    ops_attempted: int = 0
    """Memories that the reflection made."""
    ops_written: int = 0
    """Memories that the store has now and had not before."""
    duplicates: int = 0
    errors: tuple[str, ...] = ()
    reason: str | None = None
    """`ops_cap=N`, `index_missing`, `empty_summary`, `partial_failure`, or None."""


def write(
    bundle: ReflectionBundle,
    result: ReflectionResult,
    sink: MemorySink | None,
    *,
    ops_cap: int | None,
) -> WriteReport:
    """Write the memories of a turn, at most `ops_cap` of them (None: all); never raises."""
    made = len(result.memory_entries)
    if not made:
        return WriteReport()
    if ops_cap is not None and ops_cap <= 0:
        return WriteReport(ops_attempted=made, reason=f"ops_cap={ops_cap}")
    if sink is None:
        return WriteReport(
            ops_attempted=made, errors=("memory_index_missing",), reason="index_missing"
        )
    written = duplicates = empty = 0
    errors: list[str] = []
    for slot, entry in enumerate(result.memory_entries[:ops_cap]):
        if not entry.text:
            empty += 1  # nothing that could ever be found again
            continue
        try:
            stored = sink.add(_row(bundle, entry, slot))
        except Exception as error:
            errors.append(f"add_error[{slot}]:{type(error).__name__}")
            continue
        written += stored
        duplicates += not stored
    reason = "partial_failure" if errors else "empty_summary" if empty else None
    return WriteReport(
        ops_attempted=made, ops_written=written, duplicates=duplicates,
        errors=tuple(errors), reason=reason,
    )  # fmt: skip


def _row(bundle: ReflectionBundle, entry: MemoryEntry, slot: int) -> MemoryRow:
    turn = bundle.ctx.turn_id
    return MemoryRow(
        id=memory_id(agent=entry.owner, turn=turn, slot=slot, text=entry.text),
        entry=entry,
        evidence=Evidence(
            turn_id=turn, snippet_ids=bundle.snippet_ids, input_sha256=input_hash(bundle)
        ),
    )
