"""What came of each mistake, written at once: an aborted harvest goes on with it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from reflex_bakeoff.harvest.harvesting import Judged
from reflex_bakeoff.suite.item import Item


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is harvested and how: another subject begins anew."""

    source: str
    seed: int
    count: int
    since: str
    licence: str


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: int
    item: Item | None = None
    why: str = ""


class _Head(BaseModel):
    model_config = ConfigDict(extra="forbid")

    source: str
    seed: int
    count: int
    since: str
    licence: str


class Journal:
    """The file of one harvest.

    Args:
        path: of the file; it is made, and begun anew if it is another subject's.
        subject: what is harvested.
    """

    def __init__(self, path: Path, subject: Subject) -> None:
        self._path = path
        self._subject = subject
        self._file: IO[str] | None = None
        self.earlier: tuple[Judged, ...] = ()

    def __enter__(self) -> Self:
        """Read what is there, and open it for more."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self.earlier = self._read()
        head = _Head(**asdict(self._subject)).model_dump_json()
        kept = "".join(f"{_line(one)}\n" for one in self.earlier)
        self._path.write_text(f"{head}\n{kept}", encoding="utf-8")
        self._file = self._path.open("a", encoding="utf-8")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        if self._file is not None:
            self._file.close()

    def keep(self, judged: Judged) -> None:
        """Write one judgement; it survives the end of this process."""
        if self._file is not None:
            self._file.write(f"{_line(judged)}\n")
            self._file.flush()

    def _read(self) -> tuple[Judged, ...]:
        """Return what is there of this subject; a line that was cut ends it."""
        try:
            head, *lines = self._path.read_text("utf-8").split("\n")
            if _Head.model_validate_json(head) != _Head(**asdict(self._subject)):
                return ()
        except (OSError, UnicodeDecodeError, ValidationError):
            return ()
        found = []
        for line in lines:
            try:
                one = _Line.model_validate_json(line)
            except ValidationError:
                break
            found.append(Judged(number=one.number, item=one.item, why=one.why))
        return tuple(found)


def _line(judged: Judged) -> str:
    return _Line(number=judged.number, item=judged.item, why=judged.why).model_dump_json()
