"""A suite on disk: `suite.json` says what it is, `items.jsonl` holds the items by id.

The digest is over name, version, seed and every item: change a byte and it is another suite.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from reflex_bakeoff.errors import SuiteError
from reflex_bakeoff.suite.item import FORMAT, Item, SuitePart, canonical_json

MANIFEST: Final = "suite.json"
ITEMS: Final = "items.jsonl"


class Manifest(SuitePart):
    """`suite.json`."""

    format: Literal["reflex.suite/v1"] = FORMAT
    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=63)]
    version: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the order in which items are measured."""
    description: Annotated[str, Field(max_length=500)] = ""
    licence: Annotated[str, Field(min_length=1, max_length=64)]
    items: Annotated[int, Field(ge=1)]
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Items with a name; use `order` for what is measured first."""

    name: str
    version: int
    seed: int
    licence: str
    items: tuple[Item, ...]
    description: str = ""

    @cached_property
    def digest(self) -> str:
        """Return `sha256:` and the hex digest over name, version, seed and all items by id."""
        head = canonical_json([FORMAT, self.name, self.version, self.seed])
        items = sorted(self.items, key=lambda one: one.id)
        whole = "\n".join([head, *(item.canonical() for item in items)])
        return f"sha256:{sha256(whole.encode()).hexdigest()}"

    def order(self) -> tuple[str, ...]:
        """Return all ids in the order of measuring, fixed by the seed.

        Strata are interleaved in proportion: the items of a look are a fair sample of the whole.
        """
        groups: dict[str, list[str]] = {}
        for item in self.items:
            groups.setdefault(item.stratum, []).append(item.id)
        places = []
        for stratum, members in groups.items():
            shuffled = sorted(members, key=self._draw)
            shift = int(self._draw(stratum)[:8], 16) / 0x1_0000_0000
            places += [
                ((index + shift) / len(shuffled), name) for index, name in enumerate(shuffled)
            ]
        return tuple(name for _, name in sorted(places))

    def strata(self) -> dict[str, int]:
        """Return the number of items by error code, the largest first."""
        counts: dict[str, int] = {}
        for item in self.items:
            counts[item.stratum] = counts.get(item.stratum, 0) + 1
        return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))

    def _draw(self, name: str) -> str:
        return sha256(f"{self.seed}:{name}".encode()).hexdigest()


def load_suite(folder: Path) -> Suite:
    """Read a suite and check that it is what its digest says.

    Raises:
        SuiteError: a file is missing or wrong, an id is there twice, or the content is another.
    """
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
        text = (folder / ITEMS).read_text(encoding="utf-8")
    except OSError as error:
        raise SuiteError(str(folder), [f"{error.filename}: {error.strerror}"]) from None
    except ValidationError as error:
        raise SuiteError(str(folder), _problems(MANIFEST, error)) from None
    items, problems = _read_items(text)
    if problems:
        raise SuiteError(str(folder), problems)
    suite = Suite(
        name=manifest.name,
        version=manifest.version,
        seed=manifest.seed,
        licence=manifest.licence,
        description=manifest.description,
        items=items,
    )
    if len(items) != manifest.items:
        problems.append(f"{ITEMS}: {len(items)} items, {MANIFEST} says {manifest.items}")
    if suite.digest != manifest.digest:
        problems.append(
            f"{ITEMS}: the content is not that of {MANIFEST}'s digest; raise the version and write"
            " the suite again"
        )
    if problems:
        raise SuiteError(str(folder), problems)
    return suite


def write_suite(suite: Suite, folder: Path) -> None:
    """Write a suite; the same suite gives the same bytes."""
    manifest = Manifest(
        name=suite.name,
        version=suite.version,
        seed=suite.seed,
        licence=suite.licence,
        description=suite.description,
        items=len(suite.items),
        digest=suite.digest,
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    ordered = sorted(suite.items, key=lambda one: one.id)
    (folder / ITEMS).write_text(
        "".join(f"{item.canonical()}\n" for item in ordered), encoding="utf-8"
    )


def _read_items(text: str) -> tuple[tuple[Item, ...], list[str]]:
    items: dict[str, Item] = {}
    problems: list[str] = []
    # Not splitlines: JSON may hold characters that it takes for ends of lines.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{ITEMS} line {number}"
        try:
            item = Item.model_validate(json.loads(line))
        except ValidationError as error:
            problems += _problems(where, error)
            continue
        except ValueError as error:
            problems.append(f"{where}: is no JSON: {error}")
            continue
        if item.id in items:
            problems.append(f"{where}: {item.id} is there twice")
        items[item.id] = item
    return tuple(items.values()), problems


def _problems(where: str, error: ValidationError) -> list[str]:
    found: Iterable[str] = (
        f"{where}: {'.'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}"
        for one in error.errors(include_input=False, include_url=False)
    )
    return list(found)
