"""The suite for stronger models: crates with tests, judged by cargo in the sandbox.

Mistake k of a crate is a pure function of the plan's seed, the crate's name and k; all crates take
turns. So the same plan gives the same items, and what the sandbox said is remembered.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from reflex_bakeoff.harvest.verifying import Label, Verifier
from reflex_bakeoff.suite.item import Item
from reflex_bakeoff.suite.lint import program_hash
from reflex_loop.adapters.checker import RunnerChecker
from reflex_runner.opening import open_local
from reflex_runner.toolchain import Toolchain
from reflex_tiny.compiler import cache_folder
from reflex_tiny.crates import Crate, crates, mistakes
from reflex_tiny.errors import DataError
from reflex_tiny.remembering import PlainRustc, RememberingRunner

LICENCE: Final = "Apache-2.0"
_GIVE_UP: Final = 400
"""Rounds: a stratum that no mistake leads to would be waited for in vain."""


@dataclass(frozen=True, kw_only=True)
class CratePlan:
    """A suite of crates.

    Attributes:
        strata: how many items of each code.
        of_program: the most items that one crate may give.
    """

    name: str
    version: int
    description: str
    seed: int
    groups: tuple[int, ...]
    strata: Mapping[str, int]
    of_program: int

    @property
    def count(self) -> int:
        """Return the number of items."""
        return sum(self.strata.values())


V1: Final = CratePlan(
    name="rust-repair-v1",
    version=1,
    description="Crates, workspaces and single files of 60 to 160 lines with hidden tests and one"
    " to three mistakes at once, for models of twenty billion parameters and more.",
    seed=81,
    groups=(2, 3),
    strata={
        "E0308": 50, "E0277": 38, "E0425": 28, "E0599": 26, "E0106": 13, "E0261": 12, "E0596": 12,
        "E0053": 11, "E0502": 11, "E0063": 9, "E0382": 8, "E0507": 8, "E0061": 7, "E0609": 7,
        "E0432": 6, "E0515": 6, "E0594": 6, "E0373": 5, "E0423": 5, "E0560": 5, "E0004": 4,
        "E0046": 4, "E0107": 4, "E0282": 4, "E0392": 4, "E0614": 4, "E0271": 3,
    },
    of_program=40,
)  # fmt: skip


async def items(
    plan: CratePlan,
    *,
    workers: int = 2,
    say: Callable[[str], None] | None = None,
    store: Path | None = None,
    programs_too: bool = True,
) -> AsyncGenerator[Item, None]:
    """Yield a plan's items, numbered; the first ones of a plan are always the same.

    Args:
        plan: what to make.
        workers: sandboxes at once.
        say: hears how far it is.
        store: file with what the sandbox said; None: that in the user's cache.
        programs_too: prove first that the crates themselves are right.

    Raises:
        DataError: a crate does not compile or its tests fail, or the strata cannot be filled.
    """
    found = crates(plan.groups)
    strata: Counter[str] = Counter()
    programs: Counter[str] = Counter()
    rejected: Counter[str] = Counter()
    twins: set[str] = set()
    made = 0
    async with AsyncExitStack() as stack:
        judges = [await _judge(plan, crate, stack, store) for crate in found]
        for each in judges if programs_too else ():
            if fault := await each.verifiers[1].fault():
                raise DataError(f"{each.crate.program.family}: {fault}")
        gate = asyncio.Semaphore(workers)
        for number in range(_GIVE_UP):
            open_crates = [
                each for each in judges if programs[each.crate.program.family] < plan.of_program
            ]
            tried = await asyncio.gather(*(each.item(plan, number, gate) for each in open_crates))
            for each, item in zip(open_crates, tried, strict=True):
                if isinstance(item, str):
                    rejected[item] += 1
                    continue
                full = strata[item.stratum] >= plan.strata.get(item.stratum, 0)
                if full or program_hash(item) in twins:
                    rejected["full" if full else "twin"] += 1
                    continue
                twins.add(program_hash(item))
                strata[item.stratum] += 1
                programs[each.crate.program.family] += 1
                made += 1
                yield item
                if made == plan.count:
                    return
            if say:
                say(f"{plan.name}: {made} of {plan.count} items, {dict(rejected)}")
    lacking = {code: n - strata[code] for code, n in plan.strata.items() if strata[code] < n}
    raise DataError(f"{plan.name}: no mistake leads to what is lacking: {lacking}")


@dataclass(frozen=True, kw_only=True)
class _Judge:
    crate: Crate
    verifiers: Mapping[int, Verifier]

    async def item(self, plan: CratePlan, number: int, gate: asyncio.Semaphore) -> Item | str:
        family = self.crate.program.family
        rng = Random(f"{plan.name} {plan.seed} {family} {number}")
        drawn = mistakes(rng, self.crate, number)
        if drawn is None:
            return "nothing drawn"
        how_many, wrong = drawn
        name = f"{family.removeprefix('v_').replace('_', '-')}-{number:03}"
        async with gate:
            return await self.verifiers[how_many].item(name, wrong)


async def _judge(
    plan: CratePlan, crate: Crate, stack: AsyncExitStack, store: Path | None
) -> _Judge:
    toolchain = await asyncio.to_thread(Toolchain.find)
    version = hashlib.sha256(toolchain.version.encode()).hexdigest()[:12]
    scratch = stack.enter_context(TemporaryDirectory(prefix="reflex-suite-"))
    runner = await open_local(Path(scratch, "build"), toolchain=toolchain)
    stack.callback(runner.close)
    known = store or cache_folder() / f"ran-{version}.sqlite"
    remembering = RememberingRunner(runner, known)
    stack.callback(remembering.close)
    checker = None
    if "src/lib.rs" in crate.program.files:
        rustc = RememberingRunner(PlainRustc(toolchain), known)
        stack.callback(rustc.close)
        checker = RunnerChecker(rustc, entry="src/lib.rs", edition=crate.program.edition)
    verifiers = {
        errors: Verifier(
            crate.program,
            remembering,
            Label(
                licence=LICENCE,
                kind="generated",
                source=f"reflex_tiny.crate_suites {plan.name} seed {plan.seed}",
                least_errors=errors,
            ),
            checker=checker,
        )
        for errors in (1, 2, 3)
    }
    return _Judge(crate=crate, verifiers=verifiers)
