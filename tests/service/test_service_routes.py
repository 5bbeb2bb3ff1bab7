"""The service behind a ReflexRoute: the real parts, a scripted API server and scripted engines."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fake_routes import NAMESPACE, FakeRoutes, api_server, kubeconfig
from reflex_loop.service.errors import StartError
from reflex_loop.service.parts import Parts
from reflex_loop.service.settings import load_settings
from route_manifests import evidence, member, route
from scripted_openai import Reply, ScriptedServer, answer, http, scripted, whole
from service_rig import client, eventually, keys_file, make_parts, served

ASK: Any = {"model": "reflex", "messages": [{"role": "user", "content": "hello"}]}
PRICES = 'version: "1"\nmodels: {big: {input_usd: 1, output_usd: 2, max_output_tokens: 100}}\n'
# Evidence that ends in a century: the service's clock is the real one.
LASTING = evidence(expiresAt="2126-01-01T00:00:00Z")


def qualified(**more: Any) -> dict[str, Any]:
    members = [member(name, evidence=LASTING) for name in ("tiny", "other")]
    return route(members=members, **more)


def config(folder: Path, local: str, cloud: str) -> Path:
    (folder / "prices.yaml").write_text(PRICES)
    path = folder / "reflex.yaml"
    path.write_text(
        "version: 1\nreflex:\n  model_primary: tiny\n  model_fallbacks: [other]\n"
        f"  endpoints: {{local: {{base_url: '{local}'}}, cloud: {{base_url: '{cloud}'}}}}\n"
        "  cloud: {enabled: true, endpoint: cloud, implementer: [big]}\n"
        "  budgets: {daily_usd: 100, prices: prices.yaml}\n"
        "  retry: {attempts: 1}\n  max_attempts: 1\n"
        "  breaker: {minimum_calls: 2, window_calls: 2, cool_down_seconds: 0.05}\n"
    )
    return path


@asynccontextmanager
async def behind(
    objects: FakeRoutes, folder: Path, monkeypatch: pytest.MonkeyPatch, *local: Reply
) -> AsyncIterator[tuple[httpx2.AsyncClient, Parts, ScriptedServer, ScriptedServer]]:
    """Serve with an engine behind the route `coder` and a cloud."""
    async with (
        api_server(objects) as api,
        scripted(*(local or (whole("local"),))) as engine,
        scripted(whole("cloud")) as cloud,
    ):
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(folder, api)))
        parts = make_parts(
            folder, config=config(folder, engine.base_url, cloud.base_url), routes="local=coder",
            routes_namespace=NAMESPACE,
        )  # fmt: skip
        async with served(parts) as url, client(url) as plain:
            yield plain, parts, engine, cloud


async def asked(plain: httpx2.AsyncClient) -> tuple[str, str]:
    """Return who answered, and why."""
    made = await plain.post("/v1/chat/completions", json=ASK)
    assert made.status_code == 200, made.text
    return made.headers["x-reflex-target"], made.headers["x-reflex-reason"]


async def test_the_route_says_who_serves_and_on_what_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = FakeRoutes()
    objects.set(qualified())
    async with behind(objects, tmp_path, monkeypatch) as (plain, _, engine, cloud):
        assert await asked(plain) == ("local/tiny", "local_first")
        (record,) = (await plain.get("/v1/decisions")).json()["data"]
        assert record["chosen"]["revision"] == "r1"
        gate = record["inputs"]["gates"]["local/tiny"]
        assert (gate["reason"], gate["evidence"]) == ("qualified", "1a2b3c4d5e6f")

        objects.set(qualified(active="other", revision="r2"))
        await eventually(lambda: _says(plain, "other@r2 serves"))
        before = engine.calls[-1].connection
        assert await asked(plain) == ("local/other", "local_first")
        assert engine.calls[-1].connection > before  # not into the pod that is going

        rejected = member("tiny", "Rejected", evidence=LASTING | {"verdict": "Fail"})
        objects.set(route(members=[rejected]))
        await eventually(lambda: _says(plain, "not qualified"))
        assert await asked(plain) == ("cloud/big", "not_qualified")
        assert len(cloud.calls) == 1


async def test_a_route_that_does_not_serve_costs_no_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = FakeRoutes()
    objects.set(qualified(serving="False", reason="Evaluating"))
    async with behind(objects, tmp_path, monkeypatch) as (plain, _, engine, _cloud):
        assert await asked(plain) == ("cloud/big", "route_not_serving")
        assert engine.calls == []
        (record,) = (await plain.get("/v1/decisions")).json()["data"]
        reasons = [one["reason"] for one in record["alternatives"]]
        assert reasons == ["route_not_serving: Evaluating"]
        names = {one["id"] for one in (await plain.get("/v1/models")).json()["data"]}
        assert "tiny" not in names
        # The operator hears of the request, and may end the evaluation for it.
        await eventually(lambda: objects.feedback is not None)
        assert objects.feedback is not None
        assert objects.feedback.last_request_at is not None
        text = (await plain.get("/metrics")).text
        assert 'reflex_loop_route{is="serving",route="coder"} 0.0' in text
        assert 'reflex_loop_route_feedback_total{result="written",route="coder"} 1.0' in text


async def test_without_the_api_server_the_engines_are_tried_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = FakeRoutes()
    objects.down = True
    async with behind(objects, tmp_path, monkeypatch) as (plain, parts, _, _cloud):
        (first,) = parts.router.parts.local.serving()
        assert (first.model, first.away, first.revision) == ("tiny", "", "")
        ready = await plain.get("/readyz")
        assert ready.status_code == 200
        assert "not readable" in ready.json()["checks"]["route coder"]
        # Nothing vouches for the model then, and the gate is enforced.
        assert await asked(plain) == ("cloud/big", "not_qualified")


async def test_an_engine_that_fails_its_probe_too_is_told_to_the_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = FakeRoutes()
    objects.set(qualified())
    script = (http(500, "broken"),)
    async with behind(objects, tmp_path, monkeypatch, *script) as (plain, parts, engine, _cloud):
        breaker = parts.router.parts.breakers.get("local/tiny")
        while not (objects.feedback and objects.feedback.circuit == "Open"):
            assert (await asked(plain))[0] == "cloud/big"
            await asyncio.sleep(0.06)  # the breaker's cool-down
            assert len(engine.calls) < 50
        assert objects.feedback.message.startswith("1 of 1 replicas: ")
        assert breaker.state.value != "closed"
        # Another engine takes over: what the first one did says nothing about it.
        engine.script[:] = [answer("local")]
        objects.set(qualified(active="other", revision="r2"))
        await eventually(lambda: _says(plain, "other@r2 serves"))
        assert breaker.state.value == "closed"
        await eventually(lambda: objects.feedback and objects.feedback.model == "other")
        assert '"circuit":"Closed"' in objects.data["feedback.json"]


async def _says(plain: httpx2.AsyncClient, words: str) -> bool:
    return words in (await plain.get("/readyz")).json()["checks"]["route coder"]


@pytest.mark.parametrize(
    "text", ["coder", "local=", "local=Coder", "local=a,local=b", "local=a,b=a", "local=a/b"]
)
def test_a_wrong_name_of_a_route_is_refused_at_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(StartError, match="REFLEX_LOOP__ROUTES"):
        load_settings({"REFLEX_LOOP__ROUTES": text}, keys_file=keys_file(tmp_path))


def test_a_route_of_an_endpoint_that_has_no_model_is_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="these are: local"):
        make_parts(tmp_path, routes="cloud=coder")
