"""Handlers, site and log lines: what the process is made of besides the controller."""

import json
import logging
from typing import Any

import aiohttp
import kopf
from kubernetes.aio.client import Configuration

from reflex_operator import handlers
from reflex_operator.logs import JsonFormatter
from reflex_operator.metrics import Metrics
from reflex_operator.sharing import Sharing
from reflex_operator.site import Health, Site


class Recorder:
    """Stands in for a controller: it only notes what it is told."""

    def __init__(self) -> None:
        self.seen: list[tuple[str | None, dict[str, Any]]] = []

    def observe(self, event_type: str | None, manifest: dict[str, Any]) -> None:
        self.seen.append((event_type, manifest))


def registered() -> tuple[Recorder, kopf.OperatorRegistry]:
    recorder = Recorder()
    return recorder, handlers.registry(recorder, Configuration())  # type: ignore[arg-type]


def test_only_plain_event_handlers_are_registered() -> None:
    _, registry = registered()
    assert len(registry._watching.get_all_handlers()) == 11
    for other in (registry._changing, registry._spawning, registry._indexing):
        assert not list(other.get_all_handlers()), "such handlers add finalizers or annotations"


async def test_a_handler_feeds_the_controller_whole_manifests() -> None:
    recorder, registry = registered()
    for handler in registry._watching.get_all_handlers():
        event = {"type": None, "object": {"metadata": {"name": "x"}}}
        await handler.fn(event=event)  # type: ignore[call-arg, arg-type, misc]
    seen = {manifest["kind"]: manifest["apiVersion"] for _, manifest in recorder.seen}
    assert seen["ReflexModel"] == "reflexstack.dev/v1alpha1"
    assert seen["Deployment"] == "apps/v1"
    assert seen["Pod"] == "v1"


def test_kopf_keeps_its_hands_off_and_filters_on_the_server() -> None:
    settings = handlers.settings()
    assert not settings.posting.enabled
    assert settings.scanning.disabled
    assert settings.queueing.worker_limit is None
    assert len(settings.watching.label_selectors) == 7, "all but our own kinds and nodes"
    for value in settings.watching.label_selectors.values():
        assert value == "app.kubernetes.io/managed-by=reflex-operator"


async def test_kopf_gets_the_connection_of_our_client() -> None:
    configuration = Configuration()
    configuration.host = "https://api"
    configuration.api_key["BearerToken"] = "bearer abc"
    info = await handlers.connection(configuration)
    assert (info.server, info.scheme, info.token) == ("https://api", "Bearer", "abc")


async def test_the_site_tells_role_and_trouble() -> None:
    health = Health(role="standby")
    metrics = Metrics()
    metrics.export_conditions(lambda: [("default", "a", "Ready", "True")])
    site = Site(metrics.registry, lambda: health)
    await site.start("127.0.0.1", 0)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{site.port}") as session:

            async def ask(path: str) -> tuple[int, str]:
                async with session.get(path) as response:
                    return response.status, await response.text()

            assert await ask("/readyz") == (200, '{"role": "standby", "status": "ok"}')
            health = Health(role="leader", waits_for="watches")
            assert (await ask("/healthz"))[0] == 200
            assert await ask("/readyz") == (503, '{"role": "leader", "status": "watches"}')
            health = Health(role="leader", problem="the operator's work has ended")
            assert (await ask("/healthz"))[0] == 503
            status, text = await ask("/metrics")
            assert status == 200
            for expected in (
                "reflex_build_info{version=",
                "reflex_leader 0.0",
                'reflex_model_condition{name="a",namespace="default",status="True",type="Ready"} 1',
                "process_resident_memory_bytes",
            ):
                assert expected in text
    finally:
        await site.close()


def test_a_json_log_line_is_one_object() -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "hello %s\n", ("you",), None)
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == "hello you\n"


def test_sharing_returns_one_copy_and_never_mixes_types() -> None:
    sharing = Sharing()
    one = sharing.share({"a": [{"b": 1}], "c": "x"})
    assert sharing.share({"a": [{"b": 1}], "c": "x"}) is one
    values: tuple[Any, ...] = ([True], [1], ["1"], [None], [{}], [[]], {})
    for value in values:
        assert repr(sharing.share(value)) == repr(value)
