"""A private suite out of the user's own crates: cloned, broken, verified in the sandbox."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from pydantic import ValidationError

from reflex_bakeoff.errors import BakeoffError
from reflex_bakeoff.harvest.harvesting import harvest
from reflex_bakeoff.harvest.journal import Journal, Subject
from reflex_bakeoff.harvest.packages import packages, registry_packages, without_tests
from reflex_bakeoff.harvest.program import Mistake, Program
from reflex_bakeoff.harvest.verifying import Label, Verifier
from reflex_bakeoff.quality.ground import write
from reflex_bakeoff.suite.item import Item
from reflex_bakeoff.suite.suite import MANIFEST, Suite, write_suite
from reflex_loop.errors import CheckError
from reflexctl.checkouts import Checkout, cloned
from reflexctl.errors import INTERRUPTED, NOT_DONE, OK, CliError, ConfigurationError
from reflexctl.interrupts import Interrupts
from reflexctl.progress import counted
from reflexctl.sandbox import sandbox
from reflexctl.screen import Screen
from reflexctl.steps import steps

_JOURNAL: Final = "harvest.partial.jsonl"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The arguments of `reflexctl suite build`."""

    repository: str
    out: Path | None
    name: str
    count: int
    seed: int
    since: str
    licence: str
    unsafe: bool


async def build(wish: Wish, screen: Screen) -> int:
    """Write the suite and return the exit code.

    Raises:
        ConfigurationError: nothing can be made of that repository here.
        CliError: the compiler cannot be run, or there was no item.
    """
    stop = asyncio.Event()
    work = asyncio.ensure_future(_build(wish, screen, stop))

    def gently() -> None:
        screen.say("stopping: what is verified is written")
        stop.set()

    try:
        with Interrupts().handled(gently, work.cancel):
            return await work
    except asyncio.CancelledError:
        screen.say("stopped: the same command goes on")
        return INTERRUPTED
    except (CheckError, BakeoffError) as error:
        raise CliError(str(error).removeprefix("error: ")) from error
    except OSError as error:
        raise ConfigurationError(f"{error.filename}: {error.strerror}") from error


async def _build(wish: Wish, screen: Screen, stop: asyncio.Event) -> int:
    with _clone(wish, screen) as checkout:
        name = wish.name or f"private-{checkout.name}"
        out = wish.out or Path(name)
        subject = Subject(
            source=checkout.source, seed=wish.seed, count=wish.count, since=wish.since,
            licence=wish.licence,
        )  # fmt: skip
        if (out / MANIFEST).exists() and not (out / _JOURNAL).exists():
            raise ConfigurationError(
                f"{out} holds a suite already", hints=("name another folder: --out DIR",)
            )
        found = packages(
            checkout.root, checkout.tracked, name=checkout.name, lines=checkout.changed
        )
        skipped = list(found.skipped)
        if not found.programs:
            raise _nothing(checkout, skipped)
        async with AsyncExitStack() as stack:
            judges: dict[str, Verifier] = {}
            for program in found.programs:
                screen.say(f"compiling {program.family}")
                judge = await _judge(program, wish, checkout, screen, stack)
                if isinstance(judge, str):
                    skipped.append(f"{program.family}: {judge}")
                else:
                    judges[program.family] = judge
            for one in skipped:
                screen.note("warning", f"left out: {one}")
            if not judges:
                raise _nothing(checkout, skipped)
            items, complete = await _harvest(
                [judge.program for judge in judges.values()], judges, subject, out, screen, stop
            )
    return _finish(
        wish, name, checkout.source, items, out, screen, skipped, stop, complete=complete
    )


async def _harvest(
    programs: Sequence[Program],
    judges: dict[str, Verifier],
    subject: Subject,
    out: Path,
    screen: Screen,
    stop: asyncio.Event,
) -> tuple[tuple[Item, ...], bool]:
    async def judged(program: Program, number: str, mistake: Mistake) -> Item | str:
        return await judges[program.family].item(number, mistake)

    with Journal(out / _JOURNAL, subject) as journal, steps(screen, "items") as tell:
        if journal.earlier:
            screen.say(f"going on after {counted(len(journal.earlier), 'mistake')}")
        items = await harvest(
            programs,
            count=subject.count,
            seed=subject.seed,
            earlier=journal.earlier,
            judge=judged,
            kept=journal.keep,
            stopped=stop.is_set,
            tell=tell,
        )
    return items, len(items) == subject.count


def _finish(
    wish: Wish, name: str, source: str, items: tuple[Item, ...], out: Path, screen: Screen,
    skipped: Sequence[str], stop: asyncio.Event, *, complete: bool,
) -> int:  # fmt: skip
    if not items:
        raise CliError(
            "no mistake was noticed by the compiler with an error code: there is no suite",
            hints=("give it more to break: leave out --since, or name another repository",),
        )
    try:
        suite = Suite(
            name=name,
            version=1,
            seed=wish.seed,
            licence=wish.licence,
            description=f"Mistakes in {source}"[:500],
            items=items,
        )
        write_suite(suite, out)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigurationError(f"--name {name}: {first['msg']}") from error
    if complete or not stop.is_set():
        (out / _JOURNAL).unlink(missing_ok=True)
    if screen.as_json:
        screen.json(
            {
                "suite": name, "out": str(out), "digest": suite.digest, "items": len(items),
                "wanted": wish.count, "strata": suite.strata(), "left_out": list(skipped),
            }
        )  # fmt: skip
    screen.say(f"{out}: {counted(len(items), 'item')} of {wish.count}, {suite.digest}")
    if stop.is_set() and not complete:
        screen.note("hint", "the same command goes on")
        return INTERRUPTED
    if not complete:
        screen.note("hint", "fewer items than wanted: a gate for them needs smaller looks")
    return OK if complete else NOT_DONE


@contextmanager
def _clone(wish: Wish, screen: Screen) -> Iterator[Checkout]:
    screen.say(f"cloning {wish.repository}")
    with cloned(wish.repository, wish.since) as checkout:
        yield checkout


async def _judge(
    program: Program, wish: Wish, checkout: Checkout, screen: Screen, stack: AsyncExitStack
) -> Verifier | str:
    """Return the verifier of a program that compiles, or why there is none."""
    root = Path(stack.enter_context(TemporaryDirectory(prefix="reflexctl-suite-")))
    await asyncio.to_thread(write, root, program.files)
    if count := registry_packages(program.files.get("Cargo.lock", "")):
        screen.note(
            "warning",
            f"{program.family} needs {counted(count, 'package')} of a registry: its items can be"
            " measured on this machine only, as long as cargo has them (cargo fetch)",
        )
    runner = await stack.enter_async_context(sandbox(root, screen, unsafe=wish.unsafe, fetch=False))
    label = Label(licence=wish.licence, kind="harvested", source=checkout.source)
    hidden = Verifier(program, runner, label)
    why = await hidden.fault()
    if not why or not program.tests:
        return why or hidden
    seen = Verifier(without_tests(program), runner, label)
    if fault := await seen.fault():
        return fault
    screen.note("warning", f"{program.family}: its tests judge nothing: {why}")
    return seen


def _nothing(checkout: Checkout, skipped: Sequence[str]) -> ConfigurationError:
    if not any(path.rpartition("/")[2] == "Cargo.toml" for path in checkout.tracked):
        return ConfigurationError(
            f"there is no Cargo.toml in {checkout.source}",
            hints=("name a repository with a cargo package; it must be committed",),
        )
    reasons = "\n".join(f"  {one}" for one in skipped)
    return ConfigurationError(
        f"nothing in {checkout.source} can be used\n{reasons}",
        hints=(
            "it must compile as it is committed, without a network: with a Cargo.lock, and what it"
            " names fetched before (cargo fetch)",
        ),
    )
