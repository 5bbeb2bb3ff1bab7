"""One SQLite file in WAL mode, safe for several threads and processes of one machine."""

import sqlite3
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from reflex_reflection.errors import StoreError

_BUSY_SECONDS: Final = 30


class Database:
    """Short transactions on the file; the tables are made, or brought up to date, at once.

    Args:
        file: made where there is none, readable by its user only; its folder must exist.

    Raises:
        StoreError: the file cannot be used, or was made by a newer version.
    """

    def __init__(self, file: Path) -> None:
        self._engine = _engine(file)
        try:
            file.touch(mode=0o600)
            with self._engine.connect() as db:
                command.upgrade(alembic_config(db), "head")
                db.commit()
        except (OSError, SQLAlchemyError) as error:
            raise StoreError(f"{file}: the store cannot be used: {_first_line(error)}") from error
        except CommandError as error:
            raise StoreError(f"{file}: made by another version: {error}") from error

    def write(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that writes; it waits for its turn now, not later."""
        return self._engine.begin()

    def read(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that only reads, and waits for no writer."""
        return self._engine.execution_options(reading=True).begin()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def alembic_config(db: Connection) -> Config:
    """Return Alembic's configuration for migrations over this connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = db
    return config


def _engine(file: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(file)),
        connect_args={"timeout": _BUSY_SECONDS},
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: Any) -> None:  # noqa: ANN401
        # The driver begins late and as a reader, and one that then writes may fail at once.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")  # what is purged is not left in free pages

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:300]
