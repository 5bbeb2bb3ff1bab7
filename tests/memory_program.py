"""Does the same to any store and prints what it finds: `python -m memory_program URL`."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace

from reflection_turns import reflector, turn
from reflex_reflection.embedding import embed
from reflex_reflection.step import Turn
from reflex_reflection.store.database import Database
from reflex_reflection.store.exchange import export, read_line, take
from reflex_reflection.store.memories import Memories
from reflex_reflection.store.ranking import Found, diverse
from reflex_reflection.store.retention import Retention
from reflex_reflection.store.search import Scope, Search, hybrid

WORDS = [
    "borrow", "moved", "value", "lifetime", "É", "naïve_foo", "値", "Straße", "İstanbul", "ﬁn",
    "ǆ", "crate", "e0382", "x",
]  # fmt: skip
QUERIES = [
    "value",
    "Borrow moved VALUE naïve_foo 値",
    "straße istanbul",
    "e0382 crate x",
    "nothing",
]


class Clock:
    """Shows the time it was set to."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def main(url: str) -> None:
    """Write, repeat, delete, expire, evict, carry over; print every id, order and byte."""
    clock = Clock()
    database = Database(url)
    memories = Memories(database, now=clock, ttl_seconds=500, owner="o'wner", most=40)
    search = Search(database=database, now=clock)
    for number in range(60):
        clock.now += 5
        basis = number - 1 if number % 10 == 9 else number  # some turns say what the last one said
        said = " ".join(WORDS[(basis * step) % len(WORDS)] for step in range(1, 2 + basis % 9))
        agent, day = ("Beta 値", "alpha", "_'x")[number % 3], number // 3
        bundle = turn(said, "snippet " * (basis % 4), number=day, agent=agent)
        when = f"2026-01-{1 + day % 20:02}T00:00:00+05:30"  # of a day's three, names decide
        bundle = replace(bundle, ctx=replace(bundle.ctx, now_iso=when))
        outcome = reflector(sink=memories).after_turn(Turn(bundle=bundle))
        assert outcome is not None
        show(["turn", outcome.result.to_json(), repr(outcome.written)])
        if number % 17 == 0:
            kept = memories.newest("o'wner", limit=1)
            show(["delete", memories.delete("o'wner", kept[0].id, actor="me")])
    clock.now = 1_400.0
    sweep = Retention(database=database, now=clock, max_per_owner=35, keep_deleted_seconds=100)
    show(["sweep", repr(sweep.sweep()), memories.stats("o'wner"), memories.history("o'wner")])
    lines = list(export(memories, "o'wner"))
    show(["export", [line.decode() for line in lines]])
    read = [read_line(line, number) for number, line in enumerate(lines, 1)]
    taken = take(memories, "other", [one for one in read if one], actor="other")
    show(["import", repr(taken), lines == list(export(memories, "other"))])
    scopes = [Scope(), Scope(recent="2026-01-10T00:00:00Z"), Scope(since="2026-01-05T00:00:00Z")]
    for scope in scopes:
        for query in QUERIES:
            by_words = search.by_words("o'wner", query, scope=scope, limit=20)
            near = search.by_vector("o'wner", embed(query), scope=scope)
            both = hybrid([by_words, near], limit=10)
            for found in (by_words, near, both, diverse(by_words, limit=5, balance=0.6)):
                show(["search", query, shown(found)])
    page = memories.newest("o'wner", limit=5)
    show(["page", [one.id for one in page]])
    show(["next", [one.id for one in memories.newest("o'wner", after=page[-1].id, limit=5)]])
    database.close()


def shown(found: Sequence[Found]) -> list[object]:
    """Return what was found, whole."""
    return [[one.score, one.recent, one.memory.to_json(), one.memory.created_at] for one in found]


def show(value: object) -> None:
    """Print a line."""
    sys.stdout.write(json.dumps(value) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
