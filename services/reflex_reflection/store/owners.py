"""What is known of an owner as a whole: how much there is, and who may write now."""

from dataclasses import dataclass

from sqlalchemy import Connection, select, text, update

from reflex_reflection.store.tables import OWNERS


@dataclass(frozen=True, kw_only=True)
class Holding:
    """What an owner has."""

    memories: int = 0
    words: int = 0


def hold(db: Connection, owner: str) -> Holding:
    """Return what the owner has, and let other writers for this owner wait for our end.

    Two writers that say the same would else both find that nobody has said it. SQLite has one
    writer at a time anyway.
    """
    db.execute(
        text(
            f"INSERT INTO {OWNERS.name} (owner, memories, words) VALUES (:owner, 0, 0)"  # noqa: S608
            " ON CONFLICT (owner) DO NOTHING"
        ),
        {"owner": owner},
    )
    chosen = select(OWNERS.c.memories, OWNERS.c.words).where(OWNERS.c.owner == owner)
    memories, words = db.execute(chosen.with_for_update()).one()
    return Holding(memories=memories, words=words)


def change(db: Connection, owner: str, *, memories: int, words: int) -> None:
    """Count what came or, below zero, went."""
    db.execute(
        update(OWNERS)
        .where(OWNERS.c.owner == owner)
        .values(memories=OWNERS.c.memories + memories, words=OWNERS.c.words + words)
    )


def holding(db: Connection, owner: str) -> Holding:
    """Return what the owner has."""
    chosen = select(OWNERS.c.memories, OWNERS.c.words).where(OWNERS.c.owner == owner)
    found = db.execute(chosen).one_or_none()
    return Holding() if found is None else Holding(memories=found[0], words=found[1])
