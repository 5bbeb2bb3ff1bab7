"""One bakeoff from the first item to the verdict: repairs, speed, cache, gate."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from reflex_api import items as documents
from reflex_api.bakeoff_spec import LoadSpec
from reflex_api.gate import GateSpec
from reflex_api.items import ItemRecord, Items, Outcome, RunRecord
from reflex_api.verdict import Judgement, Verdict
from reflex_bakeoff import HARNESS_VERSION, serving
from reflex_bakeoff.errors import CacheProbeError, LoadError, MeasureError
from reflex_bakeoff.gate.evaluate import evaluate
from reflex_bakeoff.quality.endpoint import Endpoint, router_of
from reflex_bakeoff.quality.notes import SUFFIX, Notes, NotesFrom
from reflex_bakeoff.quality.one import Trying, measure
from reflex_bakeoff.quality.run import Tell, measure_items, quiet, resumable
from reflex_bakeoff.quality.waiting import answers, until_it_answers
from reflex_bakeoff.suite.item import Item
from reflex_bakeoff.suite.suite import Suite
from reflex_runner.job import Runner

_LEAST_SECONDS: Final = 60.0
_RESTART_SECONDS: Final = 900.0
"""Longest wait for an engine that crashed: as long as one may take to start."""


def run_record(
    endpoint: Endpoint, suite: Suite, *, tries: int, seed: int, measured_at: datetime,
    evidence_key: str = "", simulated: bool = False, notes: bool = False,
) -> RunRecord:  # fmt: skip
    """Return the head of a run's evidence.

    Args:
        endpoint: who is measured.
        suite: in its own order: two runs can be compared only in the same one.
        tries: N of "pass within N".
        seed: of prompts and arrivals.
        measured_at: the begin, with a time zone.
        evidence_key: empty when an endpoint is measured by hand.
        simulated: no real model answers.
        notes: memories are put into its questions.
    """
    return RunRecord(
        model=endpoint.model + (SUFFIX if notes else ""),
        evidence_key=evidence_key,
        suite=suite.name,
        suite_digest=suite.digest,
        planned=suite.order(),
        seed=seed,
        tries=tries,
        harness_version=HARNESS_VERSION,
        measured_at=measured_at,
        simulated=simulated,
    )


@dataclass(frozen=True, kw_only=True)
class Bakeoff:
    """What is measured, and against what.

    Attributes:
        run: the head of the evidence; see `run_record`.
        endpoint: who answers.
        suite: what is to be repaired.
        gate: what must be shown.
        load: how the speed is measured; None: it is not, and the gate will miss it.
        baseline: the incumbent's measurements; None: floors only.
        prove_cache: make the cache proof.
        roofline: see `serving.speed`.
        seconds: for the whole.
        web_port: where locust's page is shown on 127.0.0.1 while the load runs; 0: nowhere.
        notes: whose memories are put into the questions; None: nobody's.
    """

    run: RunRecord
    endpoint: Endpoint
    suite: Suite
    gate: GateSpec
    load: LoadSpec | None = field(default_factory=LoadSpec)
    baseline: Items | None = None
    prove_cache: bool = True
    roofline: float | None = None
    speculative: bool = False
    seconds: float = 4 * 3600.0
    web_port: int = 0
    notes: NotesFrom | None = None


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The two documents, and what could not be measured and why."""

    items: Items
    verdict: Verdict
    notes: tuple[str, ...] = ()


def forget(items: Items) -> None:
    """Keep nothing."""


async def run_bakeoff(
    bakeoff: Bakeoff,
    runner: Runner,
    *,
    earlier: Items | None = None,
    kept: Callable[[Items], None] = forget,
    tell: Tell = quiet,
) -> Measured:
    """Measure and judge.

    The repairs of the first look come first, then speed and cache, then further looks as long as
    the gate asks for them. A run without a baseline goes to the last look unless it failed: it may
    become a baseline, and what a baseline lacks no candidate can be compared on.

    Args:
        bakeoff: what is measured.
        runner: where compiler and tests run.
        earlier: of an aborted run; its items are kept when they are of the same subject.
        kept: is given all that is known so far, after each item.
        tell: hears of the progress.

    Raises:
        MeasureError: the engine or the compiler cannot be used: there is no verdict.
        EndpointError: the address or the name cannot be used.
    """
    return await _Measurement(bakeoff, runner, kept, tell).run(earlier)


class _Measurement:
    def __init__(
        self, bakeoff: Bakeoff, runner: Runner, kept: Callable[[Items], None], tell: Tell
    ) -> None:
        self._what = bakeoff
        self._runner = runner
        self._kept = kept
        self._tell = tell
        self._ends = time.monotonic() + bakeoff.seconds
        self._seen = Items(run=bakeoff.run)
        self._notes: list[str] = []
        self._answered = False  # one that never did is not waited for: it may not exist

    async def run(self, earlier: Items | None) -> Measured:
        what = self._what
        if earlier is not None:
            finished = resumable(earlier, what.run)
            self._tell("resume", len(finished), len(what.run.planned), "items are kept")
            self._seen = replace(self._seen, items=finished)
        await self._repairs(self._first())
        await self._serving()
        verdict = self._judged()
        while (more := self._next(verdict)) is not None:
            await self._repairs(more)
            verdict = self._judged()
        return Measured(items=self._seen, verdict=verdict, notes=tuple(self._notes))

    def _first(self) -> int:
        """Return the first look that takes in all items of an aborted run: none is dropped."""
        looks = self._what.gate.quality.looks
        known = {item.id for item in self._seen.items}
        planned = enumerate(self._what.run.planned, start=1)
        furthest = max((place for place, name in planned if name in known), default=0)
        return next((look for look in looks if look >= furthest), looks[-1])

    async def _repairs(self, upto: int) -> None:
        """Measure so many items; those that could not be judged get a second chance each time."""
        router = router_of(self._what.endpoint)
        notes = Notes(self._what.notes) if self._what.notes else None
        trying = Trying(runner=self._runner, router=router, tries=self._what.run.tries, notes=notes)

        async def one(item: Item) -> ItemRecord:
            self._time_left()
            record = await measure(item, trying)
            if record.outcome is Outcome.ERROR and self._answered and await self._came_back():
                record = await measure(item, trying)
            self._answered |= record.outcome is not Outcome.ERROR
            return record

        def keep(record: ItemRecord) -> None:
            others = [each for each in self._seen.items if each.id != record.id]
            self._seen = replace(self._seen, items=(*others, record))
            self._kept(self._seen)

        try:
            for _ in range(2):
                records = await measure_items(
                    self._what.suite,
                    upto=upto,
                    finished=self._seen.items,
                    one=one,
                    kept=keep,
                    tell=self._tell,
                )
                if not any(record.outcome is Outcome.ERROR for record in records):
                    break
        finally:
            await router.close()
            if notes is not None:
                await notes.close()
                self._notes.append(f"memory: {notes.found} of {upto} items had notes")
        self._seen = replace(self._seen, items=records)
        if all(record.outcome is Outcome.ERROR for record in records):
            raise MeasureError(
                f"none of {len(records)} items could be judged, the last: {records[-1].reason}"
            )

    async def _came_back(self) -> bool:
        """Wait for an engine that is away; return whether it was, and answers again."""
        endpoint = self._what.endpoint
        key = serving.key_of(endpoint)
        if await answers(endpoint.base_url, key=key):
            return False
        done, total = len(self._seen.items), len(self._what.run.planned)
        self._tell("repairs", done, total, "the engine is away; waiting for it")
        seconds = min(_RESTART_SECONDS, self._time_left())
        return await until_it_answers(endpoint.base_url, key=key, seconds=seconds)

    async def _serving(self) -> None:
        """Time the endpoint; what cannot be measured is missing, and the gate will say so."""
        what = self._what
        if what.load is not None:
            plan = serving.load_plan(what.endpoint, what.load, what.run.seed)
            total = sum(len(phase.requests) for phase in plan.phases)
            self._tell("speed", 0, total, "requests")
            try:
                requests, load = await serving.speed(
                    what.endpoint,
                    plan,
                    seconds=self._time_left(),
                    roofline=what.roofline,
                    speculative=what.speculative,
                    web_port=what.web_port,
                )
                self._seen = replace(self._seen, requests=requests, load=load)
            except LoadError as error:
                self._notes.append(f"speed: {error}")
            self._tell("speed", total, total, "requests")
            self._kept(self._seen)
        if what.prove_cache:
            self._tell("cache", 0, 10, "steps")
            try:
                found = await serving.cache(what.endpoint, seed=what.run.seed)
                self._seen = replace(self._seen, cache=found)
            except CacheProbeError as error:
                self._notes.append(f"cache: {error}")
            self._tell("cache", 10, 10, "steps")
            self._kept(self._seen)

    def _judged(self) -> Verdict:
        # Through the text, so that whoever reads the file gets this verdict byte for byte.
        seen = documents.read(documents.dump(self._seen))
        return evaluate(seen, self._what.baseline, self._what.gate)

    def _next(self, verdict: Verdict) -> int | None:
        """Return how many items to measure next; None: that was all."""
        last, measured = self._what.gate.quality.looks[-1], len(self._seen.items)
        if measured >= min(last, len(self._seen.run.planned)):
            return None
        left_out = self._what.load is None or not self._what.prove_cache
        if left_out or (
            self._what.baseline is None
            and verdict.verdict in {Judgement.PASS, Judgement.INCONCLUSIVE}
        ):
            return min(one for one in self._what.gate.quality.looks if one > measured)
        return verdict.next_look

    def _time_left(self) -> float:
        left = self._ends - time.monotonic()
        if left < _LEAST_SECONDS:
            raise MeasureError(
                f"the time is over after {len(self._seen.items)} items: raise the limit; finished"
                " items are kept"
            )
        return left
