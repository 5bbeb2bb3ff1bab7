"""The suites that bakeoffs measure models with, made as the training data is, of other families.

What a suite asks beyond a training item: a numbered error code, a repair that keeps every
declaration, code whose deletion repairs nothing, and no twin.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reflex_bakeoff.quality.cheats import cheats
from reflex_bakeoff.suite.item import Item, Origin
from reflex_bakeoff.suite.lint import program_hash
from reflex_bakeoff.suite.suite import Suite
from reflex_loop.patch import read_reply
from reflex_loop.planning import plan as plan_edits
from reflex_loop.rust_source import code_only
from reflex_tiny.compiler import Compiler, Source
from reflex_tiny.crate_suites import LICENCE, V1, CratePlan
from reflex_tiny.dataset import Plan, items
from reflex_tiny.items import Item as Question
from reflex_tiny.items import assessment
from reflex_tiny.shards import HERE, INDEX

FOLDER: Final = HERE.parents[1] / "configs/suites"
RUSTC: Final = "rustc 1.95."
"""What verified the suites: another one may say other codes."""
_MOST_FAMILY: Final = 80
_LONGEST_PROMPT: Final = 1_500
"""Characters: a question and its reply fit into the tiny models' 1024 tokens."""
_DECLARED: Final = re.compile(r"\b(?:fn|struct|enum|trait|mod|const|type)\s+([A-Za-z_]\w*)")


@dataclass(frozen=True, kw_only=True)
class SuitePlan:
    """A suite of single small files.

    Attributes:
        strata: how many items of each code; at least three, so that a share says something.
        of_program: the most items that one correct program may give.
    """

    name: str
    version: int
    description: str
    seed: int
    groups: tuple[int, ...]
    strata: Mapping[str, int]
    of_program: int = 2

    @property
    def count(self) -> int:
        """Return the number of items."""
        return sum(self.strata.values())

    def candidates(self) -> Plan:
        """Return the plan of what is tried; far more than is taken."""
        return Plan(
            split="suite",
            groups=self.groups,
            count=100 * self.count,
            seed=self.seed,
            mistakes=4,
            policy=True,
            known=known_programs(),
        )


SMOKE: Final = SuitePlan(
    name="rust-repair-smoke",
    version=1,
    description="Small single-file Rust programs with one mistake each, for models of a million"
    " parameters: shows that the gate works, not that a model can be relied on.",
    seed=71,
    groups=(1,),
    strata={
        "E0308": 13, "E0425": 10, "E0277": 9, "E0599": 9, "E0004": 6, "E0106": 6, "E0382": 6,
        "E0596": 6, "E0061": 5, "E0063": 4, "E0507": 4, "E0614": 4, "E0026": 3, "E0282": 3,
        "E0373": 3, "E0560": 3, "E0603": 3, "E0609": 3,
    },
)  # fmt: skip
PLANS: Final[Mapping[str, SuitePlan | CratePlan]] = {plan.name: plan for plan in (SMOKE, V1)}


def known_programs() -> frozenset[str]:
    """Return the hashes of all programs that the bundled models were trained or judged with."""
    index = json.loads(INDEX.read_text("utf-8"))
    return frozenset(index["programs"]) | frozenset(index["held_out"]["programs"])


def known_families() -> frozenset[str]:
    """Return the families of those programs."""
    index = json.loads(INDEX.read_text("utf-8"))
    return frozenset(index["families"]) | frozenset(index["held_out"]["families"])


def suite(plan: SuitePlan | CratePlan, found: Iterable[Item]) -> Suite:
    """Return the suite of a plan's items."""
    return Suite(
        name=plan.name,
        version=plan.version,
        seed=plan.seed,
        licence=LICENCE,
        description=plan.description,
        items=tuple(found),
    )


def small(
    plan: SuitePlan, compiler: Compiler, say: Callable[[str], None] | None = None
) -> Iterator[Item]:
    """Yield a plan's items, numbered; the first ones of a plan are always the same."""
    strata: Counter[str] = Counter()
    programs: Counter[str] = Counter()
    twins: set[str] = set()
    made = 0
    for question in items(plan.candidates(), compiler):
        full = strata[question.code] >= plan.strata.get(question.code, 0)
        full |= programs[question.program] >= plan.of_program
        if full or len(question.prompt) > _LONGEST_PROMPT:
            continue
        item = one(plan, question, made)
        if item is None or program_hash(item) in twins or deletion_repairs(item, compiler):
            continue
        twins.add(program_hash(item))
        strata[question.code] += 1
        programs[question.program] += 1
        made += 1
        yield item
        if say and made % 10 == 0:
            say(f"{plan.name}: {made} of {plan.count} items, {compiler.runs} rustc runs")
        if made == plan.count:
            return


def one(plan: SuitePlan, question: Question, number: int) -> Item | None:
    """Return a suite's item of a training item, or None when its repair breaks the rules."""
    family = "+".join(question.families)
    if len(family) > _MOST_FAMILY:
        return None
    solved = _solved(question)
    item = Item(
        id=f"{question.code.lower()}-{number:03}",
        stratum=question.code,
        codes=(question.code,),
        files={question.path: question.source},
        entry=question.path,
        solution={question.path: solved},
        retained=tuple(sorted(_declared(question.source) & _declared(solved))),
        licence=LICENCE,
        origin=Origin(
            kind="generated",
            family=family,
            source=f"reflex_tiny.suites {plan.name} seed {plan.seed}: {question.kind}",
        ),
    )
    return None if any(cheats(item, item.solution)) else item


def deletion_repairs(item: Item, compiler: Compiler) -> bool:
    """Return whether the item compiles, and keeps the rules, without the lines to be repaired."""
    ((path, broken),) = item.files.items()
    solved = item.solution[path].split("\n")
    kept = [line for line in broken.split("\n") if line in solved]
    text = "\n".join(kept)
    ((_, code, _),) = compiler.check([Source(path=path, text=text)])
    return code == 0 and not any(cheats(item, {path: text}))


def _solved(question: Question) -> str:
    document, _ = read_reply(question.reply)
    _, shown = assessment(question.path, question.source, b"", 1)
    (change,) = plan_edits(document, shown).changes
    return (change.after or b"").decode()


def _declared(text: str) -> frozenset[str]:
    return frozenset(_DECLARED.findall(code_only(text)))


def folder(plan: SuitePlan | CratePlan) -> Path:
    """Return where the suite lies."""
    return FOLDER / plan.name
