"""Whom a change concerns beyond its owner: routes, their members, and the bakeoffs of those.

A namespace has few routes, so they are looked through; with none, nothing here costs anything.
"""

from collections.abc import Mapping
from typing import Final

from reflex_api.names import LABEL_BAKEOFF, LABEL_EVIDENCE_OF, LABEL_FEEDBACK, LABEL_ROUTE
from reflex_operator.manifest import Manifest, ObjectRef
from reflex_operator.reconcile.plan import AnyKey, BakeoffKey, ModelKey, RouteKey
from reflex_operator.reconcile.route.membership import names_in

ROUTE: Final = "ReflexRoute"
BAKEOFF: Final = "ReflexBakeoff"

Objects = Mapping[str, Mapping[tuple[str, str], Manifest]]


class Relations:
    """Reads the store's objects, by kind and name; changes nothing."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def followers(self, key: ModelKey) -> frozenset[AnyKey]:
        """Return the routes whose slot a model may hold, and the bakeoffs that measure it."""
        routes, runs = self._objects[ROUTE], self._objects[BAKEOFF]
        listed = any(
            key.name in names_in(one)
            for (space, _), one in routes.items()
            if space == key.namespace
        )
        keys: set[AnyKey] = set(self._routes(key.namespace)) if listed else set()
        for (space, name), run in runs.items():
            if space == key.namespace and _measured(run) == key.name:
                keys.add(BakeoffKey(namespace=space, name=name))
        return frozenset(keys)

    def followed(
        self, ref: ObjectRef, before: Manifest | None, after: Manifest | None
    ) -> frozenset[AnyKey]:
        """Return whom a change of a route or a bakeoff concerns."""
        if ref.kind == BAKEOFF:
            run = BakeoffKey(namespace=ref.namespace, name=ref.name)
            return frozenset({run, *self._routes(ref.namespace)})
        keys: set[AnyKey] = {RouteKey(namespace=ref.namespace, name=ref.name)}
        if generation_of(before) != generation_of(after):
            # Its members, and routes that claim the same ones or share the slot.
            keys |= {*_members(before), *_members(after), *self._routes(ref.namespace)}
        return frozenset(keys)

    def labelled(self, manifest: Manifest | None) -> frozenset[AnyKey]:
        """Return the routes and bakeoffs that an object's labels name, and whom it concerns."""
        metadata = (manifest or {}).get("metadata") or {}
        labels, space = metadata.get("labels") or {}, metadata.get("namespace", "")
        keys: set[AnyKey] = set()
        if name := labels.get(LABEL_BAKEOFF):
            keys.add(BakeoffKey(namespace=space, name=name))
        if name := labels.get(LABEL_FEEDBACK):
            keys.add(RouteKey(namespace=space, name=name))
        if name := labels.get(LABEL_ROUTE):
            route = self._objects[ROUTE].get((space, name))
            keys |= {RouteKey(namespace=space, name=name), *_members(route), *self._routes(space)}
        if model := labels.get(LABEL_EVIDENCE_OF):
            keys |= self.followers(ModelKey(namespace=space, name=model))
            # One of them may have waited for it as its baseline.
            runs = self._objects[BAKEOFF]
            keys |= {BakeoffKey(namespace=space, name=one[1]) for one in runs if one[0] == space}
        return frozenset(keys)

    def _routes(self, namespace: str) -> list[RouteKey]:
        found = self._objects[ROUTE]
        return [RouteKey(namespace=space, name=name) for space, name in found if space == namespace]


def generation_of(manifest: Manifest | None) -> int | None:
    """Return which version of its spec an object has; None: there is none."""
    return manifest["metadata"].get("generation") if manifest else None


def _members(route: Manifest | None) -> list[ModelKey]:
    space = ((route or {}).get("metadata") or {}).get("namespace", "")
    return [ModelKey(namespace=space, name=name) for name in names_in(route or {})]


def _measured(bakeoff: Manifest) -> str:
    spec = bakeoff.get("spec") or {}
    return str((spec.get("modelRef") or {}).get("name") or "")
