import pytest
from aiohttp import web

from reflex_operator.errors import (
    ClusterError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from reflex_operator.manifest import ObjectRef
from reflex_operator.metrics import Metrics
from unit.reflex_operator.fakeapi import FakeApi, serving

REF = ObjectRef(kind="Service", namespace="default", name="a")
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "a", "namespace": "default", "labels": {"x": "y"}},
}


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (400, ClusterError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (409, ConflictError),
        (422, InvalidError),
    ],
)
async def test_answers_become_typed_errors(code: int, error: type[ClusterError]) -> None:
    fake = FakeApi()
    fake.answers = [web.json_response({"message": "words"}, status=code)]
    async with serving(fake) as cluster:
        with pytest.raises(error, match="words") as caught:
            await cluster.get(REF)
        assert caught.value.status == code
        assert len(fake.requests) == 1, "such an answer is final"


async def test_overload_is_waited_out_for_idempotent_calls() -> None:
    fake = FakeApi()
    fake.add(SERVICE)
    waits = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    fake.answers = [
        web.Response(status=429, headers={"Retry-After": "3"}),
        web.Response(status=503, text="<html>"),
    ]
    metrics = Metrics()
    async with serving(fake, metrics) as cluster:
        cluster._sleep = sleep
        await cluster.get(REF)
    assert waits[0] == 3
    assert 0.2 <= waits[1] <= 0.4
    counted = metrics.registry.get_sample_value
    labels = {"verb": "get", "resource": "services"}
    for code in ("429", "503", "200"):
        assert counted("reflex_api_requests_total", {**labels, "code": code}) == 1


async def test_a_create_is_not_repeated() -> None:
    fake = FakeApi()
    fake.answers = [web.Response(status=500)]
    async with serving(fake) as cluster:
        with pytest.raises(UnavailableError):
            await cluster.create(SERVICE)
    assert len(fake.requests) == 1


async def test_a_long_retry_after_is_left_to_the_queue() -> None:
    fake = FakeApi()
    fake.answers = [web.Response(status=429, headers={"Retry-After": "60"})]
    async with serving(fake) as cluster:
        with pytest.raises(UnavailableError) as caught:
            await cluster.get(REF)
    assert caught.value.retry_after == 60


async def test_no_connection_is_a_typed_error() -> None:
    async with serving(FakeApi()) as cluster:
        cluster.configuration.host = "http://127.0.0.1:9"
        with pytest.raises(UnavailableError, match="no answer"):
            await cluster.get(REF)


async def test_lists_are_paged_filtered_and_typed() -> None:
    fake = FakeApi()
    for number in range(250):
        metadata = {"name": f"s-{number:03d}", "namespace": "default", "labels": {"x": "y"}}
        fake.add({**SERVICE, "metadata": metadata})
    fake.add({**SERVICE, "metadata": {"name": "other", "namespace": "default"}})
    async with serving(fake) as cluster:
        found, version = await cluster.list_all("Service", "x=y")
    assert len(found) == 250
    assert version == str(fake.version)
    assert (found[0]["kind"], found[0]["apiVersion"]) == ("Service", "v1")
    assert len(fake.requests) == 3


async def test_no_write_leaves_a_process_that_may_have_lost_the_lease() -> None:
    fake = FakeApi()
    fake.add(SERVICE)
    async with serving(fake) as cluster:
        cluster.may_write = lambda: False
        with pytest.raises(UnavailableError, match="Lease"):
            await cluster.apply(SERVICE)
        await cluster.get(REF)
    assert fake.writes == []
