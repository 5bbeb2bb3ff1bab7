"""Claims, Jobs and their pods at the edges: seen, adopted, deleted; those of others untouched."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import states
from reflex_api.model import ReflexModel
from reflex_api.names import ANNOTATION_CACHE_OF
from reflex_operator.apply import Applier
from reflex_operator.builders import cache
from reflex_operator.builders.weights import Step, weights_job
from reflex_operator.keys import Keys
from reflex_operator.manifest import ObjectRef, ref_of
from reflex_operator.metrics import Metrics
from reflex_operator.observe import Observer
from reflex_operator.reconcile.plan import ModelKey, Plan, SecretState
from reflex_operator.store import WATCHED_KINDS, Store
from unit.reflex_operator.fakeapi import FakeApi, serving

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = ModelKey(namespace="default", name="tiny")
Object = dict[str, Any]
TOKEN = {"name": "hub", "key": "t"}
HUB = {"huggingFace": {"repo": "a/b", "revision": "0" * 40, "tokenSecretRef": TOKEN}}
MANIFEST = states.model(source=HUB)
MODEL = ReflexModel.parse(MANIFEST)


def job(attempt: int = 0) -> Object:
    return weights_job(
        MODEL, Step.DOWNLOAD, image="i", hub_endpoint="", claim_uid="", keep=(), attempt=attempt
    )


def versioned(manifest: Object, version: int) -> Object:
    metadata = {"uid": f"uid-{version}", **manifest["metadata"], "resourceVersion": str(version)}
    return {**manifest, "metadata": metadata}


class Rig:
    def __init__(self, fake: FakeApi, store: Store, applier: Applier, observer: Observer) -> None:
        self.fake, self.store, self.applier, self.observer = fake, store, applier, observer

    def add(self, manifest: Object) -> Object:
        live = self.fake.add(manifest)
        self.store.observe("ADDED", live)
        return live

    async def token(self, **status: Any) -> SecretState:
        snapshot = await self.observer.snapshot({**MANIFEST, "status": status}, (), ())
        return snapshot.token


@asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    fake, store = FakeApi(), Store()
    store.observe("ADDED", fake.add(MANIFEST))
    async with serving(fake, Metrics()) as cluster:
        keys = Keys(cluster, clock=lambda: 0.0)
        applier = Applier(cluster, store, keys, identity="pod", now=lambda: NOON)
        yield Rig(fake, store, applier, Observer(store, keys, cluster, states.DEFAULTS))


async def test_an_outdated_job_is_deleted_once() -> None:
    async with rig() as r:
        ref = ref_of(r.add(job()))
        outcome = await r.applier.carry_out(MANIFEST, Plan(delete=(ref,)))
        assert outcome.writes == 1
        assert [method for method, _ in r.fake.writes] == ["DELETE"]
        assert r.fake.bodies[-1]["propagationPolicy"] == "Background"
        assert r.store.jobs(KEY) == ()
        assert (await r.applier.carry_out(MANIFEST, Plan(delete=(ref,)))).writes == 0


async def test_a_job_of_the_same_name_that_we_did_not_see_is_not_deleted() -> None:
    async with rig() as r:
        seen = r.add(job())
        r.fake.add({**job(), "metadata": {**job()["metadata"], "uid": "uid-of-another"}})
        outcome = await r.applier.carry_out(MANIFEST, Plan(delete=(ref_of(seen),)))
        assert outcome.writes == 0
        assert r.fake.get("Job", seen["metadata"]["name"])["metadata"]["uid"] == "uid-of-another"


async def test_somebody_elses_job_is_not_deleted() -> None:
    async with rig() as r:
        foreign = job()
        foreign["metadata"].pop("ownerReferences")
        ref = ref_of(r.add(foreign))
        assert (await r.applier.carry_out(MANIFEST, Plan(delete=(ref,)))).writes == 0
        assert r.fake.writes == []


async def test_a_retained_claim_is_adopted_and_somebody_elses_is_not() -> None:
    async with rig() as r:
        kept = cache.cache_claim(MODEL)
        kept["metadata"]["annotations"]["note"] = "x"
        r.add(kept)
        outcome = await r.applier.carry_out(MANIFEST, Plan(apply=(cache.cache_claim(MODEL),)))
        assert outcome.conflicts == ()
    for wrong in ({}, {ANNOTATION_CACHE_OF: "default/tin.y"}):
        async with rig() as r:
            theirs = cache.cache_claim(MODEL)
            theirs["metadata"]["annotations"] = wrong
            before = r.fake.add(theirs)
            outcome = await r.applier.carry_out(MANIFEST, Plan(apply=(cache.cache_claim(MODEL),)))
            assert [str(ref) for ref in outcome.conflicts] == [
                "PersistentVolumeClaim default/tiny-cache"
            ]
            assert r.fake.get("PersistentVolumeClaim", "tiny-cache") == before


async def test_the_token_is_looked_for_until_the_weights_are_there() -> None:
    async with rig() as r:
        assert await r.token() is SecretState.MISSING
        secret = {"apiVersion": "v1", "kind": "Secret",
                  "metadata": {"name": "hub", "namespace": "default"}}  # fmt: skip
        r.fake.add(secret)
        assert await r.token() is SecretState.KEY_MISSING
        r.fake.add({**secret, "data": {"t": base64.b64encode(b"s3cret").decode()}})
        assert await r.token() is SecretState.PRESENT
        done = {"type": "ModelCached", "status": "True", "observedGeneration": 1}
        del r.fake.objects["secrets", "default", "hub"]
        assert await r.token(conditions=[done]) is SecretState.PRESENT
        assert await r.token(conditions=[{**done, "observedGeneration": 0}]) is SecretState.MISSING


def test_the_store_tells_a_downloads_pod_from_an_engine() -> None:
    store = Store()
    one = versioned(job(), 5)
    pod = versioned(states.weights_pod(job()), 6)
    assert store.observe("ADDED", one).keys == {KEY}
    assert store.observe("ADDED", pod).keys == {KEY}
    assert [p["metadata"]["name"] for p in store.weights_pods(KEY)] == [pod["metadata"]["name"]]
    assert store.pods(KEY) == ()
    assert [j["metadata"]["name"] for j in store.jobs(KEY)] == [one["metadata"]["name"]]
    assert store.observe("DELETED", versioned(states.weights_pod(job()), 7)).keys == {KEY}
    assert store.weights_pods(KEY) == ()
    store.observe("DELETED", versioned(job(), 8))
    assert store.jobs(KEY) == ()


def test_the_store_keeps_little_of_a_job() -> None:
    store = Store()
    assert {"Job", "PersistentVolumeClaim"} <= set(WATCHED_KINDS)
    store.observe("ADDED", versioned({**job(), "status": {"active": 1, "conditions": []}}, 6))
    (kept,) = store.jobs(KEY)
    assert kept["spec"] == {}
    assert kept["status"] == {"conditions": []}
    assert kept["metadata"]["annotations"] == {"reflexstack.dev/attempt": "0"}


def test_a_claim_wakes_its_model() -> None:
    store = Store()
    claim = cache.cache_claim(MODEL)
    assert store.observe("ADDED", versioned(claim, 5)).keys == {KEY}
    ref = ObjectRef(kind="PersistentVolumeClaim", namespace="default", name="tiny-cache")
    assert store.get(ref) is not None


async def test_a_claim_that_its_owner_leaves_to_the_model_is_no_conflict_any_more() -> None:
    async with rig() as r:
        theirs = cache.cache_claim(ReflexModel.parse(states.model(source=HUB, cache={})))
        note = theirs["metadata"].pop("annotations")
        theirs["metadata"].pop("ownerReferences", None)
        ref = ref_of(r.fake.add(theirs))
        assert await r.observer.still_in_conflict((ref,), MANIFEST) == (ref,)
        theirs["metadata"]["annotations"] = note
        r.fake.add(theirs)
        assert await r.observer.still_in_conflict((ref,), MANIFEST) == ()
