"""Where memories are: one SQLite file in WAL mode, or a PostgreSQL that replicas share."""

from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from reflex_reflection.errors import StoreError
from reflex_service.database import Database as SharedDatabase
from reflex_service.errors import StartError

_PRAGMAS: Final = (
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",  # what is purged is not left in free pages
)


class Database(SharedDatabase):
    """Short transactions; the tables are made, or brought up to date, at once.

    Args:
        where: a file, made where there is none, readable by its user only (its folder must
            exist); or SQLAlchemy's URL of a database.

    Raises:
        StoreError: it cannot be used, or was made by a newer version.
    """

    def __init__(self, where: Path | str) -> None:
        url = URL.create("sqlite", database=str(where)) if isinstance(where, Path) else _url(where)
        file = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
        try:
            super().__init__(url, migrations=Path(__file__).parent / "migrations", pragmas=_PRAGMAS)
        except StartError as error:
            raise StoreError(str(error).removeprefix("error: ")) from error
        try:
            if file is not None:
                file.touch(mode=0o600)
            self.migrate()
        except OSError as error:
            self.close()
            raise StoreError(f"{file}: the store cannot be used: {error.strerror}") from error
        except StartError as error:
            self.close()
            raise StoreError(str(error).removeprefix("error: ")) from error


def _url(text: str) -> URL:
    try:
        return make_url(text)
    except ArgumentError as error:
        raise StoreError(
            "the database's URL is none: sqlite:///FILE or"
            " postgresql+psycopg://USER:PASSWORD@HOST/NAME"
        ) from error
