"""Asks engines for a trial generation and for their memory. Never inside a worker.

One probe at a time for a model, in a task of its own; its answer goes into a table and the key
back on the queue. Keys are read for one probe and kept nowhere; no text that leaves this module
holds them, whatever an engine echoes.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

import aiohttp

from reflex_operator.engines import canary, server_info
from reflex_operator.errors import ClusterError, NotFoundError
from reflex_operator.inflight import InFlight
from reflex_operator.keys import Keys
from reflex_operator.metrics import Metrics
from reflex_operator.reconcile.plan import (
    EngineMemory,
    Incarnation,
    ModelKey,
    ProbeOutcome,
    ProbeRequest,
    ProbeResult,
)

_log = logging.getLogger(__name__)

_AT_ONCE: Final = 32
_BODY_LIMIT: Final = 1 << 20
_SHORT: Final = 10.0  # seconds for what an engine knows by heart


@dataclass(frozen=True, kw_only=True)
class _Reply:
    status: int
    body: Mapping[str, Any]  # empty when it was no JSON object


@dataclass(frozen=True, kw_only=True)
class _Answer:
    outcome: ProbeOutcome
    evidence: str = ""
    memory: EngineMemory | None = None
    version: str = ""
    settings: str = ""


class Prober:
    """The probes in progress and the last answer for each model."""

    def __init__(
        self,
        keys: Keys,
        *,
        metrics: Metrics,
        now: Callable[[], datetime],
        answered: Callable[[ModelKey], None],
        resolver: str = "",
        timeout: float = 120.0,
    ) -> None:
        """Make a prober without answers.

        Args:
            keys: reads the engines' API keys.
            metrics: counts outcomes.
            now: the time that results carry.
            answered: called with the key when there is news.
            resolver: test profile: base URL that stands in for every engine.
            timeout: seconds for a whole probe.
        """
        self._keys = keys
        self._metrics = metrics
        self._now = now
        self._answered = answered
        self._resolver = resolver.rstrip("/")
        self._timeout = timeout
        self._results: dict[ModelKey, dict[Incarnation, ProbeResult]] = {}
        self._probes = InFlight[ModelKey, Incarnation]("probe")
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._session: aiohttp.ClientSession | None = None

    def results(self, key: ModelKey, pods: Collection[str]) -> tuple[ProbeResult, ...]:
        """Return the last answer of each incarnation; forget those of other pods (by uid)."""
        kept = {i: one for i, one in self._results.get(key, {}).items() if i.pod_uid in pods}
        if kept:
            self._results[key] = kept
        else:
            self._results.pop(key, None)
        return tuple(kept.values())

    def request(self, key: ModelKey, wanted: ProbeRequest) -> None:
        """Start a probe, unless one of the same incarnation is in progress."""
        asked = self._probes.get(key)
        if asked is not None and (
            asked == wanted.incarnation or asked.pod_uid != wanted.incarnation.pod_uid
        ):
            return  # another replica's turn comes when this answer is there
        self._probes.start(
            key,
            wanted.incarnation,
            partial(self._ask_in_time, wanted),
            partial(self._keep, key, wanted),
        )

    def forget(self, key: ModelKey) -> None:
        """Drop the answer for, and stop asking, a model that is gone."""
        self._results.pop(key, None)
        self._probes.cancel(key)

    async def close(self) -> None:
        """Stop all probes and close the connections."""
        await self._probes.close()
        if self._session is not None:
            await self._session.close()

    def _keep(self, key: ModelKey, wanted: ProbeRequest, answer: _Answer) -> None:
        results = self._results.setdefault(key, {})
        before = results.get(wanted.incarnation)
        failures = 0
        if answer.outcome is not ProbeOutcome.VERIFIED:
            # In a row and of one kind: silence does not add to wrong answers.
            again = before is not None and before.outcome is answer.outcome
            failures = (before.failures if before and again else 0) + 1
        for older in [i for i in results if i.pod_uid == wanted.incarnation.pod_uid]:
            del results[older]
        results[wanted.incarnation] = ProbeResult(
            incarnation=wanted.incarnation,
            outcome=answer.outcome,
            at=self._now(),
            evidence=answer.evidence,
            memory=answer.memory,
            engine_version=answer.version,
            settings=answer.settings,
            failures=failures,
        )
        self._metrics.probes.labels(answer.outcome.value).inc()
        _log.info("probe of %s: %s %s", key, answer.outcome.value, answer.evidence)
        self._answered(key)

    async def _ask_in_time(self, wanted: ProbeRequest) -> _Answer:
        async with self._gate:
            try:
                async with asyncio.timeout(self._timeout):
                    return await self._ask(wanted)
            except TimeoutError:
                text = f"no answer within {self._timeout:.0f} s"
                return _Answer(outcome=ProbeOutcome.UNREACHABLE, evidence=text)
            except Exception as error:
                # The text of an unforeseen error may quote a header; its type does not.
                _log.error("a probe failed in an unforeseen way: %s", type(error).__name__)
                evidence = f"the probe failed: {type(error).__name__}"
                return _Answer(outcome=ProbeOutcome.UNREACHABLE, evidence=evidence)

    async def _ask(self, wanted: ProbeRequest) -> _Answer:
        try:
            keys = await self._keys.read(wanted.secret)
        except NotFoundError:
            evidence = f"{wanted.secret} does not exist"
            return _Answer(outcome=ProbeOutcome.UNREACHABLE, evidence=evidence)
        except ClusterError as error:
            return _Answer(outcome=ProbeOutcome.UNREACHABLE, evidence=str(error))
        try:
            answer = await self._conversation(wanted, keys)
        except (aiohttp.ClientError, OSError) as error:
            evidence = f"{type(error).__name__} {error}".strip()
            answer = _Answer(outcome=ProbeOutcome.UNREACHABLE, evidence=evidence)
        return replace(answer, evidence=_without(answer.evidence, keys.values()))

    async def _conversation(self, wanted: ProbeRequest, keys: Mapping[str, str]) -> _Answer:
        key = keys.get("api-key", "")
        if not key:
            text = f"{wanted.secret} has no `api-key`"
            return _Answer(outcome=ProbeOutcome.UNREACHABLE, evidence=text)
        listed = await self._call(wanted, "GET", "/v1/models", key)
        if listed.status in (401, 403):
            text = f"HTTP {listed.status}: its key is not the Secret's any more; delete the pod"
            return _Answer(outcome=ProbeOutcome.UNREACHABLE, evidence=text)
        if listed.status != 200:
            text = f"HTTP {listed.status} from /v1/models"
            return _Answer(outcome=ProbeOutcome.UNREACHABLE, evidence=text)
        names = _model_names(listed.body)
        if wanted.served_name not in names:
            text = f"serves {', '.join(names)[:120] or 'nothing'}, not {wanted.served_name}"
            return _Answer(outcome=ProbeOutcome.WRONG_MODEL, evidence=text)
        body = canary.request(wanted.served_name, wanted.context_length)
        reply = await self._call(wanted, "POST", "/v1/chat/completions", key, body=body)
        outcome, evidence = canary.judge(reply.status, reply.body)
        if outcome is not ProbeOutcome.VERIFIED:
            return _Answer(outcome=outcome, evidence=evidence)
        memory, version, settings = await self._server_info(wanted, keys)
        return _Answer(
            outcome=outcome, evidence=evidence, memory=memory, version=version, settings=settings
        )

    async def _server_info(
        self, wanted: ProbeRequest, keys: Mapping[str, str]
    ) -> tuple[EngineMemory | None, str, str]:
        """Return measured memory, version and the digest of the settings.

        An engine that does not tell is still verified.
        """
        for name in ("api-key", "admin-api-key"):
            if not keys.get(name):
                continue
            try:
                reply = await self._call(wanted, "GET", "/server_info", keys[name])
            except (aiohttp.ClientError, OSError):
                return None, "", ""
            if reply.status == 200:
                return *server_info.read(reply.body), server_info.settings(reply.body)
        return None, "", ""

    async def _call(
        self,
        wanted: ProbeRequest,
        method: str,
        path: str,
        key: str,
        *,
        body: Mapping[str, Any] | None = None,
    ) -> _Reply:
        if self._session is None:
            # No proxy and no cookies: these are pods' addresses, and the header is a secret.
            self._session = aiohttp.ClientSession(
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                # One connection for the calls of a probe, and none kept for a later one.
                connector=aiohttp.TCPConnector(limit=_AT_ONCE, keepalive_timeout=1.0),
            )
        headers = {"Authorization": f"Bearer {key}"}
        if self._resolver:
            headers["X-Reflex-Engine"] = wanted.base_url
            headers["X-Reflex-Served-Name"] = wanted.served_name
        timeout = self._timeout if method == "POST" else min(_SHORT, self._timeout)
        async with self._session.request(
            method,
            (self._resolver or wanted.base_url) + path,
            headers=headers,
            json=body,
            allow_redirects=False,  # a redirect would carry the key elsewhere
            timeout=aiohttp.ClientTimeout(total=timeout),
        ) as response:
            raw = await response.content.read(_BODY_LIMIT)
            while not response.content.at_eof() and len(raw) < _BODY_LIMIT:
                raw += await response.content.read(_BODY_LIMIT - len(raw))
            return _Reply(status=response.status, body=_json_object(raw))


def _json_object(raw: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _model_names(body: Mapping[str, Any]) -> list[str]:
    data = body.get("data")
    cards = data if isinstance(data, list) else []
    return [str(card.get("id", "")) for card in cards if isinstance(card, Mapping)]


def _without(text: str, values: Iterable[str]) -> str:
    for value in values:
        if value:
            text = text.replace(value, "***")
    return text
