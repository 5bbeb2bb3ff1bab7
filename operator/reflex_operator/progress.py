"""Asks download pods how far they are. Never inside a worker.

One question at a time for a model, in a task of its own; the answer goes into a table and the key
back on the queue. Nothing secret is asked for, sent or answered.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial
from typing import Final

import aiohttp
from pydantic import ValidationError

from reflex_api.weights import PROGRESS_PATH, WeightsProgress
from reflex_operator.inflight import InFlight
from reflex_operator.reconcile.plan import ModelKey, WeightsReport, WeightsRequest

_log = logging.getLogger(__name__)

_AT_ONCE: Final = 32
_BODY_LIMIT: Final = 1 << 16
_SECONDS: Final = 5.0


class ProgressReader:
    """The questions in progress and the last answer for each model."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        answered: Callable[[ModelKey], None],
        resolver: str = "",
        timeout: float = _SECONDS,
    ) -> None:
        """Make a reader without answers.

        Args:
            now: the time that reports carry.
            answered: called with the key when there is news.
            resolver: test profile: base URL that stands in for every download pod.
            timeout: seconds for one answer.
        """
        self._now = now
        self._answered = answered
        self._resolver = resolver.rstrip("/")
        self._timeout = timeout
        self._reports: dict[ModelKey, WeightsReport] = {}
        self._questions = InFlight[ModelKey, str]("progress")
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._session: aiohttp.ClientSession | None = None

    def report(self, key: ModelKey, pods: Collection[str]) -> WeightsReport | None:
        """Return the last answer, of one of these pods (by uid); forget another's."""
        report = self._reports.get(key)
        if report is not None and report.pod_uid not in pods:
            del self._reports[key]
            return None
        return report

    def request(self, key: ModelKey, wanted: WeightsRequest) -> None:
        """Ask, unless the same pod is being asked."""
        pod = wanted.pod_uid
        if self._questions.get(key) != pod:
            self._questions.start(
                key, pod, partial(self._ask_in_turn, wanted), partial(self._keep, key, pod)
            )

    def forget(self, key: ModelKey) -> None:
        """Drop the answer for, and stop asking, a model that is gone."""
        self._reports.pop(key, None)
        self._questions.cancel(key)

    async def close(self) -> None:
        """Stop all questions and close the connections."""
        await self._questions.close()
        if self._session is not None:
            await self._session.close()

    def _keep(self, key: ModelKey, pod: str, progress: WeightsProgress | None) -> None:
        before = self._reports.get(key)
        known = before.progress if before and before.pod_uid == pod else None
        self._reports[key] = WeightsReport(
            pod_uid=pod, progress=_settled(known, progress), at=self._now()
        )
        self._answered(key)

    async def _ask_in_turn(self, wanted: WeightsRequest) -> WeightsProgress | None:
        async with self._gate:
            return await self._ask(wanted)

    async def _ask(self, wanted: WeightsRequest) -> WeightsProgress | None:
        """Return the answer; a pod that does not answer is asked again, its Job tells the rest."""
        if self._session is None:
            # No proxy and no cookies: these are pods' addresses.
            self._session = aiohttp.ClientSession(
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(limit=_AT_ONCE, force_close=True),
            )
        url, headers = wanted.url, {}
        if self._resolver:
            url, headers = self._resolver + PROGRESS_PATH, {"X-Reflex-Weights": wanted.url}
        try:
            async with self._session.get(
                url,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self._timeout),
            ) as response:
                if response.status != 200:
                    _log.debug("HTTP %d from %s", response.status, wanted.url)
                    return None
                raw = await response.content.read(_BODY_LIMIT)
                while not response.content.at_eof() and len(raw) < _BODY_LIMIT:
                    raw += await response.content.read(_BODY_LIMIT - len(raw))
                return WeightsProgress.model_validate_json(raw)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _log.debug("no progress from %s: %s", wanted.url, type(error).__name__)
        except ValidationError:
            _log.warning("%s answered in a form that this version does not know", wanted.url)
        return None


def _settled(known: WeightsProgress | None, new: WeightsProgress | None) -> WeightsProgress | None:
    """Return the news; a trouble that lasts keeps its first words: they are written to a status."""
    if new is None or known is None:
        return new or known
    if new.failure is not None and new.failure == known.failure:
        return new.model_copy(update={"message": known.message})
    return new
