"""The service's database, with its own migrations."""

from pathlib import Path

from reflex_service.database import Database as SharedDatabase


class Database(SharedDatabase):
    """See `reflex_service.database`."""

    def __init__(self, url: str) -> None:
        super().__init__(url, migrations=Path(__file__).parent / "migrations")
