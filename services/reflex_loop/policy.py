"""What no patch may do, whoever wrote it: the model or the compiler's own suggestions."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from reflex_loop.changes import ChangeSet, FileChange, text_of
from reflex_loop.errors import PolicyError
from reflex_loop.paths import check_name, check_on_disk
from reflex_loop.rust_source import names_of_tests, words

SILENCERS: Final = frozenset({"#allow", "#expect", "#cfg", "#cfg_attr", "#ignore", "#should_panic"})
"""Attributes that make a message go away instead of its cause."""

PLACEHOLDERS: Final = frozenset({"todo!", "unimplemented!"})
"""Macros that compile and then panic."""

ESCAPES: Final = frozenset(
    {"unsafe", "asm!", "global_asm!", "include!", "include_str!", "include_bytes!", "#path"}
)
"""What leaves Rust's guarantees, or makes the compiler read files that are no part of the crate."""

_ASSERTIONS: Final = ("assert!", "assert_eq!", "assert_ne!")


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The bounds of one repair.

    Attributes:
        manifests: whether `Cargo.toml` may be changed.
        build_scripts: whether `build.rs` may be changed. It is run by every check.
        refused_words: what may not become more in the whole patch; see `rust_source.words`.
        max_files: files in one patch.
        max_added_bytes: growth of all files in one patch.
        max_removed_share: of a file's lines; deleting the code that does not compile is no repair.
    """

    manifests: bool = False
    build_scripts: bool = False
    refused_words: frozenset[str] = SILENCERS | PLACEHOLDERS | ESCAPES
    max_files: int = 12
    max_added_bytes: int = 128 * 1024
    max_removed_share: float = 0.5
    min_removed_lines: int = 20


def check(changes: ChangeSet, policy: Policy, root: Path | None = None) -> None:
    """Refuse a patch that breaks a rule.

    Args:
        changes: the dry run's result.
        policy: the bounds.
        root: the workspace, to look for links on the paths; None leaves that to the applier.

    Raises:
        PolicyError: the first rule broken; its text goes to the model.
    """
    if len(changes.changes) > policy.max_files:
        raise PolicyError(
            "size", f"{len(changes.changes)} files in one patch, more than {policy.max_files}"
        )
    for change in changes.changes:
        check_name(change.path, manifests=policy.manifests, build_scripts=policy.build_scripts)
        if root is not None:
            check_on_disk(root, change.path)
    added = sum(len(each.after or b"") - len(each.before or b"") for each in changes.changes)
    if added > policy.max_added_bytes:
        raise PolicyError("size", f"{added} bytes more, over {policy.max_added_bytes}")
    sources = [each for each in changes.changes if each.path.endswith(".rs")]
    _check_words(sources, policy)
    _check_tests(sources)
    _check_removed(changes, policy)


def _check_words(changes: Iterable[FileChange], policy: Policy) -> None:
    """Refuse new uses of the words; moving one from file to file is no new use."""
    grown: Counter[str] = Counter()
    texts = [(text_of(change.before), text_of(change.after)) for change in changes]
    names = {word.strip("#!") for word in policy.refused_words}
    if not any(name in after for _, after in texts for name in names):
        return  # nothing to count; counting reads every word of both versions
    for old, new in texts:
        after, before = words(new), words(old)
        for word in policy.refused_words:
            grown[word] += after.get(word, 0) - before.get(word, 0)
    found = sorted(word for word, count in grown.items() if count > 0)
    if found:
        raise PolicyError("words", f"new {', '.join(found)}: repair the cause instead")


def _check_tests(changes: Iterable[FileChange]) -> None:
    """Refuse a patch that takes tests or their assertions away."""
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    assertions = 0
    for change in changes:
        old, new = text_of(change.before), text_of(change.after)
        tests = names_of_tests(old)
        before += tests
        after += names_of_tests(new)
        if tests or _is_test_file(change.path):
            was, is_now = words(old), words(new)
            assertions += sum(was.get(name, 0) - is_now.get(name, 0) for name in _ASSERTIONS)
    lost = sorted((before - after).keys())
    if lost:
        raise PolicyError("tests", f"tests are gone: {', '.join(lost[:5])}")
    if assertions > 0:
        raise PolicyError("tests", f"{assertions} assertion(s) fewer in files with tests")


def _is_test_file(path: str) -> bool:
    return "tests" in PurePosixPath(path).parts[:-1]


def _check_removed(changes: ChangeSet, policy: Policy) -> None:
    """Refuse a patch that repairs by deleting."""
    moved = set(changes.moved.values())
    for change in changes.changes:
        if change.before is None or change.path in moved:
            continue
        was = change.before.count(b"\n")
        lost = was - (change.after or b"").count(b"\n")
        if lost >= policy.min_removed_lines and lost > policy.max_removed_share * was:
            raise PolicyError("removal", f"{change.path}: {lost} of {was} lines are deleted")
