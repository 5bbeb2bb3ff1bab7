"""The two documents of a run as bytes, and where they are kept."""

import gzip
import hashlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reflex_api import items as lines
from reflex_api.bakeoff_job import ITEMS_FILE, ITEMS_LIMIT, VERDICT_FILE, VERDICT_LIMIT, Receipt
from reflex_api.errors import ItemsError
from reflex_api.items import Items
from reflex_api.verdict import Verdict
from reflex_bakeoff.errors import MeasureError

_MOST_TEXT: Final = 64 << 20


@dataclass(frozen=True, kw_only=True)
class Documents:
    """`verdict.json` and `items.json.gz`."""

    verdict: bytes
    items: bytes

    def receipt(self) -> Receipt:
        """Return what says that these are the ones."""
        return Receipt(
            verdict_sha256=hashlib.sha256(self.verdict).hexdigest(),
            items_sha256=hashlib.sha256(self.items).hexdigest(),
        )


def documents(items: Items, verdict: Verdict) -> Documents:
    """Return a run's documents; the same run gives the same bytes.

    Raises:
        MeasureError: one is larger than evidence may be.
    """
    made = Documents(
        # With its nulls: a limit that is null and one that is left out are two gates.
        verdict=verdict.model_dump_json(by_alias=True).encode(),
        items=packed(items),
    )
    sizes = (
        (VERDICT_FILE, made.verdict, VERDICT_LIMIT, "use a suite with fewer error codes"),
        (ITEMS_FILE, made.items, ITEMS_LIMIT, "lower load.requests"),
    )
    for name, data, limit, fix in sizes:
        if len(data) > limit:
            raise MeasureError(f"{name} has {len(data)} bytes, at most {limit} are kept: {fix}")
    return made


def packed(items: Items) -> bytes:
    """Return `items.jsonl` compressed, without a time in it."""
    return gzip.compress(lines.dump(items).encode(), mtime=0)


def unpacked(path: Path) -> Items | None:
    """Return the measurements in a file, compressed or not; None: there is no such file.

    Raises:
        MeasureError: it is damaged, or no evidence.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MeasureError(f"{path} cannot be read: {error.strerror}") from None
    try:
        return lines.read(text_of(data))
    except (ItemsError, UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
        raise MeasureError(f"{path} is no evidence: {error}") from None


def text_of(data: bytes) -> str:
    """Return the text of `items.jsonl` or `items.json.gz`.

    Raises:
        OSError, EOFError, zlib.error, UnicodeDecodeError: it is damaged, or far too large.
    """
    if not data.startswith(b"\x1f\x8b"):
        return data.decode("utf-8")
    reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    plain = reader.decompress(data, _MOST_TEXT)
    if not reader.eof:
        raise EOFError("it is cut off, or larger than any evidence")
    return plain.decode("utf-8")


def put(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    os.replace(part, path)
