"""Writes memories into a store: `python -m memory_writer URL AGENT FIRST COUNT`.

Prints the number of each turn once its memory is kept.
"""

import sys

from reflection_turns import reflector, turn
from reflex_reflection.step import Turn
from reflex_reflection.store.database import Database
from reflex_reflection.store.memories import Memories


def main(url: str, agent: str, first: int, count: int) -> None:
    """Reflect on turns, each with a memory of its own."""
    memories = Memories(Database(url), now=lambda: 0.0)
    writer = reflector(sink=memories)
    for number in range(first, first + count):
        outcome = writer.after_turn(Turn(bundle=turn(f"turn {number}", number=number, agent=agent)))
        assert outcome is not None
        if outcome.written.errors:
            raise SystemExit(str(outcome.written.errors))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
