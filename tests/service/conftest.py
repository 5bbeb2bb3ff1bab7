"""Databases for the service's tests: SQLite in a file, and a real PostgreSQL server."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from postgres_server import postgres


@pytest.fixture(scope="session")
def postgres_socket() -> Iterator[str]:
    with postgres() as folder:
        yield folder


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of its own for each test."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'reflex.db'}"
        return
    folder = request.getfixturevalue("postgres_socket")
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(host=folder, user="postgres", dbname="postgres", autocommit=True) as db:
        db.execute(f'CREATE DATABASE "{name}"')
        yield f"postgresql+psycopg://postgres@/{name}?host={folder}"
        db.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
