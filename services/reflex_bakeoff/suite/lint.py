"""What is wrong with a suite beyond its form. Pure: the compiler is asked elsewhere."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from typing import Final, Literal

from reflex_bakeoff.suite.item import Item
from reflex_bakeoff.suite.likeness import program_hash as file_hash
from reflex_bakeoff.suite.suite import Suite

LICENCES: Final = frozenset(
    {"Apache-2.0", "MIT", "MIT OR Apache-2.0", "Apache-2.0 OR MIT", "BSD-2-Clause", "BSD-3-Clause",
     "CC0-1.0", "Unlicense", "ISC", "Zlib"}
)  # fmt: skip
"""What may be given away with Reflex; a private suite may say more."""

_WORD = re.compile(r"""[A-Za-z_][A-Za-z0-9_]*|[0-9]+|"(?:\\.|[^"\\])*"|\S""", re.DOTALL)
_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing to look at; an error makes the suite unusable for evidence."""

    severity: Literal["error", "warning"]
    item: str
    """Empty: the suite as a whole."""
    text: str


def lint(
    suite: Suite, *, least: int = 300, licences: Collection[str] = LICENCES,
    known_families: Collection[str] = (), known_programs: Collection[str] = (),
) -> tuple[Finding, ...]:  # fmt: skip
    """Return everything that is wrong with a suite, in the order of its items.

    Args:
        suite: what `load_suite` gave.
        least: items that the gate's last look needs.
        licences: those that are allowed.
        known_families: template families of a training set: none may be here.
        known_programs: `likeness.program_hash` of its files: likewise.
    """
    singly = (_one(item, licences, known_families, known_programs) for item in suite.items)
    return (*_whole(suite, least), *_twins(suite), *chain.from_iterable(singly))


def program_hash(item: Item) -> str:
    """Return a hash of the program that renaming, comments and spaces do not change.

    Every name that is no keyword becomes its place of first use, every number 0, every text "".
    """
    names: dict[str, str] = {}
    words = []
    for path in sorted(item.files):
        if not path.endswith(".rs"):
            continue
        bare = _COMMENT.sub(_keep_texts, item.files[path])
        for word in _WORD.findall(bare):
            if word[0].isdigit():
                words.append("0")
            elif word[0] == '"':
                words.append('""')
            elif (word[0].isalpha() or word[0] == "_") and word not in _KEYWORDS:
                words.append(names.setdefault(word, f"n{len(names)}"))
            else:
                words.append(word)
    return sha256(" ".join(words).encode()).hexdigest()


def _keep_texts(match: re.Match[str]) -> str:
    return match.group() if match.group().startswith('"') else " "


def _whole(suite: Suite, least: int) -> Iterator[Finding]:
    if len(suite.items) < least:
        yield Finding(
            severity="error", item="", text=f"{len(suite.items)} items, at least {least} are needed"
        )
    for stratum, count in suite.strata().items():
        if count < 3:
            yield Finding(
                severity="warning",
                item="",
                text=f"{stratum} has {count} items: no share to speak of",
            )
    families = {item.origin.family for item in suite.items}
    largest = max(
        ((sum(item.origin.family == one for item in suite.items), one) for one in families),
        default=(0, ""),
    )
    if largest[0] > len(suite.items) / 4:
        yield Finding(
            severity="warning",
            item="",
            text=f"family {largest[1]} makes {largest[0]} of {len(suite.items)} items",
        )


def _twins(suite: Suite) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for item in suite.items:
        twin = seen.setdefault(program_hash(item), item.id)
        if twin != item.id:
            yield Finding(
                severity="error",
                item=item.id,
                text=f"the same program as {twin} but for names, numbers and comments: one item"
                " counted twice makes bounds too narrow",
            )


def _one(
    item: Item, licences: Collection[str], families: Collection[str], programs: Collection[str]
) -> Iterator[Finding]:
    if item.licence not in licences:
        yield Finding(severity="error", item=item.id, text=f"licence {item.licence} is not allowed")
    for family in sorted(set(item.origin.family.split("+")) & set(families)):
        yield Finding(severity="error", item=item.id, text=f"family {family} was trained on")
    solved = {**item.files, **item.solution}
    if any(one.endswith(".rs") and file_hash(solved[one]) in programs for one in solved):
        yield Finding(severity="error", item=item.id, text="its program was trained on")
    if item.origin.kind == "harvested" and not item.origin.source:
        yield Finding(severity="error", item=item.id, text="a harvested item must name its source")
    text = "\n".join(item.files.values())
    if re.search(r"\bcompile_error!", text):
        yield Finding(severity="error", item=item.id, text="compile_error! cannot be repaired")
    if any(word in text for word in ("fixme", "FIXME", "BUG:", "the error is")):
        yield Finding(severity="warning", item=item.id, text="a comment may give the fault away")
    if not item.tests and not item.retained:
        yield Finding(
            severity="warning",
            item=item.id,
            text="neither tests nor retained items: deleting the code would repair it",
        )


_KEYWORDS: Final = frozenset(
    {"as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern",
     "false", "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub",
     "ref", "return", "self", "Self", "static", "struct", "super", "trait", "true", "type", "union",
     "unsafe", "use", "where", "while"}
)  # fmt: skip
