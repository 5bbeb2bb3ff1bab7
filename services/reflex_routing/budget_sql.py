"""Budgets in a database that several processes share: SQLite (one file) or PostgreSQL.

The limit is part of the UPDATE's WHERE, so the database itself refuses the call that would pass
it; nothing is read first and written later. Windows are always taken in the same order (day, then
month), so two reservations cannot wait for each other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    insert,
    select,
    true,
    update,
)
from sqlalchemy.exc import IntegrityError

from reflex_routing.budget import (
    Limits,
    NearLimit,
    Override,
    Refused,
    Reservation,
    Reserved,
    Window,
    WindowKind,
    key_of,
)

METADATA: Final = MetaData()
WINDOWS: Final = Table(
    "reflex_budget_window",
    METADATA,
    Column("key", String(10), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("spent", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("warned", Boolean, nullable=False),
)
RESERVATIONS: Final = Table(
    "reflex_budget_reservation",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("state", String(8), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("spent", BigInteger, nullable=False),
    Column("day", String(10), nullable=False),
    Column("month", String(10), nullable=False),
    Column("model", String(255), nullable=False),
    Column("price_version", String(64), nullable=False),
    Column("overflow", Boolean, nullable=False),
    Column("created_at", String(32), nullable=False),
)
OVERRIDES: Final = Table(
    "reflex_budget_override",
    METADATA,
    Column("created_at", String(32), primary_key=True),
    Column("actor", String(255), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("expires_at", String(32), nullable=False),
)
_BUSY_SECONDS: Final = 60


class SqlBudgetStore:
    """See `BudgetStore`. `url` is SQLAlchemy's, such as `sqlite:////var/lib/reflex/state.db`."""

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)

    def create_tables(self) -> None:
        """Make the tables that are missing; a service does it by a migration instead."""
        if self._engine.dialect.name == "sqlite":
            # Kept in the file: readers and a writer do not wait for each other.
            raw = self._engine.raw_connection()
            try:
                raw.cursor().execute("PRAGMA journal_mode=WAL").close()
            finally:
                raw.close()
        METADATA.create_all(self._engine)

    def dispose(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def reserve(
        self, reservation: Reservation, *, limits: Limits, now: datetime, override: Override | None
    ) -> Reserved | Refused:
        """See `BudgetStore`."""
        keys = ((WindowKind.DAILY, reservation.day), (WindowKind.MONTHLY, reservation.month))
        for kind, key in keys:
            self._make_window(kind, key)
        with self._transaction() as db:
            overflow = False
            active = override
            for kind, key in keys:
                limit = limits.of(kind)
                if _hold(db, key, reservation.amount, limit=limit):
                    continue
                active = active or _active_override(db, now)
                if active is None:
                    refused = Refused(window=_window(db, kind, key), limit=limit or 0)
                    db.rollback()
                    return refused
                overflow = True
                _hold(db, key, reservation.amount, limit=None)
            row = _row(reservation, overflow=overflow, now=now)
            db.execute(insert(RESERVATIONS).values(row))
            warnings = []
            for kind, key in keys:
                limit = limits.of(kind)
                if limit is not None and _warn(db, key, limit=limit, percent=limits.warn_percent):
                    committed = _window(db, kind, key).committed
                    warnings.append(NearLimit(kind=kind, key=key, committed=committed, limit=limit))
        return Reserved(
            reservation=replace(reservation, overflow=overflow),
            warnings=tuple(warnings),
            override=active if overflow else None,
        )

    def close(self, reservation: Reservation, *, spent: int) -> bool:
        """See `BudgetStore`."""
        with self._transaction() as db:
            closed = db.execute(
                update(RESERVATIONS)
                .where(RESERVATIONS.c.id == reservation.id, RESERVATIONS.c.state == "held")
                .values(state="settled" if spent else "released", spent=spent)
            )
            if not closed.rowcount:
                return False
            for key in (reservation.day, reservation.month):
                db.execute(
                    update(WINDOWS)
                    .where(WINDOWS.c.key == key)
                    .values(
                        reserved=WINDOWS.c.reserved - reservation.amount,
                        spent=WINDOWS.c.spent + spent,
                    )
                )
        return True

    def windows(self, now: datetime) -> tuple[Window, ...]:
        """See `BudgetStore`."""
        with self._engine.connect() as db:
            return tuple(_window(db, kind, key_of(kind, now)) for kind in WindowKind)

    def add_override(self, override: Override, *, now: datetime) -> None:
        """See `BudgetStore`."""
        with self._transaction() as db:
            db.execute(
                insert(OVERRIDES).values(
                    created_at=_stamp(now),
                    actor=override.actor,
                    reason=override.reason,
                    expires_at=_stamp(override.expires_at),
                )
            )

    def overrides(self) -> tuple[Override, ...]:
        """See `BudgetStore`."""
        with self._engine.connect() as db:
            rows = db.execute(select(OVERRIDES).order_by(OVERRIDES.c.created_at)).all()
        return tuple(_override(row._mapping) for row in rows)

    def _make_window(self, kind: WindowKind, key: str) -> None:
        """Insert the window's row unless it is there; two processes may race for it."""
        with self._engine.connect() as db:
            known = db.execute(select(WINDOWS.c.key).where(WINDOWS.c.key == key)).first()
        if known is not None:
            return
        row = {"key": key, "kind": kind.value, "spent": 0, "reserved": 0, "warned": False}
        try:
            with self._transaction() as db:
                db.execute(insert(WINDOWS).values(row))
        except IntegrityError:
            pass  # the other one was first, and its row is as good

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._engine.begin() as db:
            yield db


def open_engine(url: str) -> Engine:
    """Return an engine that is safe for several processes on one SQLite file."""
    if not url.startswith("sqlite"):
        # What is billed must not wait for a server that is gone without a word.
        patience = {"connect_timeout": 5, "tcp_user_timeout": 15_000}
        return create_engine(url, pool_pre_ping=True, connect_args=patience)
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})

    # Python's driver begins a transaction late and as a reader; one that then writes fails at once
    # when another has written. So transactions are begun by hand, as writers, and wait in line.
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:  # noqa: ANN401 - the driver's types
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _hold(db: Connection, key: str, amount: int, *, limit: int | None) -> bool:
    """Add to the window's reservations unless that passes the limit; return whether it did."""
    room = true() if limit is None else WINDOWS.c.spent + WINDOWS.c.reserved + amount <= limit
    done = db.execute(
        update(WINDOWS)
        .where(WINDOWS.c.key == key, room)
        .values(reserved=WINDOWS.c.reserved + amount)
    )
    return bool(done.rowcount)


def _warn(db: Connection, key: str, *, limit: int, percent: int) -> bool:
    """Mark the window as warned about; True for exactly one caller in its life."""
    committed = WINDOWS.c.spent + WINDOWS.c.reserved
    done = db.execute(
        update(WINDOWS)
        .where(WINDOWS.c.key == key, ~WINDOWS.c.warned, committed * 100 >= limit * percent)
        .values(warned=True)
    )
    return bool(done.rowcount)


def _window(db: Connection, kind: WindowKind, key: str) -> Window:
    row = db.execute(select(WINDOWS).where(WINDOWS.c.key == key)).first()
    if row is None:
        return Window(kind=kind, key=key)
    read = row._mapping
    return Window(
        kind=kind, key=key, spent=read["spent"], reserved=read["reserved"], warned=read["warned"]
    )


def _active_override(db: Connection, now: datetime) -> Override | None:
    query = select(OVERRIDES).where(OVERRIDES.c.expires_at > _stamp(now))
    row = db.execute(query.order_by(OVERRIDES.c.created_at).limit(1)).first()
    return None if row is None else _override(row._mapping)


def _row(reservation: Reservation, *, overflow: bool, now: datetime) -> dict[str, Any]:
    return {
        "id": reservation.id,
        "state": "held",
        "amount": reservation.amount,
        "spent": 0,
        "day": reservation.day,
        "month": reservation.month,
        "model": reservation.model,
        "price_version": reservation.price_version,
        "overflow": overflow,
        "created_at": _stamp(now),
    }


def _override(row: Any) -> Override:  # noqa: ANN401 - SQLAlchemy's RowMapping
    expires = datetime.fromisoformat(row["expires_at"])
    return Override(actor=row["actor"], reason=row["reason"], expires_at=expires)


def _stamp(moment: datetime) -> str:
    """Return UTC as text that sorts by time in every database."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
