from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from reflex_operator.apply import Applier
from reflex_operator.errors import ConflictError, InvalidError, PredecessorError
from reflex_operator.keys import Keys
from reflex_operator.manifest import ObjectRef
from reflex_operator.reconcile.plan import (
    EventRequest,
    GatePatch,
    Plan,
    SecretRequest,
    SecretState,
)
from reflex_operator.store import Store
from unit.reflex_operator.fakeapi import FakeApi, serving

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
Object = dict[str, Any]
MODEL: Object = {
    "apiVersion": "reflexstack.dev/v1alpha1",
    "kind": "ReflexModel",
    "metadata": {"name": "a", "namespace": "default", "uid": "uid-model"},
}
STATUS = {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "False"}]}


def owner(uid: str = "uid-model", kind: str = "ReflexModel", name: str = "a") -> Object:
    return {"kind": kind, "name": name, "uid": uid, "controller": True}


def metadata(uid: str = "uid-model", name: str = "a") -> Object:
    return {
        "name": name,
        "namespace": "default",
        "labels": {"reflexstack.dev/model": "a"},
        "ownerReferences": [owner(uid)],
    }


def service(port: int = 80, **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(),
        "spec": {"ports": [{"name": "http", "port": port}], **spec},
    }


def deployment() -> Object:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(), "spec": {}}


def keys_request() -> SecretRequest:
    manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata(name="a-keys")}
    return SecretRequest(manifest=manifest, random_keys=("api-key", "admin-api-key"))


def plan(**changes: Any) -> Plan:
    full: dict[str, Any] = {"apply": (service(),), "status": STATUS, **changes}
    return Plan(**full)


class Rig:
    def __init__(self, fake: FakeApi, applier: Applier, store: Store, keys: Keys) -> None:
        self.fake, self.applier, self.store, self.keys = fake, applier, store, keys

    async def carry_out(self, plan: Plan) -> int:
        self.fake.requests.clear()
        return (await self.applier.carry_out(MODEL, plan)).writes


@asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    fake, store = FakeApi(), Store()
    store.observe("ADDED", fake.add(MODEL))
    async with serving(fake) as cluster:
        values = iter(f"value-{number}" for number in range(10))
        keys = Keys(cluster, clock=lambda: 0.0, new_value=lambda: next(values))
        applier = Applier(cluster, store, keys, identity="pod", now=lambda: NOON)
        yield Rig(fake, applier, store, keys)


async def test_a_satisfied_plan_sends_nothing() -> None:
    async with rig() as r:
        assert await r.carry_out(plan(secret=keys_request())) == 3
        assert await r.carry_out(plan()) == 0
        assert r.fake.requests == []


async def test_another_process_finds_nothing_to_do_either() -> None:
    async with rig() as r:
        await r.carry_out(plan())
        r.applier._sent.clear()  # a restart: only the comparison is left
        assert await r.carry_out(plan()) == 0
        assert r.fake.requests == []


async def test_only_what_differs_is_sent() -> None:
    async with rig() as r:
        await r.carry_out(plan())
        assert await r.carry_out(plan(apply=(service(port=81),))) == 1
        assert r.fake.writes == [("PATCH", "/api/v1/namespaces/default/services/a")]


async def test_a_field_that_is_no_longer_wanted_goes_away() -> None:
    async with rig() as r:
        await r.carry_out(plan(apply=(service(type="ClusterIP"),)))
        assert await r.carry_out(plan(apply=(service(),))) == 1
        assert "type" not in r.fake.get("Service", "a")["spec"]


async def test_a_change_by_hand_is_undone() -> None:
    async with rig() as r:
        await r.carry_out(plan())
        changed = r.fake.get("Service", "a")
        changed["spec"]["ports"][0]["port"] = 99
        r.store.observe("MODIFIED", r.fake.add(changed))
        assert await r.carry_out(plan()) == 1
        assert r.fake.get("Service", "a")["spec"]["ports"][0]["port"] == 80


async def test_a_foreign_object_stops_the_engine_and_is_not_touched() -> None:
    async with rig() as r:
        foreign = r.fake.add({**service(), "metadata": {"name": "a", "namespace": "default"}})
        before = dict(foreign)
        outcome = await r.applier.carry_out(MODEL, plan(apply=(deployment(), service())))
        ref = ObjectRef(kind="Service", namespace="default", name="a")
        assert outcome.conflicts == (ref,)
        assert r.fake.get("Service", "a") == before
        assert sorted(r.fake.objects) == [
            ("reflexmodels", "default", "a"), ("services", "default", "a")
        ]  # fmt: skip


async def test_a_foreign_object_with_our_label_is_not_touched_either() -> None:
    async with rig() as r:
        foreign = r.fake.add({**service(), "metadata": metadata(uid="uid-other-owner")})
        foreign["metadata"]["ownerReferences"][0]["name"] = "somebody-else"
        r.store.observe("ADDED", foreign)
        outcome = await r.applier.carry_out(MODEL, plan())
        assert [ref.kind for ref in outcome.conflicts] == ["Service"]
        assert r.fake.writes == []


async def test_an_own_object_that_no_watch_showed_is_found() -> None:
    async with rig() as r:
        r.fake.add({**service(port=99), "metadata": metadata()})
        with pytest.raises(ConflictError):  # looked at; the next pass knows it
            await r.carry_out(plan())
        assert await r.carry_out(plan()) == 2
        assert r.fake.get("Service", "a")["spec"]["ports"][0]["port"] == 80


@pytest.mark.parametrize("seen", [True, False])
async def test_a_deleted_models_object_is_waited_for(seen: bool) -> None:
    async with rig() as r:
        before = r.fake.add({**service(), "metadata": metadata(uid="uid-before")})
        if seen:
            r.store.observe("ADDED", before)
        with pytest.raises(PredecessorError):
            await r.carry_out(plan())
        assert r.fake.get("Service", "a") == before


async def test_an_object_that_was_exchanged_meanwhile_is_not_taken_over() -> None:
    async with rig() as r:
        await r.carry_out(plan())
        r.fake.add({**service(), "metadata": {**metadata(), "uid": "uid-other"}})
        with pytest.raises(ConflictError):
            await r.carry_out(plan(apply=(service(port=81),)))
        assert r.fake.get("Service", "a")["spec"]["ports"][0]["port"] == 80


async def test_a_secret_is_created_once_and_never_overwritten() -> None:
    async with rig() as r:
        await r.carry_out(plan(secret=keys_request()))
        first = dict(r.fake.get("Secret", "a-keys")["data"])
        assert len(set(first.values())) == 2
        await r.carry_out(plan(secret=keys_request()))
        assert r.fake.get("Secret", "a-keys")["data"] == first
        ref = ObjectRef(kind="Secret", namespace="default", name="a-keys")
        assert await r.keys.state(ref, model=MODEL, settled=True) is SecretState.PRESENT


async def test_a_foreign_secret_is_a_conflict() -> None:
    async with rig() as r:
        r.fake.add(
            {"kind": "Secret", "metadata": {"name": "a-keys", "namespace": "default"}, "data": {}}
        )
        outcome = await r.applier.carry_out(MODEL, plan(secret=keys_request()))
        assert [ref.kind for ref in outcome.conflicts] == ["Secret"]
        assert r.fake.get("Secret", "a-keys")["data"] == {}


async def test_the_status_follows_a_refused_child() -> None:
    async with rig() as r:
        for _ in range(2):
            r.fake.answers = [web.json_response({"message": "spec.ports is bad"}, status=422)]
            outcome = await r.applier.carry_out(MODEL, plan())
            assert isinstance(outcome.refusal, InvalidError)
            assert "spec.ports is bad" in str(outcome.refusal)
        assert r.fake.get("ReflexModel", "a")["status"] == STATUS


async def test_the_gate_is_patched_only_when_it_differs() -> None:
    async with rig() as r:
        pod = {
            "kind": "Pod",
            "metadata": {"name": "p", "namespace": "default", "labels": {}},
            "spec": {"containers": []},
            "status": {"conditions": [{"type": "Ready", "status": "False"}]},
        }
        r.store.observe("ADDED", r.fake.add(pod))
        ref = ObjectRef(kind="Pod", namespace="default", name="p")
        gate = GatePatch(pod=ref, status="True", reason="Verified", message="m")
        await r.carry_out(plan())
        assert await r.carry_out(plan(gate=gate)) == 1
        assert await r.carry_out(plan(gate=gate)) == 0
        types = {c["type"] for c in r.fake.get("Pod", "p")["status"]["conditions"]}
        assert types == {"Ready", "reflexstack.dev/Verified"}


async def test_a_gate_that_somebody_closes_again_and_again_is_not_fought_for_ever() -> None:
    async with rig() as r:
        pod = {
            "kind": "Pod",
            "metadata": {"name": "p", "namespace": "default", "labels": {}},
            "spec": {"containers": []},
            "status": {"conditions": []},
        }
        r.store.observe("ADDED", r.fake.add(pod))
        ref = ObjectRef(kind="Pod", namespace="default", name="p")
        wanted = plan(gate=GatePatch(pod=ref, status="True", reason="Verified", message="m"))
        patches = 0
        for number in range(30):
            await r.carry_out(replace(wanted, status={**STATUS, "observedGeneration": number}))
            patches += ("PATCH", "/api/v1/namespaces/default/pods/p/status") in r.fake.writes
            live = r.fake.get("Pod", "p")
            live["status"]["conditions"] = []
            r.store.observe("MODIFIED", r.fake.add(live))
        assert patches == 10
        assert r.fake.get("ReflexModel", "a")["status"]["observedGeneration"] == 29


async def test_a_lost_event_holds_nothing_up() -> None:
    async with rig() as r:
        await r.carry_out(plan())
        r.fake.creates_nothing_in = "default"
        event = EventRequest(type="Normal", reason="Serving", message="m")
        status = {**STATUS, "observedGeneration": 2}
        assert await r.carry_out(plan(status=status, events=(event,))) == 1
        assert r.fake.events() == []


async def test_an_event_is_told_with_its_status_and_not_again() -> None:
    async with rig() as r:
        event = EventRequest(type="Normal", reason="Serving", message="m")
        await r.carry_out(plan(events=(event,)))
        await r.carry_out(plan(events=(event,)))  # as a pass on an older view of the model would
        (told,) = r.fake.events()
        assert (told["reason"], told["message"], told["count"]) == ("Serving", "m", 1)
        assert told["involvedObject"]["uid"] == "uid-model"


async def test_events_of_one_second_sort_by_name_as_they_happened() -> None:
    async with rig() as r:  # whose clock stands still
        for number in range(20):
            status = {**STATUS, "observedGeneration": number}
            event = EventRequest(type="Normal", reason=f"R{number}", message="m")
            await r.carry_out(plan(status=status, events=(event,)))
        assert [one["reason"] for one in r.fake.events()] == [f"R{n}" for n in range(20)]


async def test_a_status_that_the_server_prunes_is_not_sent_for_ever() -> None:
    async with rig() as r:
        await r.carry_out(plan())
        pruned = r.fake.get("ReflexModel", "a")
        pruned["status"].pop("observedGeneration")
        r.store.observe("MODIFIED", r.fake.add(pruned))

        r.fake._apply = lambda *_: web.json_response(  # type: ignore[method-assign]
            r.fake.get("ReflexModel", "a")
        )
        assert await r.carry_out(plan()) == 0, "sent, but it changed nothing"
        assert len(r.fake.writes) == 1
        await r.carry_out(plan())
        assert r.fake.writes == []
