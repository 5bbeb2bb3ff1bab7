"""What `reflexctl e2e` asserts: the real router and client against a server over real sockets.

Without `--stub` the local model is the one that was named. The cloud, and the local server that
fails, are stubs in both modes: a test must not spend money, and a good engine does not fail.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from reflex_loop import events
from reflex_loop.errors import PatchError
from reflex_loop.patch import ReplyForm, read_reply
from reflex_routing.breaker import BreakerState, StateChange
from reflex_routing.errors import BudgetExceededError, RoutingError
from reflex_routing.policy import Mode, Reason
from reflex_routing.request import Answer
from reflex_routing.risk import RiskFacts
from reflexctl import stub
from reflexctl.e2e_bench import Bench

_RECORD_KEYS: Final = frozenset(
    {
        "version",
        "id",
        "role",
        "stage",
        "mode",
        "reason",
        "isFallback",
        "chosen",
        "inputs",
        "outcome",
    }
)


@dataclass(frozen=True, kw_only=True)
class Assertion:
    """One named assertion and, when it does not hold, what was found."""

    name: str
    passed: bool
    message: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; without a message there is no key for it."""
        found: dict[str, Any] = {"name": self.name, "passed": self.passed}
        return {**found, "message": self.message} if self.message else found


Check = Callable[[Bench], Awaitable[str]]
"""Returns what is wrong, or nothing."""


async def non_implement_stage(bench: Bench) -> str:
    """Only the implement stage is answered by a local model."""
    async with bench.router() as router:
        return _went(await router.complete(bench.request(stage="plan")), Reason.NOT_IMPLEMENT_STAGE)


async def reflex_disabled(bench: Bench) -> str:
    """Nothing is answered by a local model when reflex is off."""
    async with bench.router(enabled=False) as router:
        return _went(await router.complete(bench.request()), Reason.REFLEX_DISABLED)


async def decision_has_cloud_model(bench: Bench) -> str:
    """A record of a cloud decision names the model."""
    async with bench.router(enabled=False) as router:
        chosen = _last(await router.complete(bench.request()))["chosen"]
    return "" if chosen["model"] == stub.CLOUD else f"chosen is {chosen}"


async def payload_serializes(bench: Bench) -> str:
    """A record survives JSON and has what readers rely on."""
    async with bench.router(enabled=False) as router:
        record = _last(await router.complete(bench.request()))
    if json.loads(json.dumps(record)) != record:
        return "a record read back differs"
    missing = _RECORD_KEYS - record.keys()
    return f"keys are missing: {', '.join(sorted(missing))}" if missing else ""


async def event_types(_bench: Bench) -> str:
    """Each kind of event is told apart by its name, and a breaker's change is one of its own."""
    change = StateChange(
        breaker_id="local/m", current_state=BreakerState.OPEN,
        previous_state=BreakerState.CLOSED, reason="failure_rate", failure_count=6,
        failure_rate=60.0,
    )  # fmt: skip
    if change.payload()["event"] != "BreakerStateChanged":
        return f"a breaker's change is a {change.payload()['event']}"
    stopped = events.Stopped(why="fixed", fixed=True, errors=0, detail="")
    back = events.from_json(json.loads(json.dumps(stopped.to_json())))
    if back != stopped:
        return f"{stopped} came back as {back}"
    wrong = [name for name, kind in events.KINDS.items() if kind.kind != name]
    return f"kinds are confused: {wrong}" if wrong else ""


async def implement_is_local(bench: Bench) -> str:
    """A plain repair is answered by the local model."""
    async with bench.router() as router:
        answer = await router.complete(bench.request())
    if answer.mode is Mode.REFLEX and answer.target.model == bench.model:
        return ""
    return f"{answer.target} answered: {answer.reason.value}"


async def reply_is_a_patch(bench: Bench) -> str:
    """The reply is valid under the schema, without markdown or prose around it."""
    async with bench.router() as router:
        answer = await router.complete(bench.request())
    try:
        _, form = read_reply(answer.content, cut=answer.truncated)
    except PatchError as error:
        return str(error)
    return "" if form is ReplyForm.JSON else f"the reply is {form.value}"


async def falls_back(bench: Bench) -> str:
    """After exactly N failed local attempts the cloud answers, and the log says why."""
    before = bench.cloud.asked.count(stub.FAILING)
    with _logged() as lines:
        async with bench.router(failing=True, max_attempts=2) as router:
            answer = await router.complete(bench.request())
    failures = bench.cloud.asked.count(stub.FAILING) - before
    if failures != 2:
        return f"the failing model was asked {failures} times, wanted 2"
    wrong = _went(answer, Reason.ESCALATED_AFTER_FAILURES)
    if wrong:
        return wrong
    told = [line for line in lines if Reason.ESCALATED_AFTER_FAILURES.value in line]
    return "" if any("after 2 failed" in line for line in told) else f"the log says {lines}"


async def high_risk(bench: Bench) -> str:
    """Code with `unsafe` goes to the cloud first."""
    async with bench.router() as router:
        risky = bench.request(facts=RiskFacts(files=("src/main.rs",), unsafe_code=True))
        return _went(await router.complete(risky), Reason.HIGH_RISK)


async def budget_is_kept(bench: Bench) -> str:
    """An empty budget refuses the call with a type of its own, and sends nothing."""
    before = len(bench.cloud.asked)
    with _logged():
        wrong = await _unpaid(bench)
    sent = len(bench.cloud.asked) - before
    return wrong or (f"{sent} calls were sent" if sent else "")


async def _unpaid(bench: Bench) -> str:
    async with bench.router(enabled=False, budgets={"daily_usd": 0}) as router:
        try:
            answer = await router.complete(bench.request())
        except BudgetExceededError:
            return ""
    return f"{answer.target} answered without a budget"


CHECKS: Final[Mapping[str, Check]] = {
    "non_implement_stage_uses_cloud": non_implement_stage,
    "reflex_disabled_uses_cloud": reflex_disabled,
    "routing_decision_has_cloud_model": decision_has_cloud_model,
    "routing_payload_serializes": payload_serializes,
    "event_type_classification": event_types,
    "implement_stage_uses_local_model": implement_is_local,
    "reply_is_schema_valid_json_without_markdown": reply_is_a_patch,
    "cloud_after_n_failures_is_logged": falls_back,
    "high_risk_goes_to_the_cloud_first": high_risk,
    "exhausted_budget_is_refused": budget_is_kept,
}


async def run(bench: Bench, told: Callable[[Assertion], None]) -> list[Assertion]:
    """Run every assertion and tell each as it ends."""
    found = []
    for name, check in CHECKS.items():
        try:
            wrong = await check(bench)
        except RoutingError as error:
            wrong = f"{error.code}: {error}"
        assertion = Assertion(name=name, passed=not wrong, message=wrong)
        told(assertion)
        found.append(assertion)
    return found


def _went(answer: Answer, reason: Reason) -> str:
    """Return what is wrong when the stub of a cloud did not answer for this reason."""
    if answer.mode is Mode.CLOUD and answer.reason is reason:
        return ""
    return f"{answer.target} answered: {answer.reason.value}, wanted the cloud: {reason.value}"


def _last(answer: Answer) -> dict[str, Any]:
    return answer.decisions[-1].document()


@contextmanager
def _logged() -> Iterator[list[str]]:
    """Collect what routing logs, also where nobody shows it."""
    lines: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger, handler = logging.getLogger("reflex.routing"), Collect(logging.WARNING)
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
