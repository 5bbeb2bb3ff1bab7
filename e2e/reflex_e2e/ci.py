"""`make test`: every check, phase by phase, with times.

The order is by cost: what fails in seconds fails first.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from reflex_e2e.kubectl import LAB, ROOT, CommandError, run
from reflex_e2e.progress import Phases
from reflex_lab import packages
from reflex_lab.console import Console
from reflex_lab.errors import LabError

BIN = ROOT / ".venv/bin"


def main() -> int:
    """Run the chosen phases; return 0 when all passed."""
    parser = argparse.ArgumentParser(prog="make test", description=__doc__)
    parser.add_argument("--only", choices=list(PHASES), help="run one phase")
    chosen = parser.parse_args().only
    phases = Phases()
    try:
        for name, check in PHASES.items():
            if chosen in (None, name):
                with phases.phase(name):
                    check()
    except (CommandError, LabError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"\nall checks passed\n{phases.summary()}", file=sys.stderr)
    return 0


def lint() -> None:
    """Format, lint, types, import rules, generated files."""
    folders = ["operator", "services", "e2e", "images", "tests", "training"]
    checked(BIN / "ruff", "format", "--check", "--quiet", *folders)
    checked(BIN / "ruff", "check", "--quiet", *folders)
    checked(BIN / "mypy")
    checked(BIN / "lint-imports", "--no-cache", env={"PYTHONPATH": "operator:services"})


PACKAGES = (
    "reflex_api", "reflex_bakeoff", "reflex_operator", "reflex_loop", "reflex_loop_service",
    "reflex_reflection", "reflex_routing", "reflex_runner", "reflex_service", "reflex_weights",
    "reflexctl",
)  # fmt: skip


def unit() -> None:
    """Tests without a cluster, but for those that run against the wheel."""
    ours = [f"--ignore=tests/unit/{name}" for name in PACKAGES]
    pytest("tests/unit", "tests/property", *ours)


def corpus() -> None:
    """The real rustc: over the broken crates, and on hostile ones; skipped where there is none."""
    rust_packages()
    pytest("tests/corpus", "tests/sandbox", "tests/tiny")


def rust_packages() -> None:
    """Install Debian's Rust, a linker and bubblewrap where they are absent and we may."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return  # the tests say what they miss
    needed = {"bwrap": "bubblewrap"}
    if not shutil.which("rustc"):  # rustup's counts, wherever it is
        needed |= {"rustc": "rustc-web", "cargo": "cargo-web"}
    if not shutil.which("cc"):
        needed |= {"cc": "gcc", "headers-of-the-c-library": "libc6-dev"}
    packages.ensure(needed, console=Console())


def service() -> None:
    """The repair service on SQLite and on a real PostgreSQL, killed and started again."""
    pytest("tests/service")


def wheel() -> None:
    """The packages' unit tests against the built wheel, so that no file is missing from it."""
    with tempfile.TemporaryDirectory() as folder:
        checked(
            sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder,
            env={"PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        (built,) = Path(folder).glob("*.whl")
        installed = Path(folder) / "installed"
        with zipfile.ZipFile(built) as archive:
            archive.extractall(installed)
        rest = ["e2e/lab", "e2e", "tests", "images", "training"]
        paths = " ".join([str(installed), *(str(ROOT / name) for name in rest)])
        where = run(
            [sys.executable, "-c", "import reflex_operator; print(reflex_operator.__file__)"],
            env={"PYTHONPATH": str(installed)},
        )
        if not where.startswith(str(installed)):
            raise CommandError(f"the wheel's package is not the one that is imported: {where}")
        pytest(
            "-o", f"pythonpath={paths}", *(f"tests/unit/{name}" for name in PACKAGES),
            env={"PYTHONPATH": str(installed)},
        )  # fmt: skip


def contract() -> None:
    """What only the real SGLang can say."""
    pytest("tests/contract")


def controlplane() -> None:
    """A real API server with its controllers and fake GPU nodes."""
    pytest("tests/controlplane")


def lab() -> None:
    """The real node, with the operator installed from the chart."""
    status = subprocess.run([LAB, "status"], check=False, stdout=subprocess.DEVNULL)
    was_up = status.returncode == 0
    try:
        pytest("e2e/tests")
    finally:
        if not was_up and not os.environ.get("REFLEX_KEEP_LAB"):
            checked(LAB, "down")


def pytest(*arguments: str, env: Mapping[str, str] | None = None) -> None:
    """Run pytest in a process of its own."""
    checked(sys.executable, "-m", "pytest", "-q", *arguments, env=env)


def checked(*command: str | Path, env: Mapping[str, str] | None = None) -> None:
    """Run a command with its output on the terminal.

    Raises:
        CommandError: it failed.
    """
    words = [str(word) for word in command]
    done = subprocess.run(words, check=False, cwd=ROOT, env={**os.environ, **(env or {})})
    if done.returncode:
        raise CommandError(f"{' '.join(words)}: exit code {done.returncode}")


PHASES: dict[str, Callable[[], None]] = {
    "lint": lint,
    "unit": unit,
    "corpus": corpus,
    "service": service,
    "wheel": wheel,
    "contract": contract,
    "controlplane": controlplane,
    "lab": lab,
}

if __name__ == "__main__":
    sys.exit(main())
