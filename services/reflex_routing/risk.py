"""Is a repair risky? Risky ones go to the cloud first. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final


@dataclass(frozen=True, kw_only=True)
class RiskRule:
    """What makes a repair risky."""

    max_files: int = 4
    """More files than this are too many."""
    paths: tuple[str, ...] = ()
    """Globs over paths relative to the workspace; `**/` is any number of folders."""
    unsafe_code: bool = True
    """Whether existing `unsafe` in the text shown to the model counts."""


@dataclass(frozen=True, kw_only=True)
class RiskFacts:
    """What is known about a repair before the model is asked."""

    files: tuple[str, ...] = ()
    """Paths that the repair may touch, relative to the workspace, with `/`."""
    windows: tuple[str, ...] = ()
    """The Rust text that the model is shown around each error."""
    unsafe_code: bool = False
    """Whether the caller has found `unsafe` in that text itself."""


@dataclass(frozen=True, kw_only=True)
class Risk:
    """The assessment; risky when there is at least one reason."""

    files: int = 0
    reasons: tuple[str, ...] = ()

    @property
    def high(self) -> bool:
        """Whether the cloud is asked first."""
        return bool(self.reasons)

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"high": self.high, "files": self.files, "reasons": list(self.reasons)}


def assess(facts: RiskFacts, rule: RiskRule) -> Risk:
    """Return whether the repair is risky, with every reason."""
    reasons = []
    if len(facts.files) > rule.max_files:
        reasons.append(f"{len(facts.files)} files, more than {rule.max_files}")
    for path in facts.files:
        glob = next((glob for glob in rule.paths if matches(path, glob)), None)
        if glob is not None:
            reasons.append(f"{path} matches {glob}")
    if rule.unsafe_code and (
        facts.unsafe_code or any(has_unsafe(window) for window in facts.windows)
    ):
        reasons.append("unsafe code in the window")
    return Risk(files=len(facts.files), reasons=tuple(reasons))


def matches(path: str, glob: str) -> bool:
    """Return whether a relative path matches a glob; case does not count.

    >>> matches("src/Auth/token.rs", "**/auth/**"), matches("auth.rs", "**/*auth*")
    (True, True)
    >>> matches("src/author.rs", "**/auth/**")
    False
    """
    normal = path.replace("\\", "/").removeprefix("./")
    return _compiled(glob).fullmatch(normal) is not None


@lru_cache(maxsize=512)
def _compiled(glob: str) -> re.Pattern[str]:
    pattern = ""
    for part in re.split(r"(\*\*/|\*\*|\*|\?)", glob):
        match part:
            case "**/":
                pattern += "(?:.*/)?"
            case "**":
                pattern += ".*"
            case "*":
                pattern += "[^/]*"
            case "?":
                pattern += "[^/]"
            case _:
                pattern += re.escape(part)
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


_COMMENT_LINE: Final = re.compile(r"^[ \t]*//(?!.*\*/).*$", re.MULTILINE)
_UNSAFE: Final = re.compile(r"\bunsafe\b")


def has_unsafe(text: str) -> bool:
    """Return whether Rust text may hold the keyword `unsafe`.

    Only lines that are nothing but a comment are left out. A window may begin inside a string or
    a block comment, so telling those apart could miss real code; taking the word in a string for
    code costs one call to the cloud.

    >>> has_unsafe("let x = unsafe { *p };"), has_unsafe("  // unsafe is not needed")
    (True, False)
    >>> has_unsafe("#![forbid(unsafe_code)]")
    False
    """
    return _UNSAFE.search(_COMMENT_LINE.sub("", text)) is not None


def facts_of(files: Sequence[str], windows: Sequence[str]) -> RiskFacts:
    """Return the facts with each path once, in order."""
    return RiskFacts(files=tuple(dict.fromkeys(files)), windows=tuple(windows))
