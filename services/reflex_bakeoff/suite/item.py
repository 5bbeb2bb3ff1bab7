"""One broken program: what a model is given, and how its repair is checked."""

import json
from hashlib import sha256
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

FORMAT: Final = "reflex.suite/v1"
CODE: Final = r"^E[0-9]{4}$"

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
Path = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$", max_length=200),
]
"""Relative, with `/`; no part begins with a dot, so none leads out of the folder."""
Files = Annotated[dict[Path, Annotated[str, Field(max_length=200_000)]], Field(max_length=64)]


class SuitePart(BaseModel):
    """Base: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Origin(SuitePart):
    """Where an item comes from, so that its licence can be checked and its kin be found."""

    kind: Literal["written", "generated", "harvested"]
    family: Annotated[str, Field(min_length=1, max_length=80)]
    """Template or mutation that made it: no family may be in a training set and in a suite.

    Of a program that was put together: those of its parts, joined by `+`.
    """
    source: Annotated[str, Field(max_length=300)] = ""
    """Project and commit, or generator and seed."""


class Item(SuitePart):
    """One program that does not compile.

    Attributes:
        files: what the model sees and repairs: a single `.rs` file, or a crate with its Cargo.toml.
        entry: the file that rustc is given; empty for a crate.
        codes: error codes that the compiler must report before and not after.
        tests: files that are added after the repair and must then pass; the model never sees them.
        solution: files of a known repair (only those that differ); never shown.
        retained: names of items (functions, types) that must still be there with their signature.
    """

    id: Id
    stratum: Annotated[str, Field(pattern=CODE)]
    codes: Annotated[
        tuple[Annotated[str, Field(pattern=CODE)], ...], Field(min_length=1, max_length=8)
    ]
    files: Annotated[Files, Field(min_length=1)]
    entry: Annotated[str, Field(max_length=200)] = ""
    edition: Literal["2018", "2021", "2024"] = "2021"
    tests: Files = Field(default_factory=dict)
    solution: Annotated[Files, Field(min_length=1)]
    retained: Annotated[tuple[str, ...], Field(max_length=64)] = ()
    licence: Annotated[str, Field(min_length=1, max_length=64)]
    """SPDX expression."""
    origin: Origin

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.stratum not in self.codes:
            raise ValueError(f"stratum {self.stratum} is none of its codes")
        if bool(self.entry) == ("Cargo.toml" in self.files):
            raise ValueError("give either `entry`, or a crate with a Cargo.toml")
        if self.entry and self.entry not in self.files:
            raise ValueError(f"entry {self.entry} is none of its files")
        if all(self.files.get(name) == text for name, text in self.solution.items()):
            raise ValueError("the solution changes nothing")
        if double := sorted(set(self.tests) & set(self.files)):
            raise ValueError(f"tests would replace {double[0]}")
        return self

    def canonical(self) -> str:
        """Return the JSON that is hashed: sorted keys, no spaces, every field."""
        return canonical_json(self.model_dump(mode="json"))

    def digest(self) -> str:
        """Return sha256 over everything in it, hex."""
        return sha256(self.canonical().encode()).hexdigest()


def canonical_json(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return JSON that is the same wherever it is written."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
