"""Runs the command line, in this process or as a program of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import scripted_openai as api
from reflexctl.__main__ import main
from scripted_model import patch

ROOT = Path(__file__).parents[3]
BROKEN = 'fn main() {\n    let count = 1;\n    count += 1;\n    println!("{cuont}");\n}\n'
FIX = patch(
    {"path": "main.rs", "search": ["    let count = 1;"], "replace": ["    let mut count = 1;"]},
    {"path": "main.rs", "search": ['    println!("{cuont}");'],
     "replace": ['    println!("{count}");']},
)  # fmt: skip
USELESS = patch({"path": "main.rs", "search": ["fn main() {"], "replace": ["fn main() { // no"]})
ISSUE_KEYS = {
    "fixed", "attempts", "rustfix_edits", "errors_before", "errors_after", "diff", "tokens",
    "decisions", "seconds",
}  # fmt: skip
RIGHT = api.answer(FIX)


@dataclass(frozen=True)
class Done:
    """How a run ended."""

    code: int
    out: str
    err: str


def run(*arguments: Any) -> Done:
    """Run in this process."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(each) for each in arguments])
    return Done(code, out.getvalue(), err.getvalue())


def program(*arguments: Any, **more: Any) -> "subprocess.Popen[str]":
    """Start as a program; its environment is the caller's with nothing of the user's own."""
    environment: Mapping[str, str] = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(ROOT / each) for each in ("services", "operator")),
        **more.pop("environment", {}),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "reflexctl", *map(str, arguments)],
        text=True, env=environment,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more},
    )  # fmt: skip


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take away the user's own configuration, key and kube context."""
    for name in list(os.environ):
        if name.startswith("REFLEX"):
            monkeypatch.delenv(name)
    # rustup finds its toolchain, and cargo its home, by HOME.
    home = Path.home()
    for name, folder in (("RUSTUP_HOME", ".rustup"), ("CARGO_HOME", ".cargo")):
        monkeypatch.setenv(name, os.environ.get(name) or str(home / folder))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home/.config"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "no-kubeconfig"))
