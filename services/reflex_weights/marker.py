"""The marker file: written last, it says which source is complete in a folder."""

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, ValidationError

from reflex_api.rules import ApiModel
from reflex_api.weights import MARKER
from reflex_weights.folder import ModelFolder, plain_size, write_durably

_MAX_MARKER: Final = 4 << 20


class StoredFile(ApiModel):
    """One file that was verified."""

    path: str
    size: int = Field(ge=0)
    digest: str


class Marker(ApiModel):
    """Content of `.reflex-weights.json`."""

    version: Literal[1] = 1
    source: dict[str, Any]
    revision: str
    files: tuple[StoredFile, ...] = Field(min_length=1)

    @property
    def total_bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def read_marker(folder: ModelFolder) -> Marker | None:
    """Return the marker, or None when there is none or it cannot be read."""
    path: Path = folder.root / MARKER
    size = plain_size(path)
    if size is None or size > _MAX_MARKER:
        return None
    try:
        return Marker.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def complete(folder: ModelFolder, marker: Marker | None, source: dict[str, Any]) -> bool:
    """Return whether the marker is of this source and every file has its size."""
    return (
        marker is not None
        and marker.source == source
        and all(folder.size_of(file.path) == file.size for file in marker.files)
    )


def write_marker(folder: ModelFolder, marker: Marker) -> None:
    """Write it durably."""
    write_durably(folder.root / MARKER, marker.model_dump_json(indent=1).encode() + b"\n")
