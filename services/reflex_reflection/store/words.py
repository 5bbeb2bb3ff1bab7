"""The full-text index: which memories hold a word. Neither database splits or compares a text.

Words are split by `text.words` and written as tokens of plain ASCII, the owner's token among them,
so SQLite's FTS5 and PostgreSQL's tsvector hold the same and find the same.
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, text

from reflex_reflection.ids import content_hash
from reflex_reflection.store.tables import WORDS
from reflex_reflection.text import words

MAX_WORDS: Final = 2000
"""Different words of one memory that are found; a tsvector holds 1 MiB at most."""
MAX_LETTERS: Final = 100
"""Of one word; a longer one is found by its beginning."""
MAX_QUERY_WORDS: Final = 64


def tokens(said: str, *, most: int = MAX_WORDS) -> list[str]:
    """Return the different words of a text as the index has them, in the order of the text."""
    found: dict[str, None] = {}
    for word in words(said):
        found[_token(word[:MAX_LETTERS])] = None
        if len(found) >= most:
            break
    return list(found)


def add(db: Connection, owner: str, texts: Mapping[int, str]) -> None:
    """Put an owner's memories into the index, each by its `seq`."""
    mine = _owner_token(owner)
    held = {seq: sorted([mine, *tokens(said)]) for seq, said in texts.items()}
    rows: list[dict[str, object]]
    if db.dialect.name == "sqlite":
        sql = f"INSERT INTO {WORDS} (rowid, words) VALUES (:seq, :words)"  # noqa: S608
        rows = [{"seq": seq, "words": " ".join(found)} for seq, found in held.items()]
    else:
        sql = f"INSERT INTO {WORDS} VALUES (:seq, array_to_tsvector(CAST(:words AS text[])))"  # noqa: S608
        rows = [{"seq": seq, "words": found} for seq, found in held.items()]
    db.execute(text(sql), rows)


def remove(db: Connection, seq: int) -> None:
    """Take a memory out of the index."""
    key = "rowid" if db.dialect.name == "sqlite" else "seq"
    db.execute(text(f"DELETE FROM {WORDS} WHERE {key} = :seq"), {"seq": seq})  # noqa: S608


def holders(dialect: str, number: int, shown: str) -> str:
    """Return a query of the memories that match `:match<number>`; `shown` is a second column."""
    if dialect == "sqlite":
        return f"SELECT rowid AS seq, {shown} FROM {WORDS} WHERE {WORDS} MATCH :match{number}"  # noqa: S608
    match = f"words @@ CAST(:match{number} AS tsquery)"
    return f"SELECT seq, {shown} FROM {WORDS} WHERE {match}"  # noqa: S608


def matching(dialect: str, owner: str, token: str) -> str:
    """Return what `:match<n>` is for a word of an owner; nothing in a token is an operator."""
    if dialect == "sqlite":
        return f'"{_owner_token(owner)}" AND "{token}"'
    return f"'{_owner_token(owner)}' & '{token}'"


def counts(db: Connection, owner: str, asked: list[str]) -> dict[str, int]:
    """Return how many memories of the owner hold each of these tokens."""
    dialect = db.dialect.name
    each = (
        f"SELECT {number} AS word, count(*) FROM ({holders(dialect, number, '0 AS one')}) AS held"  # noqa: S608
        for number in range(len(asked))
    )
    rows = db.execute(text(" UNION ALL ".join(each)), matches(dialect, owner, asked))
    return {asked[number]: count for number, count in rows}


def matches(dialect: str, owner: str, asked: list[str]) -> dict[str, str]:
    """Return the parameters `match0`, `match1`, … for these tokens."""
    return {f"match{number}": matching(dialect, owner, token) for number, token in enumerate(asked)}


def _token(word: str) -> str:
    # No word begins with "-", so the two forms never meet.
    return word if word.isascii() else "-" + word.encode().hex()


def _owner_token(owner: str) -> str:
    return "-o" + content_hash(owner)[:24]
