"""The corpus of broken crates: each with the edits that repair it, checked against real rustc."""

import functools
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reflex_loop.adapters.checker import RunnerChecker
from reflex_loop.changes import ChangeSet
from reflex_loop.patch import PatchDocument
from reflex_loop.planning import plan
from reflex_loop.protocols import Checker
from reflex_loop.snapshot import Workspace
from reflex_runner.errors import ToolchainError
from reflex_runner.local import UnconfinedRunner
from reflex_runner.toolchain import Toolchain

ITEMS = Path(__file__).parent / "corpus/items"
OLDEST = (1, 95)  # the codes in the items are those of this rustc: E0412 is E0425 since


@dataclass(frozen=True, kw_only=True)
class Item:
    """One broken crate.

    Attributes:
        codes: of all its errors; "" is a syntax error.
        edits: what repairs it, as a model would answer.
        compiles_but_fails: edits after which it compiles and a test of its own fails.
    """

    name: str
    title: str
    check: str
    codes: frozenset[str]
    edits: Sequence[Mapping[str, Any]]
    entry: str = ""
    compiles_but_fails: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def load(cls, name: str) -> "Item":
        """Read an item by the name of its folder."""
        value = json.loads((ITEMS / name / "item.json").read_text())
        return cls(name=name, **value | {"codes": frozenset(value["codes"])})

    def copy_to(self, folder: Path) -> Path:
        """Copy the broken tree and return its root."""
        return Path(shutil.copytree(ITEMS / self.name / "broken", folder / self.name))

    def checker(self, scratch: Path) -> Checker:
        """Return the compiler for it."""
        return RunnerChecker(UnconfinedRunner(toolchain(), scratch), entry=self.entry)

    def answer(self, edits: Sequence[Mapping[str, Any]] | None = None) -> str:
        """Return the reply of a model that knows the repair."""
        return json.dumps({"edits": list(self.edits if edits is None else edits)})

    def repair(self, root: Path) -> ChangeSet:
        """Return what the right edits change in a copy."""
        document = PatchDocument.model_validate_json(self.answer())
        return plan(document, Workspace(root).snapshot())


NAMES = sorted(path.parent.name for path in ITEMS.glob("*/item.json"))


@functools.cache
def toolchain() -> Toolchain:
    """Return this machine's toolchain."""
    return Toolchain.find()


@functools.cache
def why_no_rust(linker: bool = False) -> str:
    """Return why tests with a real compiler cannot run here, or nothing."""
    try:
        version = toolchain().version
    except ToolchainError as error:
        return str(error)
    numbers = tuple(int(part) for part in version.split()[1].split("-")[0].split(".")[:2])
    if numbers < OLDEST:
        return f"{version} is older than {'.'.join(map(str, OLDEST))}, whose codes the corpus has"
    if linker and shutil.which("cc") is None:
        return "no C compiler `cc` to link the crates' tests with"
    return ""


def apply_in_place(root: Path, changes: ChangeSet) -> None:
    """Write a change set without any of the applier's care."""
    for change in changes.changes:
        target = root / change.path
        if change.after is None:
            target.unlink()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(change.after)


def rustc_errors(source: str, folder: Path) -> bytes:
    """Return rustc's JSON for a file that is no part of the corpus."""
    path = folder / "probe.rs"
    path.write_text(source)
    done = subprocess.run(
        [
            toolchain().bin / "rustc", "--edition=2021", "--emit=metadata", "--error-format=json",
            "--crate-type=lib", "-o", folder / "probe.rmeta", "probe.rs",
        ],
        capture_output=True, check=False, cwd=folder,
    )  # fmt: skip
    return done.stderr
