"""Builds the snapshots of routes and bakeoffs from the store."""

from collections.abc import Iterable

from reflex_api.names import (
    LABEL_EVIDENCE_OF,
    LABEL_FEEDBACK,
    child_name,
    evidence_name,
    route_service_name,
)
from reflex_operator.endings import Endings
from reflex_operator.idleness import IdleWatcher
from reflex_operator.manifest import Manifest, ObjectRef, owned_by
from reflex_operator.probe import Prober
from reflex_operator.reconcile.bakeoff.snapshot import BakeoffSnapshot, Collected, Told
from reflex_operator.reconcile.plan import BakeoffKey, EngineDefaults, ModelKey, RouteKey
from reflex_operator.reconcile.route import membership
from reflex_operator.reconcile.route.snapshot import MemberObjects, PeerRoute, RouteSnapshot
from reflex_operator.relations import BAKEOFF, ROUTE
from reflex_operator.store import Store


class RouteObserver:
    """Looks at the store; nothing here asks the API server."""

    def __init__(
        self,
        store: Store,
        endings: Endings,
        idle: IdleWatcher,
        prober: Prober,
        defaults: EngineDefaults,
    ) -> None:
        self._prober = prober
        self._store = store
        self._endings = endings
        self._idle = idle
        self._defaults = defaults

    def route(self, route: Manifest, conflicts: tuple[ObjectRef, ...]) -> RouteSnapshot:
        """Return what is known about one route, its members and its slot."""
        metadata = route["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        peers = tuple(
            PeerRoute(route=one, service=self._service(one))
            for one in self._store.of_namespace(ROUTE, namespace)
            if one["metadata"]["name"] != name
        )
        sharing = membership.same_slot(route, peers)
        listed = [route, *(peer.route for peer in sharing)]
        names = dict.fromkeys(one for each in listed for one in membership.names_in(each))
        maps = self._store.of_namespace("ConfigMap", namespace)
        return RouteSnapshot(
            route=route,
            defaults=self._defaults,
            service=self._service(route),
            members={one: self.member(namespace, one) for one in names},
            peers=peers,
            bakeoffs=tuple(self._store.of_namespace(BAKEOFF, namespace)),
            evidence=tuple(_labelled(maps, LABEL_EVIDENCE_OF)),
            feedback=next(iter(_labelled(maps, LABEL_FEEDBACK, name)), None),
            idle_since=self._idle.since(RouteKey(namespace=namespace, name=name)),
            nodes=self._store.nodes(),
            conflicts=conflicts,
        )

    def bakeoff(
        self,
        bakeoff: Manifest,
        *,
        collected: Collected | None,
        told: Told | None,
        conflicts: tuple[ObjectRef, ...],
        refusal: str,
    ) -> BakeoffSnapshot:
        """Return what is known about one bakeoff."""
        metadata, spec = bakeoff["metadata"], bakeoff.get("spec") or {}
        namespace, name = metadata["namespace"], metadata["name"]
        key = BakeoffKey(namespace=namespace, name=name)
        model = (spec.get("modelRef") or {}).get("name")
        baseline = (spec.get("baselineRef") or {}).get("name")
        return BakeoffSnapshot(
            bakeoff=bakeoff,
            defaults=self._defaults,
            model=self.member(namespace, model) if model else MemberObjects(),
            kept=self.wanted(namespace, model) is not False if model else True,
            nodes=self._store.nodes(),
            evidence=self._own(evidence_name(name), namespace, metadata["uid"]),
            baseline=self._map(evidence_name(baseline), namespace) if baseline else None,
            partial=self._own(f"{name}.partial", namespace, metadata["uid"]),
            jobs=self._store.run_jobs(key),
            pods=self._store.run_pods(key),
            collected=collected,
            told=told,
            conflicts=conflicts,
            refusal=refusal,
        )

    def wanted(self, namespace: str, model: str) -> bool | None:
        """Return whether a model may run: by itself, or because a route says so."""
        manifest = self._store.model(ModelKey(namespace=namespace, name=model))
        if ((manifest or {}).get("spec") or {}).get("activation") != "Routed":
            return True
        routes = self._store.of_namespace(ROUTE, namespace)
        return membership.wanted(
            model, [PeerRoute(route=one, service=self._service(one)) for one in routes]
        )

    def member(self, namespace: str, model: str) -> MemberObjects:
        """Return the objects of one model; a foreign Deployment of its name is none."""
        key = ModelKey(namespace=namespace, name=model)
        manifest = self._store.model(key)
        if manifest is None:
            return MemberObjects(pods=self._store.pods(key))
        ref = ObjectRef(kind="Deployment", namespace=namespace, name=child_name(model))
        live = self._store.get(ref)
        ours = live is not None and owned_by(live, manifest["metadata"]["uid"])
        pods = self._store.pods(key)
        return MemberObjects(
            model=manifest,
            deployment=live if ours else None,
            pods=pods,
            settings=self._settings(key, pods),
            ended=self._endings.of(key),
        )

    def _settings(self, key: ModelKey, pods: tuple[Manifest, ...]) -> str:
        results = self._prober.results(key, {pod["metadata"]["uid"] for pod in pods})
        return next((one.settings for one in results if one.settings), "")

    def _service(self, route: Manifest) -> Manifest | None:
        metadata = route["metadata"]
        ref = ObjectRef(
            kind="Service",
            namespace=metadata["namespace"],
            name=route_service_name(metadata["name"]),
        )
        live = self._store.get(ref)
        return live if live is not None and owned_by(live, metadata["uid"]) else None

    def _own(self, name: str, namespace: str, uid: str) -> Manifest | None:
        live = self._map(name, namespace)
        return live if live is not None and owned_by(live, uid) else None

    def _map(self, name: str, namespace: str) -> Manifest | None:
        return self._store.get(ObjectRef(kind="ConfigMap", namespace=namespace, name=name))


def _labelled(maps: Iterable[Manifest], label: str, value: str = "") -> list[Manifest]:
    return [
        one
        for one in maps
        if (found := (one["metadata"].get("labels") or {}).get(label))
        and (not value or found == value)
    ]
