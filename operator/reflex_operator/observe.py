"""Builds the snapshot that a decision rests on."""

from collections.abc import Iterable

from reflex_api.names import child_name, keys_name
from reflex_operator.cluster import Cluster
from reflex_operator.errors import NotFoundError
from reflex_operator.keys import Keys
from reflex_operator.manifest import Manifest, ObjectRef, owned_by
from reflex_operator.reconcile.plan import (
    EngineDefaults,
    ModelKey,
    ModelSnapshot,
    ProbeResult,
    SecretState,
)
from reflex_operator.store import Store


class Observer:
    """Looks at the store, and at Secrets and foreign objects, which no watch shows."""

    def __init__(
        self, store: Store, keys: Keys, cluster: Cluster, defaults: EngineDefaults
    ) -> None:
        self._store = store
        self._keys = keys
        self._cluster = cluster
        self._defaults = defaults

    async def snapshot(
        self,
        model: Manifest,
        probes: tuple[ProbeResult, ...],
        conflicts: tuple[ObjectRef, ...],
    ) -> ModelSnapshot:
        """Return what is known about one model.

        Peers and GPU nodes are included only while a pod of the model waits for a node: nothing
        else depends on them, and with hundreds of models they would be most of the work.
        """
        metadata = model["metadata"]
        key = ModelKey(namespace=metadata["namespace"], name=metadata["name"])
        pods = self._store.pods(key)
        waits = any(not pod["spec"].get("nodeName") for pod in pods)
        nodes = self._store.gpu_nodes() if waits else {}
        for pod in pods:
            node = self._store.node(pod["spec"].get("nodeName") or "")
            if node is not None:
                nodes[node["metadata"]["name"]] = node
        deployment = self._child("Deployment", key, metadata["uid"])
        return ModelSnapshot(
            model=model,
            defaults=self._defaults,
            deployment=deployment,
            service=self._child("Service", key, metadata["uid"]),
            network_policy=self._child("NetworkPolicy", key, metadata["uid"]),
            secret=await self._secret(model, pods, new=deployment is None),
            pods=pods,
            peer_pods=self._store.gpu_pods(apart_from=key) if waits else (),
            nodes=nodes,
            probes=probes,
            conflicts=conflicts,
        )

    async def still_in_conflict(
        self, refs: Iterable[ObjectRef], owner: str
    ) -> tuple[ObjectRef, ...]:
        """Return those of `refs` that still exist under another owner."""
        taken = []
        for ref in refs:
            try:
                live = await self._cluster.get(ref)
            except NotFoundError:
                continue
            if not owned_by(live, owner):
                taken.append(ref)
        return tuple(taken)

    def _child(self, kind: str, key: ModelKey, owner: str) -> Manifest | None:
        name = child_name(key.name)
        live = self._store.get(ObjectRef(kind=kind, namespace=key.namespace, name=name))
        return live if live is not None and owned_by(live, owner) else None

    async def _secret(
        self, model: Manifest, pods: tuple[Manifest, ...], *, new: bool
    ) -> SecretState:
        metadata = model["metadata"]
        supplied = ((model.get("spec") or {}).get("apiKeySecretRef") or {}).get("name") or ""
        ref = ObjectRef(
            kind="Secret",
            namespace=metadata["namespace"],
            name=supplied or keys_name(metadata["name"]),
        )
        return await self._keys.state(
            ref,
            model=None if supplied else model,
            settled=all(map(_is_ready, pods)),
            new=new and not supplied,
        )


def _is_ready(pod: Manifest) -> bool:
    return any(
        condition.get("type") == "Ready" and condition.get("status") == "True"
        for condition in (pod.get("status") or {}).get("conditions") or []
    )
