"""Builds the snapshot that a decision rests on."""

from collections.abc import Iterable

from reflex_api.names import cache_name, child_name, keys_name
from reflex_operator.cluster import Cluster
from reflex_operator.errors import NotFoundError
from reflex_operator.keys import Keys
from reflex_operator.manifest import Manifest, ObjectRef, owned_by
from reflex_operator.ownership import Claim, claim
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

        Peers are included only while a pod of the model waits for a node: nothing else depends on
        them, and with hundreds of models they would be most of the work. GPU nodes, which decide
        whether a model fits, are one mapping that all snapshots share.
        """
        metadata = model["metadata"]
        key = ModelKey(namespace=metadata["namespace"], name=metadata["name"])
        pods = self._store.pods(key)
        waits = any(not pod["spec"].get("nodeName") for pod in pods)
        nodes = self._store.gpu_nodes() if waits or _wants_gpu(model) else {}
        names = {pod["spec"].get("nodeName") or "" for pod in pods} - nodes.keys()
        own = {name: node for name in names if (node := self._store.node(name)) is not None}
        if own:
            nodes = {**nodes, **own}
        deployment = self._child("Deployment", key, metadata["uid"])
        return ModelSnapshot(
            model=model,
            defaults=self._defaults,
            deployment=deployment,
            service=self._child("Service", key, metadata["uid"]),
            network_policy=self._child("NetworkPolicy", key, metadata["uid"]),
            secret=await self._secret(model, pods, new=deployment is None),
            token=await self._token(model),
            pods=pods,
            peer_pods=self._store.gpu_pods(apart_from=key) if waits else (),
            nodes=nodes,
            probes=probes,
            claim=self._store.get(
                ObjectRef(
                    kind="PersistentVolumeClaim",
                    namespace=key.namespace,
                    name=cache_name(key.name),
                )
            ),
            jobs=self._store.jobs(key),
            weights_pods=self._store.weights_pods(key),
            conflicts=conflicts,
        )

    async def still_in_conflict(
        self, refs: Iterable[ObjectRef], model: Manifest
    ) -> tuple[ObjectRef, ...]:
        """Return those of `refs` that still exist and are somebody else's."""
        taken = []
        for ref in refs:
            try:
                live = await self._cluster.get(ref)
            except NotFoundError:
                continue
            if claim(live, model) is Claim.FOREIGN:
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

    async def _token(self, model: Manifest) -> SecretState:
        """Return whether the hub's token is there, while a download may still need it."""
        hub = ((model.get("spec") or {}).get("source") or {}).get("huggingFace") or {}
        wanted = hub.get("tokenSecretRef") or {}
        if not wanted.get("name") or _has_its_weights(model):
            return SecretState.PRESENT
        namespace = model["metadata"]["namespace"]
        ref = ObjectRef(kind="Secret", namespace=namespace, name=wanted["name"])
        return await self._keys.holds(ref, wanted.get("key") or "token")


def _has_its_weights(model: Manifest) -> bool:
    """Return whether the present source was downloaded, by the status; it is rebuilt when lost."""
    generation = model["metadata"].get("generation")
    return any(
        condition.get("type") == "ModelCached"
        and condition.get("status") == "True"
        and condition.get("observedGeneration") == generation
        for condition in (model.get("status") or {}).get("conditions") or []
    )


def _wants_gpu(model: Manifest) -> bool:
    engine = (model.get("spec") or {}).get("engine") or {}
    return bool(engine.get("device", "cuda") == "cuda")


def _is_ready(pod: Manifest) -> bool:
    return any(
        condition.get("type") == "Ready" and condition.get("status") == "True"
        for condition in (pod.get("status") or {}).get("conditions") or []
    )
