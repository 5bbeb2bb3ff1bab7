"""A bakeoff on this machine: its parts, its progress, its files."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

from reflex_api import items as lines
from reflex_api.bakeoff_spec import LoadSpec
from reflex_api.gate import GateSpec
from reflex_api.items import Items, Outcome
from reflex_bakeoff.documents import packed, put, unpacked
from reflex_bakeoff.errors import BakeoffError, GateFileError, MeasureError, SuiteError
from reflex_bakeoff.gate_file import load_gate
from reflex_bakeoff.measuring import Bakeoff, run_bakeoff, run_record
from reflex_bakeoff.quality.endpoint import Endpoint
from reflex_bakeoff.quality.notes import NotesFrom
from reflex_bakeoff.report.folder import PAGE, write_reports
from reflex_bakeoff.suite.suite import Suite, load_suite
from reflex_runner.errors import RunnerError
from reflexctl import sources
from reflexctl.errors import ConfigurationError, NoVerdictError
from reflexctl.sandbox import sandbox
from reflexctl.screen import Screen
from reflexctl.service_key import service_key
from reflexctl.steps import steps
from reflexctl.verdicts import exit_code, show

EVIDENCE: Final = "items.jsonl"
_PARTIAL: Final = "items.partial.json.gz"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The arguments of `reflexctl bakeoff run`."""

    endpoint: str
    model: str
    suite: Path
    out: Path
    gate_file: Path | None
    baseline: Path | None
    tries: int
    requests: int
    streams: int
    rate: int
    seed: int
    renderer: Literal["full", "compact"] | None
    dialect: Literal["sglang", "openai"]
    roofline: float | None
    speculative: bool
    skip_speed: bool
    skip_cache: bool
    hours: float
    web_port: int
    memory: str
    simulated: bool
    unsafe: bool


async def run(wish: Wish, screen: Screen) -> int:
    """Measure, write evidence and reports, show the verdict, and return its exit code.

    Raises:
        ConfigurationError: it cannot be measured as asked for.
        NoVerdictError: it was begun and there is no verdict.
    """
    suite, gate, baseline = _inputs(wish)
    endpoint = await _endpoint(wish, screen)
    notes = _notes(wish, endpoint)
    bakeoff = Bakeoff(
        run=run_record(
            endpoint,
            suite,
            tries=wish.tries,
            seed=wish.seed,
            measured_at=datetime.now(UTC),
            simulated=wish.simulated,
            notes=notes is not None,
        ),
        endpoint=endpoint,
        suite=suite,
        gate=gate,
        load=None if wish.skip_speed else LoadSpec(
            requests=wish.requests, streams=wish.streams, requests_per_minute=wish.rate
        ),
        baseline=baseline,
        prove_cache=not wish.skip_cache,
        roofline=wish.roofline,
        speculative=wish.speculative,
        seconds=wish.hours * 3600,
        web_port=wish.web_port,
        notes=notes,
    )  # fmt: skip
    try:
        partial = wish.out / _PARTIAL

        def keep(items: Items) -> None:
            put(partial, packed(items))

        with (
            TemporaryDirectory(prefix="reflexctl-bakeoff-") as empty,
            steps(screen, "repairs") as tell,
        ):
            async with sandbox(Path(empty), screen, unsafe=wish.unsafe, fetch=False) as runner:
                measured = await run_bakeoff(
                    bakeoff, runner, earlier=_earlier(partial, screen), kept=keep, tell=tell
                )
        text = lines.dump(measured.items)
        put(wish.out / EVIDENCE, text.encode())
        write_reports(wish.out, measured.verdict, measured.items, baseline)
        if all(one.outcome is not Outcome.ERROR for one in measured.items.items):
            partial.unlink(missing_ok=True)
    except (BakeoffError, RunnerError) as error:
        raise NoVerdictError(
            str(error), hints=(f"finished items are kept in {wish.out}: run it again to go on",)
        ) from error
    except OSError as error:
        raise ConfigurationError(f"{error.filename}: {error.strerror}") from error
    for note in measured.notes:
        screen.note("warning", note)
    show(measured.verdict, screen)
    screen.say(f"the report: {wish.out / PAGE}")
    return exit_code(measured.verdict)


def _inputs(wish: Wish) -> tuple[Suite, GateSpec, Items | None]:
    try:
        suite = load_suite(wish.suite)
        gate = load_gate(wish.gate_file) if wish.gate_file else GateSpec(suite=suite.name)
        baseline = unpacked(wish.baseline) if wish.baseline else None
    except (SuiteError, GateFileError, MeasureError) as error:
        raise ConfigurationError(str(error).removeprefix("error: ")) from error
    if wish.baseline and baseline is None:
        raise ConfigurationError(f"there is no file {wish.baseline}")
    last = gate.quality.looks[-1]
    if gate.suite != suite.name or last > len(suite.items):
        # Hours later the gate would say the same.
        raise ConfigurationError(
            f"the gate wants {last} items of {gate.suite}, and {wish.suite} has"
            f" {len(suite.items)} of {suite.name}",
            hints=("give a gate for this suite: --gate FILE",),
        )
    return suite, gate, baseline


def _notes(wish: Wish, endpoint: Endpoint) -> NotesFrom | None:
    if not wish.memory:
        return None
    if not wish.memory.startswith(("http://", "https://")):
        raise ConfigurationError(f"--memory {wish.memory}: no URL")
    if endpoint.asked.renderer != "full":
        raise ConfigurationError(
            f"--memory: {endpoint.model} is asked in the compact form, which takes no notes",
            hints=("--renderer full, if its context has room for it",),
        )
    key = service_key(None)
    if not key:
        raise ConfigurationError("--memory: give the reflection service's key by REFLEX_API_KEY")
    return NotesFrom(url=wish.memory, key=key)


async def _endpoint(wish: Wish, screen: Screen) -> Endpoint:
    source = await sources.from_endpoint(wish.endpoint, wish.model, renderer=wish.renderer or "")
    for note in source.notes:
        screen.say(note)
    section = source.loaded.reflex
    return Endpoint(
        base_url=wish.endpoint.rstrip("/"),
        model=section.model_primary,
        asked=section.model(section.model_primary),
        key_env=sources.KEY_VARIABLE if os.environ.get(sources.KEY_VARIABLE) else "",
        dialect=wish.dialect,
    )


def _earlier(partial: Path, screen: Screen) -> Items | None:
    try:
        return unpacked(partial)
    except MeasureError as error:
        screen.note("warning", f"an aborted run's items are not used: {error}")
        return None
