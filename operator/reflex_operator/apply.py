"""Carries a Plan out: compares, and sends only the difference.

Order: keys, children, readiness gate, status, events. A pod that starts before its Secret would
wait for the kubelet's next look; a status that is written first would speak of things that do not
exist. A Plan that is satisfied sends nothing. Deleted are Jobs that are out of date; all else is
left to owner references.
"""

import logging
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reflex_api.names import LABEL_MODEL, MANAGED_SELECTOR, READINESS_GATE
from reflex_operator.brake import WINDOW, WRITES, Brake, rival
from reflex_operator.cluster import Cluster
from reflex_operator.compare import ANNOTATION_APPLIED, differs, digest, stamped, status_differs
from reflex_operator.errors import (
    ClusterError,
    ConflictError,
    ForbiddenError,
    HeldError,
    InvalidError,
    NamespaceEndingError,
    NotFoundError,
    OperatorError,
    PredecessorError,
)
from reflex_operator.events import Events
from reflex_operator.keys import Keys
from reflex_operator.manifest import Manifest, ObjectRef, ref_of
from reflex_operator.ownership import Claim, claim
from reflex_operator.reconcile.plan import (
    AnyKey,
    BakeoffKey,
    EventRequest,
    GatePatch,
    ModelKey,
    Plan,
    RouteKey,
)
from reflex_operator.store import CHILD_KINDS, Store

_log = logging.getLogger(__name__)
_ONLY_NEW: Final = "1"
"""A version that no object has: applied with it, an object is created or, if it exists, refused.

So a foreign object of our name is never taken over, and no GET is needed before each create."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What carrying a Plan out came to."""

    writes: int = 0  # requests that changed something; events apart
    again: bool = False  # what was written can change the decision: look once more
    conflicts: tuple[ObjectRef, ...] = ()  # foreign objects under our names: nothing was written
    refusal: ClusterError | None = None  # a child that the API server does not take
    held: HeldError | None = None  # a write that waits, because somebody undoes it


class ForeignError(OperatorError):
    """An object under one of our names is somebody else's."""

    def __init__(self, ref: ObjectRef) -> None:
        self.ref = ref
        super().__init__(f"{ref} belongs to somebody else")


class Applier:
    """Sends what differs, and remembers what it sent until the object changes again."""

    def __init__(
        self,
        cluster: Cluster,
        store: Store,
        keys: Keys,
        *,
        identity: str,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
        wake: Callable[[AnyKey], None] = lambda _: None,
    ) -> None:
        """Make an applier that has sent nothing.

        Args:
            cluster: where to.
            store: what is there; answers are folded into it.
            keys: API keys of engines.
            identity: this process, for events.
            now: the time.
            clock: seconds that only grow.
            wake: called with whom else a write concerns: its watch event will be no news.
        """
        self._wake = wake
        self._cluster = cluster
        self._store = store
        self._keys = keys
        self._events = Events(identity=identity, now=now)
        self._now = now
        self._clock = clock
        self._brakes: dict[AnyKey, Brake] = {}
        # What was sent and the version that came of it. While the live version is that one,
        # sending it again cannot change anything, even where the comparison misjudges a field
        # that the API server rewrites or prunes: no self-sustaining storm of writes.
        self._sent: dict[AnyKey, dict[ObjectRef, tuple[str, str]]] = {}

    def forget(self, key: AnyKey) -> None:
        """Drop what is remembered about a model that is gone."""
        self._sent.pop(key, None)
        self._brakes.pop(key, None)

    async def carry_out(self, model: Manifest, plan: Plan) -> Outcome:
        """Bring the cluster to what `plan` says.

        A child that the API server refuses (quota, admission) stops those after it, not the
        status, and is in the outcome.

        Raises:
            ClusterError: a write failed.
            PredecessorError: an object of a deleted model of the same name is in the way.
        """
        key = key_of(model)
        try:
            live = self._live(model, plan.apply)
        except ForeignError as error:
            return Outcome(conflicts=(error.ref,))
        writes = 0
        refusal: ClusterError | None = None
        held: HeldError | None = None
        try:
            if plan.secret is not None:
                if not await self._keys.create(plan.secret, model=model):
                    return Outcome(conflicts=(ref_of(plan.secret.manifest),))
                writes += 1
            for manifest in _in_order(plan.apply, live):
                try:
                    writes += await self._child(key, model, manifest, live[ref_of(manifest)])
                except HeldError as error:
                    held = held or error
                    if manifest["kind"] == "Deployment":
                        break  # its Service would select pods that do not come
        except (ForbiddenError, InvalidError) as error:
            refusal = error
        except ForeignError as error:
            return Outcome(writes=writes, conflicts=(error.ref,))
        for ref in plan.delete:
            writes += await self._delete(ref, model)
        try:
            if plan.gate is not None:
                writes += await self._gate(key, model, plan.gate)
        except HeldError as error:
            held = held or error
        told = 0
        try:
            if plan.status is not None:
                told = await self._status(key, model, plan.status)
        except HeldError as error:
            held = held or error
        # An event goes with the status that shows the transition. A status that is there already,
        # or waits, has no news.
        for event in plan.events if told else ():
            await self.tell(model, event)
        # A decision rests on the cluster, not on the status that it wrote.
        again = writes > 0
        return Outcome(writes=writes + told, again=again, refusal=refusal, held=held)

    async def carry_out_for(
        self,
        owner: Manifest,
        *,
        apply: Iterable[Manifest],
        delete: Iterable[ObjectRef] = (),
        status: Manifest | None,
        events: Iterable[EventRequest] = (),
    ) -> Outcome:
        """Bring children and status of a route or bakeoff to what is wanted, as `carry_out` does.

        Raises:
            ClusterError: a write failed.
            PredecessorError: an object of a deleted namesake is in the way.
        """
        plan = Plan(apply=tuple(apply), delete=tuple(delete), status=status, events=tuple(events))
        return await self.carry_out(owner, plan)

    def would_write(self, owner: Manifest, manifest: Manifest) -> bool:
        """Return whether a child differs from what the store has of it."""
        live = self._store.get(ref_of(manifest))
        if live is None or claim(live, owner) is not Claim.OURS:
            return True
        desired = stamped(manifest)
        wanted = desired["metadata"]["annotations"][ANNOTATION_APPLIED]
        version = live["metadata"].get("resourceVersion", "")
        sent = self._sent.get(key_of(owner), {}).get(ref_of(manifest))
        return sent != (wanted, version) and differs(desired, live)

    async def confirm_gone(self, namespace: str, models: Iterable[str]) -> None:
        """Look at the API server itself: no engine of these models may be there, or come.

        Raises:
            ConflictError: one is; the store did not know yet.
        """
        names = sorted(models)
        if not names:
            return
        selector = f"{LABEL_MODEL} in ({','.join(names)})"
        for kind in ("Deployment", "Pod"):
            found, _ = await self._cluster.list_all(kind, f"{MANAGED_SELECTOR},{selector}")
            for one in found:
                if one["metadata"]["namespace"] != namespace:
                    continue
                if kind == "Pod" or (one.get("spec") or {}).get("replicas", 1) > 0:
                    raise ConflictError(f"{ref_of(one)} is still there")

    def _live(
        self, model: Manifest, manifests: Iterable[Manifest]
    ) -> dict[ObjectRef, Manifest | None]:
        """Return the live object of each manifest as far as the store knows it.

        Raises:
            ForeignError: one is somebody else's. The store holds only what carries our label.
            PredecessorError: one is of a deleted model of the same name.
        """
        live = {}
        for manifest in manifests:
            ref = ref_of(manifest)
            live[ref] = self._store.get(ref)
            _check_ours(ref, live[ref], model)
        return live

    async def _child(
        self, key: AnyKey, model: Manifest, manifest: Manifest, live: Manifest | None
    ) -> int:
        desired = stamped(manifest)
        ref, wanted = ref_of(manifest), desired["metadata"]["annotations"][ANNOTATION_APPLIED]
        if live is None:
            identity = {**desired["metadata"], "resourceVersion": _ONLY_NEW}
            desired = {**desired, "metadata": identity}
        else:
            version = live["metadata"].get("resourceVersion", "")
            if self._sent.get(key, {}).get(ref) == (wanted, version) or not differs(desired, live):
                return 0
            # A wrong uid is refused: nobody's new object of this name can be taken over.
            identity = {**desired["metadata"], "uid": live["metadata"]["uid"]}
            desired = {**desired, "metadata": identity}
        # A route's Service is written at each step of a swap: there, too, only the same content
        # again is somebody's undoing.
        what: Hashable = (ref, wanted) if isinstance(key, RouteKey) else ref
        await self._may_write(key, model, ref, what)
        try:
            answer = await self._cluster.apply(desired)
        except ConflictError:
            if live is None:
                await self._whose(ref, model)
            raise
        self._brakes[key].wrote(what, _generation(model))
        return self._took(key, ref, wanted, live, answer)

    async def _delete(self, ref: ObjectRef, model: Manifest) -> int:
        """Delete an own object; one of the same name that is not the one we saw stays."""
        live = self._store.get(ref)
        if live is None or claim(live, model) is not Claim.OURS:
            return 0
        try:
            await self._cluster.delete(ref, uid=live["metadata"]["uid"])
        except (ConflictError, NotFoundError):
            return 0  # the event that says so is on its way
        self._fold("DELETED", live, key_of(model))
        return 1

    async def _whose(self, ref: ObjectRef, model: Manifest) -> None:
        """Look at an object that the store does not know; what is ours goes into the store.

        Raises:
            ForeignError: it is somebody else's.
            PredecessorError: it is of a deleted model of the same name.
        """
        live = await self._cluster.get(ref)
        _check_ours(ref, live, model)
        self._store.observe("MODIFIED", live)

    async def _gate(self, key: AnyKey, model: Manifest, gate: GatePatch) -> int:
        pod = self._store.get(gate.pod)
        if pod is None:
            return 0
        conditions = (pod.get("status") or {}).get("conditions") or []
        live: Manifest = next((one for one in conditions if one["type"] == READINESS_GATE), {})
        if (live.get("status"), live.get("reason")) == (gate.status, gate.reason):
            return 0
        condition = {
            "type": READINESS_GATE,
            "status": gate.status,
            "reason": gate.reason,
            "message": gate.message,
            "lastTransitionTime": self._now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        uid = pod["metadata"]["uid"]
        await self._may_write(key, model, gate.pod, gate.pod)
        answer = await self._cluster.patch_pod_status(gate.pod, uid=uid, condition=condition)
        self._brakes[key].wrote(gate.pod, _generation(model))
        self._fold("MODIFIED", answer, key)
        return 1

    async def _status(self, key: AnyKey, model: Manifest, status: Manifest) -> int:
        live = self._store.owner(key)
        if live is None or live["metadata"]["uid"] != model["metadata"]["uid"]:
            return 0
        if status == live.get("status"):
            return 0
        ref, wanted = ref_of(model), digest(status)
        version = live["metadata"].get("resourceVersion", "")
        if self._sent.get(key, {}).get(ref) == (wanted, version):
            return 0
        if not status_differs(status, live.get("status") or {}):
            return 0
        # Of a status only the same one again is somebody's undoing: there is much to tell of ten
        # replicas within a minute.
        await self._may_write(key, model, ref, (ref, wanted))
        answer = await self._cluster.apply_status(
            {
                "apiVersion": model["apiVersion"],
                "kind": model["kind"],
                "metadata": {
                    "name": key.name,
                    "namespace": key.namespace,
                    "uid": model["metadata"]["uid"],
                },
                "status": status,
            }
        )
        self._brakes[key].wrote((ref, wanted), _generation(model))
        return self._took(key, ref, wanted, live, answer)

    def _took(
        self, key: AnyKey, ref: ObjectRef, wanted: str, live: Manifest | None, answer: Manifest
    ) -> int:
        """Fold the answer into the store; return 1 if the request changed anything."""
        version = answer["metadata"].get("resourceVersion", "")
        self._sent.setdefault(key, {})[ref] = (wanted, version)
        self._fold("MODIFIED", answer, key)
        before = live["metadata"].get("resourceVersion") if live else None
        return 0 if before == version else 1

    def _fold(self, event_type: str, manifest: Manifest, key: AnyKey) -> None:
        """Take an own write in, and wake whom else it concerns."""
        for one in self._store.observe(event_type, manifest).keys:
            if one != key:
                self._wake(one)

    async def _may_write(
        self, key: AnyKey, model: Manifest, ref: ObjectRef, what: Hashable
    ) -> None:
        """Say once, with who it is, when somebody keeps undoing our writes to the object.

        Raises:
            HeldError: the write has to wait.
        """
        brake = self._brakes.setdefault(key, Brake(self._clock))
        hold = brake.hold(what, _generation(model))
        if hold is None:
            return
        words = f"{ref} was changed back {WRITES} times within {WINDOW:.0f} s"
        if hold.begins:
            who = await self._rival(ref)
            words += f" by {who}" if who else " by another client"
            _log.warning("%s: %s; the next write waits %.0f s", key, words, hold.seconds)
            if hold.number == 1:
                advice = "it is written less often now; let one of the two own the object"
                event = EventRequest(
                    type="Warning", reason="ChangesReverted", message=f"{words}; {advice}"
                )
                await self.tell(model, event)
        raise HeldError(words, kind=ref.kind, seconds=hold.seconds, begins=hold.begins)

    async def _rival(self, ref: ObjectRef) -> str:
        """Return the field manager of the live change; the store keeps no managedFields."""
        if ref.kind not in CHILD_KINDS:
            return ""  # the operator's role lets it list and watch these, not get one
        try:
            name = rival(await self._cluster.get(ref))
        except ClusterError:
            return ""
        return f'the field manager "{name}"' if name else ""

    async def tell(self, model: Manifest, event: EventRequest) -> None:
        """Send one Event. It is lost when that fails: an event never holds a reconcile up."""
        try:
            await self._cluster.create_event(self._events.manifest(model, event))
        except NamespaceEndingError:
            _log.debug("event %s about %s: its namespace ends", event.reason, ref_of(model))
        except ClusterError as error:
            _log.warning("event %s about %s was not sent: %s", event.reason, ref_of(model), error)


def key_of(owner: Manifest) -> AnyKey:
    """Return the key of a custom resource."""
    namespace, name = owner["metadata"]["namespace"], owner["metadata"]["name"]
    if owner["kind"] == "ReflexRoute":
        return RouteKey(namespace=namespace, name=name)
    if owner["kind"] == "ReflexBakeoff":
        return BakeoffKey(namespace=namespace, name=name)
    return ModelKey(namespace=namespace, name=name)


def _check_ours(ref: ObjectRef, live: Manifest | None, model: Manifest) -> None:
    whose = claim(live, model) if live is not None else Claim.OURS
    if whose is Claim.PREDECESSOR:
        raise PredecessorError(f"{ref} belongs to a deleted model of the same name")
    if whose is Claim.FOREIGN:
        raise ForeignError(ref)


def _in_order(
    manifests: Iterable[Manifest], live: Mapping[ObjectRef, Manifest | None]
) -> list[Manifest]:
    """Return new objects first, but for a new engine: a foreign name stops it in time."""

    def is_new(manifest: Manifest) -> bool:
        return live[ref_of(manifest)] is None and manifest["kind"] != "Deployment"

    return sorted(manifests, key=is_new, reverse=True)


def _generation(model: Manifest) -> int:
    return int(model["metadata"].get("generation", 0))
