"""When to ask an engine for a trial generation, and what its answer changes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from reflex_api.model import ReflexModel
from reflex_api.names import ENGINE_PORT
from reflex_operator.builders.secret import secret_name
from reflex_operator.manifest import Manifest, ObjectRef
from reflex_operator.reconcile.engine import EnginePod
from reflex_operator.reconcile.plan import (
    GatePatch,
    ModelSnapshot,
    ProbeOutcome,
    ProbeRequest,
)
from reflex_operator.reconcile.revisions import engine_args, flag_value, keys_secret_of

_FIRST_RETRY: Final = timedelta(seconds=2)
_LONGEST_RETRY: Final = timedelta(minutes=1)
_CLOSE_AFTER: Final = 2
"""Wrong answers in a row that take a serving pod out of its Service; silence never does."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """What verification asks for in this pass."""

    probe: ProbeRequest | None = None
    gate: GatePatch | None = None
    requeue_after: timedelta | None = None


def verification(
    snapshot: ModelSnapshot,
    model: ReflexModel,
    pods: tuple[EnginePod, ...],
    template: Manifest,
    now: datetime,
) -> Check:
    """Return the next verification step for the first of a template's pods that needs one.

    A pod is asked once for each start of its container. Until it is verified a wrong or missing
    answer is asked again with growing delay; a verified pod keeps its gate while the operator is
    away or the engine restarts in place.
    """
    waits: list[timedelta] = []
    for pod in pods:
        if not pod.containers_ready or not pod.ip:
            continue
        answer = snapshot.probe_of(pod.incarnation)
        if answer is None:
            return Check(probe=_request(model, pod, template))
        if answer.outcome is ProbeOutcome.VERIFIED:
            if not pod.gate:
                return Check(gate=_gate(pod, open_=True, message="a trial generation was verified"))
            continue
        wrong = answer.outcome is not ProbeOutcome.UNREACHABLE
        if pod.gate and wrong and answer.failures >= _CLOSE_AFTER:
            return Check(gate=_gate(pod, open_=False, message=answer.evidence[:256]))
        left = answer.at + retry_delay(answer.failures) - now
        if left <= timedelta(0):
            return Check(probe=_request(model, pod, template))
        waits.append(left)  # one bad replica must not keep the others unverified
    return Check(requeue_after=min(waits, default=None))


def retry_delay(failures: int) -> timedelta:
    """Return the wait after so many failures in a row: 2 s, doubling, at most a minute."""
    doublings = min(max(failures - 1, 0), 10)
    return min(_FIRST_RETRY * (1 << doublings), _LONGEST_RETRY)


def _request(model: ReflexModel, pod: EnginePod, template: Manifest) -> ProbeRequest:
    """Return the question to an engine; what it is asked under is what its template says.

    That is not the spec's word while an earlier revision runs.
    """
    host = f"[{pod.ip}]" if ":" in pod.ip else pod.ip
    args = engine_args(template)
    length = flag_value(args, "--context-length")
    keys = keys_secret_of(template) or secret_name(model)
    return ProbeRequest(
        incarnation=pod.incarnation,
        base_url=f"http://{host}:{ENGINE_PORT}",
        served_name=flag_value(args, "--served-model-name") or model.spec.served_name,
        secret=ObjectRef(kind="Secret", namespace=model.namespace, name=keys),
        context_length=int(length) if length.isdigit() else model.spec.engine.context_length,
    )


def _gate(pod: EnginePod, *, open_: bool, message: str) -> GatePatch:
    return GatePatch(
        pod=ObjectRef(kind="Pod", namespace=pod.manifest["metadata"]["namespace"], name=pod.name),
        status="True" if open_ else "False",
        reason="Verified" if open_ else "VerificationFailed",
        message=message,
    )
