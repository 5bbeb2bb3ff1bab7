"""Archives in the database, in pieces: nobody holds a whole one in memory or locks for long."""

from collections.abc import Collection
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from reflex_loop.service.database import Database
from reflex_loop.service.tables import BLOBS as B
from reflex_loop.service.tables import REPAIRS

PIECE: Final = 1024 * 1024


def upload(database: Database, repair: str, source: Path, *, now: float) -> None:
    """Keep an uploaded archive; the repair itself comes later, or these become orphans."""
    with source.open("rb") as file:
        part = 0
        while data := file.read(PIECE):
            with database.write() as db:
                db.execute(insert(B).values(_row(repair, "upload", part, data, now)))
            part += 1


def replace(db: Connection, repair: str, kind: str, data: bytes, *, now: float) -> None:
    """Keep this archive in place of the one before."""
    drop(db, {repair}, kinds=(kind,))
    rows = [
        _row(repair, kind, number, data[start : start + PIECE], now)
        for number, start in enumerate(range(0, len(data), PIECE))
    ]
    db.execute(insert(B), rows)


def fetch(database: Database, repair: str, kind: str, into: Path) -> bool:
    """Write an archive into a file; return whether there is one."""
    part = 0
    with into.open("wb") as file:
        while True:
            query = select(B.c.data).where(B.c.repair == repair, B.c.kind == kind, B.c.part == part)
            with database.read() as db:
                data = db.execute(query).scalar_one_or_none()
            if data is None:
                return part > 0
            file.write(data)
            part += 1


def promote(db: Connection, repair: str, kind: str, to: str) -> None:
    """Make an archive, if it is there, one of another kind."""
    db.execute(update(B).where(B.c.repair == repair, B.c.kind == kind).values(kind=to))


def drop(db: Connection, repairs: Collection[str], *, kinds: Collection[str] = ()) -> None:
    """Delete archives; without kinds all of them."""
    query = delete(B).where(B.c.repair.in_(repairs))
    db.execute(query.where(B.c.kind.in_(kinds)) if kinds else query)


def drop_orphans(db: Connection, *, before: float) -> None:
    """Delete uploads of requests that broke off before they had made a repair."""
    known = select(REPAIRS.c.id).where(REPAIRS.c.id == B.c.repair)
    db.execute(delete(B).where(B.c.created_at < before, ~known.exists()))


def _row(repair: str, kind: str, part: int, data: bytes, now: float) -> dict[str, object]:
    return {"repair": repair, "kind": kind, "part": part, "created_at": now, "data": data}
