"""How the tables came to be; run whenever a store is opened."""

from typing import Final

VERSION_TABLE: Final = "reflex_memory_version"
