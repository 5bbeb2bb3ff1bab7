"""What a workspace needs from registries, by its Cargo.lock, and where that is."""

import asyncio
import os
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from reflex_runner.cargo_home import Registry
from reflex_runner.errors import ConfinementError, RunnerError
from reflex_runner.fetching import Fetcher
from reflex_runner.job import Outcome
from reflex_runner.local import UnconfinedRunner
from reflex_runner.toolchain import Toolchain
from reflexctl.errors import CliError, ConfigurationError
from reflexctl.progress import first_line
from reflexctl.screen import Screen

_SECONDS: Final = 300.0
_HINTS: Final = ("fetch them yourself: cargo fetch --locked", "or go without: --no-fetch")


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package that does not lie in the workspace."""

    name: str
    version: str
    is_git: bool


def needed(root: Path) -> tuple[Package, ...]:
    """Return what Cargo.lock names beyond the workspace; nothing without a readable one."""
    try:
        document = tomllib.loads((root / "Cargo.lock").read_text("utf-8"))
    except (OSError, ValueError):
        return ()
    entries = [each for each in document.get("package", []) if isinstance(each, dict)]
    return tuple(
        Package(
            name=str(each.get("name")),
            version=str(each.get("version")),
            is_git=str(each["source"]).startswith("git+"),
        )
        for each in entries
        if each.get("source")
    )


def are_in(home: Path, packages: tuple[Package, ...]) -> bool:
    """Return whether a cargo home has the sources of all; git sources are never certain."""
    sources = home / "registry/src"
    there = {each.name for folder in sources.glob("*") for each in folder.glob("*")}
    return all(not each.is_git and f"{each.name}-{each.version}" in there for each in packages)


def cargo_home() -> Path:
    """Return the user's own cargo home."""
    return Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")


def cache() -> Path:
    """Return where fetched dependencies are kept from one repair to the next."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reflex/cargo"


async def provide(
    root: Path, toolchain: Toolchain, scratch: Path, screen: Screen, *, fetch: bool | None
) -> Registry:
    """Return the registry for a repair, fetching into it where that is needed and allowed.

    Sources that the user's cargo has already are used as they are, read-only. A cargo that fetches
    runs confined, with the network and without building anything.

    Args:
        root: the workspace.
        toolchain: which cargo.
        scratch: a folder for a copy of the workspace.
        screen: is told that it takes a while.
        fetch: always, never, or (None) when something is missing.

    Raises:
        ConfigurationError: fetching was asked for and is not possible.
        CliError: fetching failed.
    """
    packages = await asyncio.to_thread(needed, root)
    own = cargo_home()
    if fetch and not (root / "Cargo.lock").is_file():
        raise ConfigurationError(
            "--fetch: there is no Cargo.lock", hints=("make one: cargo generate-lockfile",)
        )
    if not packages or fetch is False or (fetch is None and are_in(own, packages)):
        return Registry(home=own)
    many = "dependency" if len(packages) == 1 else "dependencies"
    screen.say(f"fetching {len(packages)} {many}")
    config = own / "config.toml"
    try:
        # Only for its copy of the tree: cargo must not be led by what lies around it.
        copy = UnconfinedRunner(toolchain, scratch)
        await asyncio.to_thread(copy.copy, root)
        fetcher = Fetcher(
            toolchain=toolchain,
            places=copy.places,
            home=cache(),
            config=config if config.is_file() else None,
        )
        done = await _fetched(fetcher)
    except RunnerError as error:
        raise CliError(f"dependencies cannot be fetched: {error}", hints=_HINTS) from error
    if done.code or done.timed_out:
        said = done.stderr.decode("utf-8", "replace")
        why = f"more than {_SECONDS:g} s" if done.timed_out else _error_of(said)
        raise CliError(f"dependencies cannot be fetched: {why}", hints=_HINTS)
    return Registry(home=cache())


async def _fetched(fetcher: Fetcher) -> Outcome:
    """Fetch under the first confinement that works here."""
    try:
        return await fetcher.fetch(seconds=_SECONDS)
    except ConfinementError:
        return await replace(fetcher, method="bubblewrap").fetch(seconds=_SECONDS)


def _error_of(text: str) -> str:
    """Return cargo's first word on what went wrong."""
    found = [line for line in text.splitlines() if line.startswith("error")]
    return found[0] if found else first_line(text)
