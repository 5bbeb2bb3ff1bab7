"""The database: SQLite in one file, or PostgreSQL for several replicas. Steps run in threads."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, TypeVar

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from reflex_service.errors import StartError

T = TypeVar("T")
_BUSY_SECONDS: Final = 30
_THREADS: Final = 8
_MIGRATING: Final = 0x7265666C  # any number that nobody else locks by
_CREATING: Final = 0x7265666D
_PATIENCE: Final = {"connect_timeout": 5, "tcp_user_timeout": 15_000}
"""For libpq: without it, a server that is gone without a word is waited for for many minutes."""
_WAL: Final = "PRAGMA journal_mode=WAL"


class Database:
    """Short transactions, each a function that runs in one of a few threads.

    Args:
        url: SQLAlchemy's.
        migrations: the folder of Alembic's scripts.
        pragmas: statements for each new connection to SQLite.
        threads: steps that run at once.

    Raises:
        StartError: the URL is none.
    """

    def __init__(
        self, url: str | URL, *, migrations: Path, pragmas: Sequence[str] = (),
        threads: int = _THREADS,
    ) -> None:  # fmt: skip
        self._migrations = migrations
        try:
            made = make_url(url)
            self._engine = (
                _sqlite(made, threads, pragmas) if made.get_backend_name() == "sqlite" else (
                    create_engine(
                        made, pool_pre_ping=True, pool_size=threads, max_overflow=2,
                        hide_parameters=True, connect_args=_PATIENCE,
                    )
                )
            )  # fmt: skip
        except (ArgumentError, ImportError) as error:
            raise StartError(
                "error: database_url is no URL that is known here: sqlite:///FILE or"
                " postgresql+psycopg://USER:PASSWORD@HOST/NAME"
            ) from error
        self._shown = made.render_as_string(hide_password=True)
        self._reading = self._engine.execution_options(reading=True)
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="database")

    @property
    def dialect(self) -> str:
        """Return `sqlite` or `postgresql`."""
        return self._engine.dialect.name

    def write(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that writes; in SQLite it waits for its turn now, not later."""
        return self._engine.begin()

    def read(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that only reads, and waits for no writer."""
        return self._reading.begin()

    async def run(self, step: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401
        """Return what a step returns; a thread is never interrupted in it."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, step, *arguments)

    def one_at_a_time(self, db: Connection) -> None:
        """Let other transactions that call this wait until this one ends."""
        if self.dialect == "postgresql":  # SQLite has one writer anyway
            db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CREATING})

    def migrate(self) -> None:
        """Bring the tables up to date; safe when several replicas start at once.

        Raises:
            StartError: the database cannot be reached, or is newer than this program.
        """
        try:
            with self._engine.connect() as db:
                _locked(db, self._upgrade)
        except SQLAlchemyError as error:
            raise StartError(
                f"error: the database {self._shown} cannot be used: {_first_line(error)}"
            ) from error
        except CommandError as error:
            raise StartError(
                f"error: the database {self._shown} was made by another version: {error}"
            ) from error

    def _upgrade(self, db: Connection) -> None:
        command.upgrade(self.alembic(db), "head")

    def alembic(self, db: Connection) -> Config:
        """Return Alembic's configuration for migrations over this connection."""
        config = Config()
        config.set_main_option("script_location", str(self._migrations))
        config.attributes["connection"] = db
        return config

    def ping(self) -> None:
        """Ask the database anything.

        Raises:
            SQLAlchemyError: it does not answer.
        """
        with self.read() as db:
            db.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close all connections, after the steps that still run."""
        self._pool.shutdown(wait=True)
        self._engine.dispose()


def _locked(db: Connection, step: Callable[[Connection], None]) -> None:
    """Run a step while no other process does: a server's lock, or being the one writer."""
    if db.dialect.name == "postgresql":
        db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
    # In SQLite the transaction has begun as a writer.
    step(db)
    db.commit()


def _sqlite(url: URL, threads: int, pragmas: Sequence[str]) -> Engine:
    """Return an engine that is safe for several threads and processes on one file."""
    engine = create_engine(
        url,
        connect_args={"timeout": _BUSY_SECONDS},
        pool_size=threads,
        max_overflow=2,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: Any) -> None:  # noqa: ANN401
        # The driver begins late and as a reader, and one that then writes may fail at once.
        connection.isolation_level = None
        for statement in (_WAL, "PRAGMA synchronous=NORMAL", *pragmas):
            connection.execute(statement)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:300]
