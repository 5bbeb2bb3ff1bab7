"""The cluster as last seen: fed by watch events, replaced by an own LIST now and then.

The LIST is needed because kopf, after a 410, lists again without comparing: an object that went
away in the gap gets no DELETED event. Objects are shared with their readers and never changed,
only exchanged. They are kept trimmed: managedFields and most of a pod decide nothing.

Versions are compared as integers (KEP-5504: they are comparable within a kind). A version that is
no number is always believed.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from reflex_api.names import (
    GPU_RESOURCE,
    LABEL_WEIGHTS,
)
from reflex_operator.excerpt import (
    deployment_facts,
    gpu_claim,
    model_of,
    needed,
    node_facts,
    run_of,
    version_of,
    waits_for_node,
)
from reflex_operator.manifest import Manifest, ObjectRef, ref_of
from reflex_operator.metrics import ConditionRow
from reflex_operator.reconcile.plan import AnyKey, BakeoffKey, ModelKey, RouteKey
from reflex_operator.relations import BAKEOFF, ROUTE, Relations, generation_of
from reflex_operator.sharing import Sharing

MODEL: Final = "ReflexModel"
CHILD_KINDS: Final = (
    "Deployment",
    "Service",
    "NetworkPolicy",
    "Job",
    "PersistentVolumeClaim",
    "ConfigMap",
)
OWNERS: Final = (MODEL, ROUTE, BAKEOFF)
WATCHED_KINDS: Final = (*OWNERS, *CHILD_KINDS, "Pod", "Node")

_NOTHING: Final[frozenset[AnyKey]] = frozenset()


Key = TypeVar("Key", ModelKey, BakeoffKey, str)


class Change(NamedTuple):
    """What an event changed: who should look again, and whether it was news at all.

    `urgent`: a user made it, by creating a model or changing its spec.
    """

    keys: frozenset[AnyKey]
    news: bool
    urgent: bool = False


class Store:
    """Objects by kind and name, with the indices that snapshots need."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[tuple[str, str], Manifest]] = {k: {} for k in WATCHED_KINDS}
        self._floors: dict[str, int] = {}  # version of each kind's last LIST
        self._gone: dict[str, dict[tuple[str, str], int]] = {k: {} for k in WATCHED_KINDS}
        self._pods_of: dict[ModelKey, set[tuple[str, str]]] = {}
        self._weights_pods_of: dict[ModelKey, set[tuple[str, str]]] = {}
        self._jobs_of: dict[ModelKey, set[tuple[str, str]]] = {}
        self._run_pods_of: dict[BakeoffKey, set[tuple[str, str]]] = {}
        self._run_jobs_of: dict[BakeoffKey, set[tuple[str, str]]] = {}
        self._pods_on: dict[str, set[tuple[str, str]]] = {}
        self._gpu_pods: set[tuple[str, str]] = set()
        self._gpu_nodes: Mapping[str, Manifest] | None = {}  # None: to be gathered anew
        self._waiting: set[ModelKey] = set()
        self._sharing = Sharing()
        self._relations = Relations(self._objects)

    @property
    def synced(self) -> bool:
        """Whether each kind was listed: before that, absence means nothing."""
        return len(self._floors) == len(WATCHED_KINDS)

    def get(self, ref: ObjectRef) -> Manifest | None:
        """Return an object of a watched kind, or None."""
        return self._objects[ref.kind].get((ref.namespace, ref.name))

    def model(self, key: ModelKey) -> Manifest | None:
        """Return the custom resource, or None when it is gone."""
        return self._objects[MODEL].get((key.namespace, key.name))

    def model_keys(self) -> list[ModelKey]:
        """Return the keys of all models."""
        return [ModelKey(namespace=space, name=name) for space, name in self._objects[MODEL]]

    def owner(self, key: AnyKey) -> Manifest | None:
        """Return the custom resource of a key, or None when it is gone."""
        kind = {ModelKey: MODEL, RouteKey: ROUTE, BakeoffKey: BAKEOFF}[type(key)]
        return self._objects[kind].get((key.namespace, key.name))

    def followers(self, key: ModelKey) -> frozenset[AnyKey]:
        """Return the routes and bakeoffs that look at a model."""
        return self._relations.followers(key)

    def owner_keys(self) -> list[AnyKey]:
        """Return the keys of all custom resources."""
        routes = [RouteKey(namespace=space, name=name) for space, name in self._objects[ROUTE]]
        runs = [BakeoffKey(namespace=space, name=name) for space, name in self._objects[BAKEOFF]]
        return [*self.model_keys(), *routes, *runs]

    def of_namespace(self, kind: str, namespace: str) -> list[Manifest]:
        """Return the routes, bakeoffs or ConfigMaps of a namespace, in the order of names."""
        found = self._objects[kind]
        return [found[one] for one in sorted(found) if one[0] == namespace]

    def run_pods(self, key: BakeoffKey) -> tuple[Manifest, ...]:
        """Return the pods of a bakeoff, in the order of names."""
        pods = self._objects["Pod"]
        return tuple(pods[name] for name in sorted(self._run_pods_of.get(key, ())))

    def run_jobs(self, key: BakeoffKey) -> tuple[Manifest, ...]:
        """Return the Jobs of a bakeoff, in the order of names."""
        jobs = self._objects["Job"]
        return tuple(jobs[name] for name in sorted(self._run_jobs_of.get(key, ())))

    def nodes(self) -> Mapping[str, Manifest]:
        """Return all nodes by name."""
        return {name: node for (_, name), node in self._objects["Node"].items()}

    def pods(self, key: ModelKey) -> tuple[Manifest, ...]:
        """Return the engine pods of a model, whatever their revision, in the order of names."""
        pods = self._objects["Pod"]
        return tuple(pods[name] for name in sorted(self._pods_of.get(key, ())))

    def jobs(self, key: ModelKey) -> tuple[Manifest, ...]:
        """Return the Jobs of a model, in the order of names."""
        jobs = self._objects["Job"]
        return tuple(jobs[name] for name in sorted(self._jobs_of.get(key, ())))

    def weights_pods(self, key: ModelKey) -> tuple[Manifest, ...]:
        """Return the pods that inspect and download a model's weights, in the order of names."""
        pods = self._objects["Pod"]
        return tuple(pods[name] for name in sorted(self._weights_pods_of.get(key, ())))

    def gpu_pods(self, *, apart_from: ModelKey) -> tuple[Manifest, ...]:
        """Return the pods of other models that hold GPUs of a node."""
        pods = self._objects["Pod"]
        own = self._pods_of.get(apart_from, set())
        return tuple(pods[name] for name in sorted(self._gpu_pods - own))

    def node(self, name: str) -> Manifest | None:
        """Return a node, or None."""
        return self._objects["Node"].get(("", name))

    def gpu_nodes(self) -> Mapping[str, Manifest]:
        """Return the nodes that have GPUs: the same mapping until a node changes."""
        if self._gpu_nodes is None:
            self._gpu_nodes = {
                name: node
                for (_, name), node in self._objects["Node"].items()
                if GPU_RESOURCE in ((node.get("status") or {}).get("capacity") or {})
            }
        return self._gpu_nodes

    def condition_rows(self) -> Iterator[ConditionRow]:
        """Yield namespace, name, type and status of every condition, for the metrics."""
        for (namespace, name), model in self._objects[MODEL].items():
            for condition in (model.get("status") or {}).get("conditions") or []:
                yield namespace, name, condition["type"], condition["status"]

    def all_of(self, kind: str) -> list[Manifest]:
        """Return all objects of a kind."""
        return list(self._objects[kind].values())

    def trim(self, manifest: Mapping[str, Any], before: Manifest | None = None) -> Manifest:
        """Return a compact copy with what decisions and comparisons need.

        `before` is what the store holds of the object: a part that is equal is taken from there.
        """
        share, compact = self._sharing.share, self._sharing.compact
        # The specs of children come from one builder: they are alike.
        alike = {"spec"} if manifest["kind"] not in OWNERS else set()
        trimmed = needed(manifest)
        same = {k for k in trimmed if before and k in before and before[k] == trimmed[k]}
        return {
            k: before[k] if before and k in same else share(v) if k in alike else compact(v)
            for k, v in trimmed.items()
        }

    def observe(self, event_type: str | None, manifest: Mapping[str, Any]) -> Change:
        """Take in one event, or the answer to an own write; older news are ignored."""
        ref = ref_of(manifest)
        name = (ref.namespace, ref.name)
        version = version_of(manifest)
        before = self._objects[ref.kind].get(name)
        if version is not None and self._is_stale(ref.kind, name, version, before, event_type):
            return Change(_NOTHING, news=False)
        if event_type == "DELETED":
            if version is not None:
                self._gone[ref.kind][name] = version
            after = None
        else:
            after = self.trim(manifest, before)
        urgent = ref.kind in OWNERS and generation_of(before) != generation_of(after)
        return Change(self._exchange(ref, before, after), news=True, urgent=urgent)

    def replace(
        self, kind: str, manifests: Iterable[Mapping[str, Any]], resource_version: str
    ) -> Change:
        """Exchange all objects of a kind for a LIST's; return who should look again.

        Objects that are newer than the list stay: their events overtook it.
        """
        self._sharing = Sharing()  # forgets what no object has any more
        floor = int(resource_version) if resource_version.isdigit() else None
        first = kind not in self._floors
        keys: set[AnyKey] = set()
        listed = set()
        news = False
        for manifest in manifests:
            ref = ref_of(manifest)
            listed.add((ref.namespace, ref.name))
            change = self.observe("MODIFIED", manifest)
            keys |= change.keys
            news = news or change.news
        for name, before in list(self._objects[kind].items()):
            seen = version_of(before)
            if name in listed or (floor is not None and seen is not None and seen > floor):
                continue
            ref = ObjectRef(kind=kind, namespace=name[0], name=name[1])
            keys |= self._exchange(ref, before, None)
            news = True
        self._floors[kind] = floor if floor is not None else 0
        gone = self._gone[kind]
        self._gone[kind] = {n: v for n, v in gone.items() if floor is None or v > floor}
        return Change(frozenset(keys), news=news and not first)

    def _is_stale(
        self,
        kind: str,
        name: tuple[str, str],
        version: int,
        before: Manifest | None,
        event_type: str | None,
    ) -> bool:
        if before is not None:
            seen = version_of(before)
            # A DELETED event may carry the version of the last change (a deletion collected from
            # a relist); it is stale only when the object was seen newer.
            newest = seen if event_type == "DELETED" or seen is None else seen + 1
            return newest is not None and version < newest
        if event_type == "DELETED":
            return True
        # Absent and older than the list or the deletion that says so: it will not come back.
        return version <= max(self._floors.get(kind, -1), self._gone[kind].get(name, -1))

    def _exchange(
        self, ref: ObjectRef, before: Manifest | None, after: Manifest | None
    ) -> frozenset[AnyKey]:
        """Put `after` in the place of `before`; return the keys that it concerns."""
        name = (ref.namespace, ref.name)
        if after is None:
            self._objects[ref.kind].pop(name, None)
        else:
            self._objects[ref.kind][name] = after
        if ref.kind == MODEL:
            key = ModelKey(namespace=ref.namespace, name=ref.name)
            return self._model_changed(key, after) | self._relations.followers(key)
        if ref.kind in (ROUTE, BAKEOFF):
            return self._relations.followed(ref, before, after)
        if ref.kind == "Node":
            return self._node_changed(ref.name, before, after)
        if ref.kind == "Deployment" and deployment_facts(before) == deployment_facts(after):
            return _NOTHING  # its counts: the pods' own events tell more
        keys: set[AnyKey] = {
            key
            for one in (before, after)
            for key in (model_of(one), model_of(one, LABEL_WEIGHTS))
            if key is not None
        }
        if ref.kind == "Job":
            for one, add in ((before, False), (after, True)):
                if one is not None and (model := model_of(one)) is not None:
                    _index(self._jobs_of, model, name, add=add)
                if one is not None and (run := run_of(one)) is not None:
                    _index(self._run_jobs_of, run, name, add=add)
        if ref.kind == "Pod":
            self._index_pod(name, before, after)
            if gpu_claim(before) != gpu_claim(after):
                keys |= self._waiting
        if ref.kind in ("Pod", "Deployment"):
            for owner in [one for one in keys if isinstance(one, ModelKey)]:
                keys |= self._relations.followers(owner)
        for one in (before, after):
            keys |= self._relations.labelled(one)
        return frozenset(keys)

    def _model_changed(self, key: ModelKey, after: Manifest | None) -> frozenset[AnyKey]:
        if after is not None and waits_for_node(after):
            self._waiting.add(key)
        else:
            self._waiting.discard(key)
        return frozenset({key})

    def _node_changed(
        self, node: str, before: Manifest | None, after: Manifest | None
    ) -> frozenset[AnyKey]:
        if node_facts(before) == node_facts(after):
            return _NOTHING  # a kubelet's heartbeat
        self._gpu_nodes = None
        pods = self._objects["Pod"]
        owners = (model_of(pods[name]) for name in self._pods_on.get(node, ()))
        routes = {RouteKey(namespace=space, name=name) for space, name in self._objects[ROUTE]}
        return frozenset({key for key in owners if key is not None} | self._waiting | routes)

    def _index_pod(
        self, name: tuple[str, str], before: Manifest | None, after: Manifest | None
    ) -> None:
        for pod, add in ((before, False), (after, True)):
            if pod is None:
                continue
            owner, node = model_of(pod), pod["spec"].get("nodeName")
            if owner is not None:
                _index(self._pods_of, owner, name, add=add)
            if (weights := model_of(pod, LABEL_WEIGHTS)) is not None:
                _index(self._weights_pods_of, weights, name, add=add)
            if (run := run_of(pod)) is not None:
                _index(self._run_pods_of, run, name, add=add)
            if node:
                _index(self._pods_on, node, name, add=add)
        if gpu_claim(after):
            self._gpu_pods.add(name)
        else:
            self._gpu_pods.discard(name)


def _index(
    index: dict[Key, set[tuple[str, str]]], key: Key, name: tuple[str, str], *, add: bool
) -> None:
    names = index.setdefault(key, set())
    (names.add if add else names.discard)(name)
    if not names:
        del index[key]
