"""A clone of somebody's repository, of which nothing is run."""

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from reflexctl.errors import ConfigurationError

_SECONDS: Final = 600
# No program that a repository or its configuration names.
_HARMLESS: Final = (
    "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false",
    "-c", "protocol.ext.allow=never",
)  # fmt: skip
_HUNK: Final = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@")


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """What was cloned.

    Attributes:
        root: of the work tree.
        name: of the repository, fit for a suite's name.
        source: where it came from, without credentials, and the commit.
        tracked: its files.
        changed: lines that changed since a reference, by file, the first is 0; None: not asked.
    """

    root: Path
    name: str
    source: str
    tracked: tuple[str, ...]
    changed: Mapping[str, frozenset[int]] | None


@contextmanager
def cloned(repository: str, since: str = "") -> Iterator[Checkout]:
    """Lend a clone of the last commit; what is not committed is not in it.

    Args:
        repository: a folder or what git can clone.
        since: a commit, tag or branch; its later changes are looked for.

    Raises:
        ConfigurationError: it cannot be cloned, or does not know the reference.
    """
    folder = Path(repository)
    is_here = folder.exists()
    if is_here:
        repository = _git(["-C", str(folder), "rev-parse", "--show-toplevel"], repository).strip()
    shallow = [] if is_here or since else ["--depth=1"]
    with TemporaryDirectory(prefix="reflexctl-clone-", ignore_cleanup_errors=True) as scratch:
        root = Path(scratch).resolve() / "tree"
        _git(
            ["clone", "--quiet", "--no-recurse-submodules", *shallow, "--", repository, str(root)],
            repository,
        )
        commit = _git(["-C", str(root), "rev-parse", "HEAD"], repository).strip()
        listed = _git(["-C", str(root), "ls-files", "-z"], repository)
        yield Checkout(
            root=root,
            name=_name(repository),
            source=f"{_public(repository)}@{commit}",
            tracked=tuple(path for path in listed.split("\0") if path),
            changed=_changed(root, since, repository) if since else None,
        )


def _changed(root: Path, since: str, repository: str) -> Mapping[str, frozenset[int]]:
    for name in (since, f"origin/{since}"):
        if not name.startswith("-") and _resolves(root, name):
            break
    else:
        raise ConfigurationError(
            f"--since {since}: {repository} has no such commit, tag or branch",
            hints=("name one that its last commit descends from, such as HEAD~20 or a tag",),
        )
    command = ["-C", str(root), "diff", "--unified=0", "--no-color", "--no-ext-diff"]
    text = _git([*command, "--no-textconv", "--no-renames", name, "HEAD", "--", "*.rs"], repository)
    return changed_lines(text)


def changed_lines(diff: str) -> Mapping[str, frozenset[int]]:
    """Return the lines that a diff without context adds or changes; the first is 0.

    >>> changed_lines("+++ b/src/lib.rs\\n@@ -3 +3,2 @@\\n+a\\n+b\\n@@ -9,2 +10,0 @@\\n")
    {'src/lib.rs': frozenset({2, 3})}
    """
    found: dict[str, set[int]] = {}
    path = ""
    for line in diff.split("\n"):
        if line.startswith("+++ "):
            path = line.removeprefix("+++ ").removeprefix("b/")
        elif match := _HUNK.match(line):
            start, count = int(match[1]), int(match[2] or 1)
            found.setdefault(path, set()).update(range(start - 1, start - 1 + count))
    return {name: frozenset(lines) for name, lines in found.items() if lines}


def _resolves(root: Path, name: str) -> bool:
    command = ["git", *_HARMLESS, "-C", str(root), "rev-parse", "--verify", "--quiet"]
    return not subprocess.run(
        [*command, f"{name}^{{commit}}"], capture_output=True, check=False
    ).returncode


def _git(arguments: Sequence[str], repository: str) -> str:
    try:
        done = subprocess.run(
            ["git", *_HARMLESS, *arguments],
            capture_output=True,
            check=False,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError as error:
        raise ConfigurationError("git is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise ConfigurationError(f"{repository}: git took more than {_SECONDS} s") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().split("\n")
        told = next((one for one in said if one.startswith("fatal:")), said[-1])
        raise ConfigurationError(
            f"{_public(repository)} cannot be cloned: {told.removeprefix('fatal: ')}",
            hints=("name a folder in a git repository, or a URL that `git clone` takes",),
        )
    return done.stdout.decode("utf-8", "surrogateescape")


def _public(repository: str) -> str:
    """Return an address without a user's name and password."""
    parts = urlsplit(repository)
    if not parts.scheme or "@" not in parts.netloc:
        return repository
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _name(repository: str) -> str:
    last = re.split(r"[/:]", repository.rstrip("/"))[-1].removesuffix(".git").lower()
    return re.sub(r"[^a-z0-9]+", "-", last).strip("-")[:40] or "repository"
