"""`measure` in the bakeoff's pod: a request in, two documents and their receipt out."""

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from pydantic import ValidationError

from reflex_api.bakeoff_job import (
    ADMIN_KEY_FILE,
    BASELINE_MOUNT,
    ITEMS_FILE,
    KEY_FILE,
    PARTIAL_MOUNT,
    PROGRESS_FILE,
    REQUEST_FILE,
    RESULTS_MOUNT,
    VERDICT_FILE,
    BakeoffProgress,
    BakeoffRequest,
    Receipt,
)
from reflex_api.evidence import evidence_key
from reflex_api.items import Items
from reflex_bakeoff import HARNESS_VERSION
from reflex_bakeoff.describing import MOST_REPLY_TOKENS, TRIES
from reflex_bakeoff.documents import documents, packed, put, unpacked
from reflex_bakeoff.errors import MeasureError
from reflex_bakeoff.measuring import Bakeoff, Measured, run_bakeoff, run_record
from reflex_bakeoff.quality.asked import form_of
from reflex_bakeoff.quality.endpoint import Endpoint
from reflex_bakeoff.quality.run import Tell, quiet
from reflex_bakeoff.suite.suite import Suite, load_suite
from reflex_routing.config import ModelSection
from reflex_runner.job import Runner

LOG: Final = logging.getLogger("reflex.bakeoff")
SUITES: Final = "/opt/reflex/suites"
TERMINATION: Final = "/dev/termination-log"
OpenSandbox = Callable[[float], AbstractAsyncContextManager[Runner]]
Asked = Callable[[str], ModelSection | None]


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where a run finds and leaves its files; the defaults are those of the pod."""

    request: Path = Path(REQUEST_FILE)
    baseline: Path = Path(BASELINE_MOUNT)
    partial: Path = Path(PARTIAL_MOUNT)
    key: Path = Path(KEY_FILE)
    admin_key: Path = Path(ADMIN_KEY_FILE)
    results: Path = Path(RESULTS_MOUNT)
    suites: Path = Path(SUITES)
    termination: Path = Path(TERMINATION)

    @classmethod
    def below(cls, root: Path) -> Self:
        """Return the same places in a folder that stands for the pod's root."""
        found = cls()
        return cls(**{name: root / str(path).lstrip("/") for name, path in vars(found).items()})


def nothing_said(model: str) -> None:
    """Know no configuration."""


async def measure(
    places: Places,
    sandbox: OpenSandbox,
    *,
    asked: Asked = nothing_said,
    simulated: bool = False,
    tell: Tell = quiet,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Receipt:
    """Do what the request says, leave the documents, and return their receipt.

    Args:
        places: where everything is.
        sandbox: lends the sandbox for so many seconds.
        asked: how a model is asked, as production's configuration says; None: it does not name it,
            and the engine's context decides.
        simulated: no real model answers; the evidence says so.
        tell: hears of the progress.
        now: wall clock, with a time zone.

    Raises:
        MeasureError, SuiteError, EndpointError: there is no verdict.
        RunnerError: there is no sandbox.
    """
    request = read_request(places.request)
    suite = load_suite(places.suites / request.gate.suite)
    _same_subject(request, suite)
    key_file = places.key if places.key.exists() else None
    admin_key_file = places.admin_key if places.admin_key.exists() else None
    key = key_file.read_text(encoding="utf-8").strip() if key_file else ""
    form = asked(request.model) or await form_of(request.base_url, request.model, key=key)
    sampling = request.inputs.sampling if request.inputs is not None else None
    longest = sampling.max_tokens if sampling is not None else MOST_REPLY_TOKENS
    endpoint = Endpoint(
        base_url=request.base_url,
        model=request.model,
        asked=form.model_copy(update={"reply_tokens": min(form.reply_tokens, longest)}),
        key_file=key_file,
        admin_key_file=admin_key_file,
    )
    bakeoff = Bakeoff(
        run=run_record(
            endpoint,
            suite,
            tries=(sampling.tries if sampling is not None else request.gate.quality.tries) or TRIES,
            seed=request.seed,
            measured_at=now(),
            evidence_key=request.evidence_key,
            simulated=simulated,
        ),
        endpoint=endpoint,
        suite=suite,
        gate=request.gate,
        load=request.load,
        baseline=_baseline(request, places),
        roofline=request.roofline,
        speculative=request.speculative,
        seconds=request.seconds,
    )
    results = places.results / ITEMS_FILE
    (places.results / VERDICT_FILE).unlink(missing_ok=True)

    def told(part: str, done: int, total: int, text: str) -> None:
        progress = BakeoffProgress(part=part, done=done, total=total)
        put(places.results / PROGRESS_FILE, progress.model_dump_json(by_alias=True).encode())
        tell(part, done, total, text)

    def keep(items: Items) -> None:
        put(results, packed(items))

    async with sandbox(request.seconds) as runner:
        measured = await run_bakeoff(
            bakeoff, runner, earlier=_earlier(places), kept=keep, tell=told
        )
    return _leave(measured, places)


def read_request(path: Path) -> BakeoffRequest:
    """Return the request in a file.

    Raises:
        MeasureError: it is missing, or none.
    """
    try:
        return BakeoffRequest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise MeasureError(f"the request {path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise MeasureError(f"{path} is no request: {where}: {first['msg']}") from None


def _same_subject(request: BakeoffRequest, suite: Suite) -> None:
    """Refuse to measure under a key that says something else than what would be measured.

    Raises:
        MeasureError: the key is of other inputs, or they name another suite or harness.
    """
    if suite.name != request.gate.suite:
        raise MeasureError(f"the folder {request.gate.suite} holds the suite {suite.name}")
    inputs = request.inputs
    if inputs is None:
        return
    declared = (
        ("the evidence key", request.evidence_key, evidence_key(inputs)),
        ("the suite's digest", inputs.suite_digest, suite.digest),
        ("the harness's version", inputs.harness_version, HARNESS_VERSION),
    )
    for what, asked, here in declared:
        if asked != here:
            raise MeasureError(
                f"{what} is {here} here and {asked} in the request: give the operator this"
                " image's `python -m reflex_bakeoff describe --json`"
            )


def _baseline(request: BakeoffRequest, places: Places) -> Items | None:
    found = unpacked(places.baseline / ITEMS_FILE)
    if found is None and request.baseline:
        raise MeasureError(
            f"the request names the baseline {request.baseline}, and {places.baseline} is empty"
        )
    return found if request.baseline else None


def _earlier(places: Places) -> Items | None:
    """Return the finished items of an aborted run; damaged ones are measured again."""
    try:
        return unpacked(places.partial / ITEMS_FILE)
    except MeasureError as error:
        LOG.warning("an aborted run's items are not used: %s", error)
        return None


def _leave(measured: Measured, places: Places) -> Receipt:
    for note in measured.notes:
        LOG.warning("%s", note)
    made = documents(measured.items, measured.verdict)
    put(places.results / ITEMS_FILE, made.items)
    put(places.results / VERDICT_FILE, made.verdict)
    LOG.info("verdict %s: %s", measured.verdict.verdict, measured.verdict.qualification.message)
    return made.receipt()
