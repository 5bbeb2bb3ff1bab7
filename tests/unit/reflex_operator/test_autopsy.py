"""Logs of ended engines, over HTTP: read once, classified, forgotten."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from recorded import reported_logs
from reflex_api.conditions import Reason
from reflex_operator.autopsy import Autopsies
from reflex_operator.cluster import Cluster
from reflex_operator.errors import ForbiddenError, NotFoundError
from reflex_operator.manifest import ObjectRef
from reflex_operator.reconcile.plan import Autopsy, Incarnation, LogRequest, ModelKey
from unit.reflex_operator.fakeapi import FakeApi, no_sleep, serving

KEY = ModelKey(namespace="default", name="tiny")
POD = ObjectRef(kind="Pod", namespace="default", name="tiny-1")
OOM = reported_logs.scheduler(reported_logs.ASKED_FOR_LESS, "event_loop_normal")


def request(run: int = 0, *, previous: bool = True, uid: str = "pod-1") -> LogRequest:
    incarnation = Incarnation(pod_uid=uid, restart_count=run)
    return LogRequest(incarnation=incarnation, pod=POD, container="engine", previous=previous)


class Rig:
    def __init__(self, fake: FakeApi, cluster: Cluster) -> None:
        self.fake, self.cluster = fake, cluster
        self.news: asyncio.Queue[ModelKey] = asyncio.Queue()
        self.autopsies = Autopsies(cluster, done=self.news.put_nowait, sleep=no_sleep)

    async def ask(self, wanted: LogRequest) -> Autopsy:
        self.autopsies.request(KEY, wanted)
        await asyncio.wait_for(self.news.get(), 5)
        (verdict,) = self.autopsies.results(KEY, {"pod-1"})
        return verdict


@asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    fake = FakeApi()
    async with serving(fake) as cluster:
        one = Rig(fake, cluster)
        try:
            yield one
        finally:
            await one.autopsies.close()


async def test_the_log_of_the_previous_run_is_read_once_and_classified() -> None:
    async with rig() as r:
        r.fake.logs["tiny-1", True] = OOM
        verdict = await r.ask(request(run=2))
        assert verdict.incarnation == request(run=2).incarnation
        assert verdict.reason is Reason.ENGINE_GPU_OUT_OF_MEMORY
        assert "Tried to allocate 448.00 MiB" in verdict.evidence
        assert r.fake.requests == [("GET", "/api/v1/namespaces/default/pods/tiny-1/log")]


async def test_a_log_that_is_gone_gives_a_verdict_too() -> None:
    async with rig() as r:
        verdict = await r.ask(request())
        assert (verdict.reason, verdict.evidence, verdict.final) == (None, "", True)


async def test_an_empty_log_of_a_run_that_may_have_been_followed_is_not_the_last_word() -> None:
    async with rig() as r:
        r.fake.logs["tiny-1", False] = "[2026-11-21 10:41:00] Load weight begin.\n"
        assert not (await r.ask(request(previous=False))).final
        r.fake.logs["tiny-1", True] = OOM
        verdict = await r.ask(request(previous=True))
        assert verdict.reason is Reason.ENGINE_GPU_OUT_OF_MEMORY
        assert verdict.final


async def test_an_overloaded_server_is_asked_again_and_then_given_up() -> None:
    async with rig() as r:
        r.fake.logs["tiny-1", True] = OOM
        r.fake.answers = [web.Response(status=503)]
        assert (await r.ask(request())).reason is Reason.ENGINE_GPU_OUT_OF_MEMORY
        r.fake.requests.clear()
        r.fake.answers = [web.Response(status=502) for _ in range(3)]
        assert (await r.ask(request(run=1))).reason is None
        assert len(r.fake.requests) == 3


async def test_a_missing_right_is_named(caplog: pytest.LogCaptureFixture) -> None:
    async with rig() as r:
        r.fake.answers = [web.json_response({"message": "no"}, status=403)]
        assert (await r.ask(request())).reason is None
    assert "pods/log" in caplog.text


async def test_a_new_run_of_a_pod_replaces_the_verdict_about_the_old() -> None:
    async with rig() as r:
        r.fake.logs["tiny-1", True] = OOM
        await r.ask(request(run=0))
        assert (await r.ask(request(run=1))).incarnation.restart_count == 1


async def test_verdicts_of_pods_that_are_gone_are_forgotten() -> None:
    async with rig() as r:
        await r.ask(request())
        assert r.autopsies.results(KEY, {"another"}) == ()
        assert r.autopsies.results(KEY, {"pod-1"}) == ()


async def test_one_log_of_a_model_is_read_at_a_time() -> None:
    async with rig() as r:
        r.fake.logs["tiny-1", True] = OOM
        for run in range(3):
            r.autopsies.request(KEY, request(run=run))
        await asyncio.wait_for(r.news.get(), 5)
        assert len(r.fake.requests) == 1
        assert r.news.empty()


async def test_a_model_that_is_gone_is_not_read_about() -> None:
    async with rig() as r:
        r.autopsies.request(KEY, request())
        r.autopsies.forget(KEY)
        r.fake.logs["tiny-1", True] = OOM
        await r.ask(request())
        assert r.news.empty()


async def test_no_line_of_a_log_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with rig() as r:
        r.fake.logs["tiny-1", True] = "prompt of a user\n" + OOM
        await r.ask(request())
    assert "EngineGPUOutOfMemory" in caplog.text
    assert "prompt of a user" not in caplog.text
    assert "Tried to allocate" not in caplog.text


async def test_a_log_of_any_length_costs_little_memory() -> None:
    async with rig() as r:
        r.fake.logs["tiny-1", True] = "x" * 3_000_000 + "END"
        options: dict[str, Any] = {"container": "engine", "previous": True, "seconds": 5}
        text = await r.cluster.pod_log(POD, tail_lines=10, keep_bytes=1000, **options)
        assert len(text) == 1000
        assert text.endswith("xEND")


async def test_the_servers_answers_about_logs_are_typed() -> None:
    options: dict[str, Any] = {
        "container": "engine", "previous": True, "seconds": 5, "tail_lines": 1, "keep_bytes": 9999,
    }  # fmt: skip
    async with rig() as r:
        with pytest.raises(NotFoundError, match="previous terminated container"):
            await r.cluster.pod_log(POD, **options)
        r.fake.answers = [web.json_response({"message": "no"}, status=403)]
        with pytest.raises(ForbiddenError):
            await r.cluster.pod_log(POD, **options)
