"""Following a route and writing the word about it, over real HTTP; the API server is scripted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from kubernetes.aio.client import Configuration

from fake_routes import NAMESPACE, FakeRoutes, api_server
from reflex_loop.adapters.kube.errors import NoClusterError
from reflex_loop.adapters.kube.late import LateCollection, own_namespace
from reflex_loop.adapters.routes.follower import STALE, RouteFollower
from reflex_loop.adapters.routes.reporter import Reporter
from reflex_loop.adapters.routes.view import RouteView, read
from reflex_loop.adapters.routes.word import Observed, ReplicaWord
from route_manifests import NOW, route
from service_rig import eventually


class Time:
    """Seconds and a date that only the test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds - 100)


async def at_once(_: float) -> None:
    """Wait for nothing but the others' turn."""
    await asyncio.sleep(0)


def collections(url: str) -> tuple[LateCollection, LateCollection]:
    async def way() -> Configuration:
        configuration = Configuration()
        configuration.host = url
        return configuration

    return (
        LateCollection(
            path="apis/reflexstack.dev/v1alpha1", namespace=NAMESPACE, plural="reflexroutes",
            way=way,
        ),
        LateCollection(path="api/v1", namespace=NAMESPACE, plural="configmaps", way=way),
    )  # fmt: skip


@asynccontextmanager
async def following(
    objects: FakeRoutes, time: Time
) -> AsyncIterator[tuple[RouteFollower, list[RouteView | None]]]:
    heard: list[RouteView | None] = []
    async with api_server(objects) as url:
        routes, maps = collections(url)
        found = RouteFollower(routes, "coder", changed=heard.append, clock=time, sleep=at_once)
        await found.start(seconds=10)
        try:
            yield found, heard
        finally:
            await found.close()
            await routes.close()
            await maps.close()


async def test_a_change_of_the_route_is_known_at_once_and_survives_a_watch_that_ends() -> None:
    objects, time = FakeRoutes(), Time()
    async with following(objects, time) as (found, heard):
        assert found.view is not None
        assert (found.view.model, found.view.revision, found.trouble) == ("tiny", "r1", "")
        await eventually(lambda: objects.watched)
        objects.set(route(active="other", revision="r9"))
        await eventually(lambda: found.view and found.view.model == "other")
        objects.end_watches()
        await eventually(lambda: objects.requests.count("watch reflexroutes") > 1)
        objects.set(route(serving="False", reason="Evaluating"))
        await eventually(lambda: found.view and found.view.reason == "Evaluating")
        assert heard[-1] == found.view


async def test_what_was_seen_counts_for_a_while_and_then_no_longer() -> None:
    objects, time = FakeRoutes(), Time()
    async with following(objects, time) as (found, heard):
        await eventually(lambda: objects.watched)
        objects.down = True
        objects.end_watches()
        await eventually(lambda: "no answer" in found._words)
        time.seconds += STALE - 1
        assert found.trouble == ""
        time.seconds += 2
        assert found.view is None
        assert "no answer from the API server" in found.trouble
        await eventually(lambda: heard[-1] is None)
        objects.down = False
        await eventually(lambda: found.view is not None)
        assert found.trouble == ""


async def test_a_deleted_route_is_not_known_and_one_that_comes_back_is() -> None:
    objects, time = FakeRoutes(), Time()
    async with following(objects, time) as (found, _):
        await eventually(lambda: objects.watched)
        objects.set(None)
        await eventually(lambda: found.view is None)
        assert found.trouble == "the route was deleted"
        objects.end_watches()
        await eventually(lambda: found.trouble == "there is no such ReflexRoute")
        objects.set(route())
        objects.end_watches()
        await eventually(lambda: found.view is not None)


async def test_a_route_that_the_operator_has_not_seen_is_not_known() -> None:
    objects, time = FakeRoutes(), Time()
    objects.route = route() | {"status": {}}
    async with following(objects, time) as (found, _):
        assert found.view is None
        assert "is the operator running?" in found.trouble


@pytest.mark.parametrize("code", [403, 500])
async def test_a_refusal_is_told_and_tried_again(code: int) -> None:
    objects, time = FakeRoutes(), Time()
    objects.broken = [code]
    async with following(objects, time) as (found, _):
        await eventually(lambda: found.view is not None)
    objects.broken = [code] * 10_000
    async with following(objects, time) as (found, _):
        await eventually(lambda: f"HTTP {code}" in found.trouble)


async def test_without_a_way_into_a_cluster_nothing_is_known() -> None:
    async def no_way() -> Configuration:
        raise NoClusterError("no way into a cluster: none")

    routes = LateCollection(path="api/v1", namespace="n", plural="reflexroutes", way=no_way)
    found = RouteFollower(routes, "coder", changed=lambda _: None, clock=Time(), sleep=at_once)
    await found.start(seconds=10)
    await eventually(lambda: "no way into a cluster" in found.trouble)
    await found.close()


def test_the_namespace_is_the_pods_own(tmp_path: Any) -> None:
    (tmp_path / "namespace").write_text("models\n")
    assert own_namespace(tmp_path / "namespace") == "models"
    assert own_namespace(tmp_path / "none") == "default"


def observed() -> Observed:
    found = Observed()
    view = read(route())
    assert view is not None
    found.route(view)
    return found


@asynccontextmanager
async def reporting(
    objects: FakeRoutes, seen: Observed, time: Time
) -> AsyncIterator[tuple[Reporter, list[str]]]:
    endings: list[str] = []
    async with api_server(objects) as url:
        routes, maps = collections(url)
        found = Reporter(
            maps, "coder", replica="me", observed=seen, now=time.now, told=endings.append,
            sleep=at_once,
        )  # fmt: skip
        found.start()
        try:
            yield found, endings
        finally:
            await found.close()
            await maps.close()
            await routes.close()


async def test_a_request_is_told_once_and_the_next_one_later() -> None:
    objects, seen, time = FakeRoutes(), observed(), Time()
    async with reporting(objects, seen, time) as (found, endings):
        seen.requested(time.now())
        found.news()
        await eventually(lambda: objects.feedback is not None)
        assert objects.feedback is not None
        assert (objects.feedback.model, objects.feedback.last_request_at) == ("tiny", NOW)
        time.seconds += 5
        seen.requested(time.now())
        found.news()
        await asyncio.sleep(0.05)  # a write would be there by then; none may be
        assert endings == ["written"]
        time.seconds += 30
        found.news()
        await eventually(lambda: endings == ["written", "written"])
        await asyncio.sleep(0.05)
        assert len(endings) == 2  # nothing new is nothing to say


async def test_another_replica_that_writes_first_is_not_overwritten() -> None:
    objects, seen, time = FakeRoutes(), observed(), Time()
    other = ReplicaWord(model="tiny", revision="r1", at=NOW, last_request_at=NOW, tried=7)
    objects.before_patch = [{"replica.other.json": other.model_dump_json(by_alias=True)}]
    async with reporting(objects, seen, time) as (found, endings):
        seen.requested(NOW)
        found.news()
        await eventually(lambda: endings == ["written"])
        assert set(objects.data) == {"feedback.json", "replica.me.json", "replica.other.json"}


async def test_a_config_map_that_nobody_made_is_told_and_found_later() -> None:
    objects, seen, time = FakeRoutes(), observed(), Time()
    made, objects.config = objects.config, None
    async with reporting(objects, seen, time) as (found, endings):
        seen.requested(NOW)
        found.news()
        await eventually(lambda: "there is no ConfigMap coder.feedback" in found.trouble)
        assert endings[0] == "failed"
        objects.config = made
        await eventually(lambda: endings[-1] == "written")
        assert found.trouble == ""
    assert {"post configmaps", "put configmaps"}.isdisjoint(objects.requests)
