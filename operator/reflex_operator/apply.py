"""Carries a Plan out: compares, and sends only the difference.

Order: keys, children, readiness gate, status, events. A pod that starts before its Secret would
wait for the kubelet's next look; a status that is written first would speak of things that do not
exist. A Plan that is satisfied sends nothing. Deleted are Jobs that are out of date; all else is
left to owner references.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reflex_api.names import FIELD_MANAGER, GROUP, READINESS_GATE
from reflex_operator.cluster import Cluster
from reflex_operator.compare import differs, digest, stamped, status_differs
from reflex_operator.errors import (
    ClusterError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    PredecessorError,
)
from reflex_operator.keys import Keys
from reflex_operator.manifest import Manifest, ObjectRef, ref_of
from reflex_operator.ownership import Claim, claim
from reflex_operator.reconcile.plan import EventRequest, GatePatch, ModelKey, Plan
from reflex_operator.store import Store

_log = logging.getLogger(__name__)
_EVENT_NAME_ROOM: Final = 200
_NOTE_ROOM: Final = 1000


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What carrying a Plan out came to."""

    writes: int = 0  # requests that changed something; events apart
    conflicts: tuple[ObjectRef, ...] = ()  # foreign objects under our names: nothing was written
    refusal: ClusterError | None = None  # a child that the API server does not take


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
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._keys = keys
        self._identity = identity
        self._now = now
        # What was sent and the version that came of it. While the live version is that one,
        # sending it again cannot change anything, even where the comparison misjudges a field
        # that the API server rewrites or prunes: no self-sustaining storm of writes.
        self._sent: dict[ModelKey, dict[ObjectRef, tuple[str, str]]] = {}
        self._complaints: dict[ModelKey, str] = {}

    def forget(self, key: ModelKey) -> None:
        """Drop what is remembered about a model that is gone."""
        self._sent.pop(key, None)
        self._complaints.pop(key, None)

    async def carry_out(self, model: Manifest, plan: Plan) -> Outcome:
        """Bring the cluster to what `plan` says.

        A child that the API server refuses (quota, admission) stops those after it, not the
        status, and is in the outcome.

        Raises:
            ClusterError: a write failed.
            PredecessorError: an object of a deleted model of the same name is in the way.
        """
        metadata = model["metadata"]
        key = ModelKey(namespace=metadata["namespace"], name=metadata["name"])
        live, conflicts = await self._resolve(model, plan.apply)
        if conflicts:
            return Outcome(conflicts=conflicts)
        writes = 0
        refusal: ClusterError | None = None
        try:
            if plan.secret is not None:
                if not await self._keys.create(plan.secret, model=model):
                    return Outcome(conflicts=(ref_of(plan.secret.manifest),))
                writes += 1
            for manifest in plan.apply:
                writes += await self._child(key, manifest, live[ref_of(manifest)])
        except (ForbiddenError, InvalidError) as error:
            refusal = error
        for ref in plan.delete:
            writes += await self._delete(ref, model)
        if plan.gate is not None:
            writes += await self._gate(plan.gate)
        if plan.status is not None:
            writes += await self._status(key, model, plan.status)
        for event in plan.events:
            await self._event(model, event)
        await self._complain(key, model, refusal)
        return Outcome(writes=writes, refusal=refusal)

    async def _resolve(
        self, model: Manifest, manifests: Iterable[Manifest]
    ) -> tuple[dict[ObjectRef, Manifest | None], tuple[ObjectRef, ...]]:
        """Return the live object of each manifest, and those that are somebody else's.

        The store holds only objects with our label, so absence there is checked with a GET.
        """
        refs = [ref_of(manifest) for manifest in manifests]
        found = await asyncio.gather(*(self._live(ref) for ref in refs))
        live = dict(zip(refs, found, strict=True))
        foreign = []
        for ref, manifest in live.items():
            if manifest is None:
                continue
            whose = claim(manifest, model)
            if whose is Claim.PREDECESSOR:
                raise PredecessorError(f"{ref} belongs to a deleted model of the same name")
            if whose is Claim.FOREIGN:
                foreign.append(ref)
        return live, tuple(foreign)

    async def _live(self, ref: ObjectRef) -> Manifest | None:
        manifest = self._store.get(ref)
        if manifest is not None:
            return manifest
        try:
            return await self._cluster.get(ref)
        except NotFoundError:
            return None

    async def _child(self, key: ModelKey, manifest: Manifest, live: Manifest | None) -> int:
        desired = stamped(manifest)
        ref, wanted = ref_of(manifest), digest(desired)
        if live is not None:
            version = live["metadata"].get("resourceVersion", "")
            if self._sent.get(key, {}).get(ref) == (wanted, version) or not differs(desired, live):
                return 0
            # A wrong uid is refused: nobody's new object of this name can be taken over.
            identity = {**desired["metadata"], "uid": live["metadata"]["uid"]}
            desired = {**desired, "metadata": identity}
        answer = await self._cluster.apply(desired)
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
        self._store.observe("DELETED", live)
        return 1

    async def _gate(self, gate: GatePatch) -> int:
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
        answer = await self._cluster.patch_pod_status(gate.pod, uid=uid, condition=condition)
        self._store.observe("MODIFIED", answer)
        return 1

    async def _status(self, key: ModelKey, model: Manifest, status: Manifest) -> int:
        live = self._store.model(key)
        if live is None or live["metadata"]["uid"] != model["metadata"]["uid"]:
            return 0
        ref, wanted = ref_of(model), digest(status)
        version = live["metadata"].get("resourceVersion", "")
        if self._sent.get(key, {}).get(ref) == (wanted, version):
            return 0
        if not status_differs(status, live.get("status") or {}):
            return 0
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
        return self._took(key, ref, wanted, live, answer)

    def _took(
        self, key: ModelKey, ref: ObjectRef, wanted: str, live: Manifest | None, answer: Manifest
    ) -> int:
        """Fold the answer into the store; return 1 if the request changed anything."""
        version = answer["metadata"].get("resourceVersion", "")
        self._sent.setdefault(key, {})[ref] = (wanted, version)
        self._store.observe("MODIFIED", answer)
        before = live["metadata"].get("resourceVersion") if live else None
        return 0 if before == version else 1

    async def _complain(self, key: ModelKey, model: Manifest, refusal: ClusterError | None) -> None:
        """Tell the user once when the API server refuses a child: no condition shows it."""
        words = str(refusal) if refusal else ""
        if words and self._complaints.get(key) != words:
            event = EventRequest(type="Warning", reason="ApplyFailed", message=words)
            await self._event(model, event)
        self._complaints[key] = words

    async def _event(self, model: Manifest, event: EventRequest) -> None:
        """Send one Event. It is lost when that fails: an event never holds a reconcile up."""
        metadata = model["metadata"]
        manifest = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "name": f"{metadata['name'][:_EVENT_NAME_ROOM]}.{secrets.token_hex(8)}",
                "namespace": metadata["namespace"],
            },
            "eventTime": self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "type": event.type,
            "reason": event.reason,
            "note": event.message[:_NOTE_ROOM],
            "action": "Reconcile",
            "regarding": {
                "apiVersion": model["apiVersion"],
                "kind": model["kind"],
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "reportingController": f"{GROUP}/{FIELD_MANAGER}",
            "reportingInstance": self._identity[:128],
        }
        try:
            await self._cluster.create_event(manifest)
        except ClusterError as error:
            _log.warning("event %s about %s was not sent: %s", event.reason, ref_of(model), error)
