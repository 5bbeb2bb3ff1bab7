"""Fetches progress and artefacts of bakeoffs from their pods. Never inside a worker.

Their size is bounded before anything is kept; whether they are what the pod meant is decided
elsewhere, by the receipt that the kubelet brought.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

import aiohttp
from pydantic import ValidationError

from reflex_api.bakeoff_job import (
    ITEMS_FILE,
    ITEMS_LIMIT,
    PROGRESS_FILE,
    PROGRESS_LIMIT,
    VERDICT_FILE,
    VERDICT_LIMIT,
    BakeoffProgress,
)
from reflex_operator.inflight import InFlight
from reflex_operator.reconcile.bakeoff.snapshot import Collected, CollectRequest, Told
from reflex_operator.reconcile.plan import BakeoffKey

_log = logging.getLogger(__name__)
_SECONDS: Final = 20.0


class Collector:
    """The requests in progress and what came of the last one of each bakeoff."""

    def __init__(
        self,
        *,
        answered: Callable[[BakeoffKey], None],
        now: Callable[[], datetime],
        resolver: str = "",
    ) -> None:
        """Make a collector that has nothing.

        Args:
            answered: called with the key when there is news.
            now: the time.
            resolver: test profile: base URL that stands in for every pod.
        """
        self._answered = answered
        self._now = now
        self._resolver = resolver.rstrip("/")
        self._found: dict[BakeoffKey, Collected] = {}
        self._told: dict[BakeoffKey, Told] = {}
        self._requests = InFlight[BakeoffKey, CollectRequest]("collect")
        self._released: set[str] = set()
        self._session: aiohttp.ClientSession | None = None

    def found(self, key: BakeoffKey, pods: Collection[str]) -> Collected | None:
        """Return what one of these pods (by uid) served; forget another's."""
        found = self._found.get(key)
        if found is not None and found.pod_uid not in pods:
            del self._found[key]
            return None
        return found

    def told(self, key: BakeoffKey, pods: Collection[str]) -> Told | None:
        """Return what one of these pods (by uid) said of its progress last; forget another's."""
        told = self._told.get(key)
        if told is not None and told.pod_uid not in pods:
            del self._told[key]
            return None
        return told

    def request(self, key: BakeoffKey, wanted: CollectRequest) -> None:
        """Fetch, unless that is being done; what was released once is left alone."""
        if wanted.what == "release" and wanted.pod_uid in self._released:
            return
        asked = self._requests.get(key)
        if asked == wanted:
            return
        if wanted.what == "progress":
            if asked is None:  # nothing that matters is put off for it
                self._requests.start(
                    key, wanted, partial(self._ask, wanted), partial(self._hear, key)
                )
            return
        if wanted.what == "release":
            pod = wanted.pod_uid
            self._requests.start(
                key, wanted, partial(self._release, wanted), lambda _: self._released.add(pod)
            )
        else:
            self._requests.start(
                key, wanted, partial(self._fetch, wanted), partial(self._keep, key)
            )

    def forget(self, key: BakeoffKey) -> None:
        """Drop what is known about a bakeoff that is gone."""
        self._found.pop(key, None)
        self._told.pop(key, None)
        self._requests.cancel(key)

    async def close(self) -> None:
        """Stop all requests and close the connections."""
        await self._requests.close()
        if self._session is not None:
            await self._session.close()

    async def _fetch(self, wanted: CollectRequest) -> Collected:
        final = wanted.what == "final"
        verdict = await self._get(wanted, VERDICT_FILE, VERDICT_LIMIT) if final else None
        items = await self._get(wanted, ITEMS_FILE, ITEMS_LIMIT)
        return Collected(pod_uid=wanted.pod_uid, final=final, verdict=verdict, items=items, tries=1)

    async def _ask(self, wanted: CollectRequest) -> Told:
        raw = await self._get(wanted, PROGRESS_FILE, PROGRESS_LIMIT)
        try:
            found = BakeoffProgress.model_validate_json(raw, extra="ignore") if raw else None
        except ValidationError:
            found = None  # of another version: it decides nothing
        return Told(pod_uid=wanted.pod_uid, at=self._now(), progress=found)

    def _hear(self, key: BakeoffKey, told: Told) -> None:
        self._told[key] = told
        self._answered(key)

    def _keep(self, key: BakeoffKey, found: Collected) -> None:
        before = self._found.get(key)
        if before is not None and (before.pod_uid, before.final) == (found.pod_uid, found.final):
            found = replace(found, tries=before.tries + 1)
        self._found[key] = found
        self._answered(key)

    async def _get(self, wanted: CollectRequest, name: str, limit: int) -> bytes | None:
        url, headers = self._address(wanted, name)
        try:
            async with self._client().get(
                url,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=_SECONDS),
            ) as response:
                if response.status != 200:
                    _log.debug("HTTP %d for %s of %s", response.status, name, wanted.url)
                    return None
                raw = await response.content.read(limit + 1)
                while not response.content.at_eof() and len(raw) <= limit:
                    raw += await response.content.read(limit + 1 - len(raw))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _log.info("no %s from %s: %s", name, wanted.url, type(error).__name__)
            return None
        if len(raw) > limit:
            _log.warning("%s of %s is larger than %d bytes", name, wanted.url, limit)
            return None
        return raw

    async def _release(self, wanted: CollectRequest) -> None:
        url, headers = self._address(wanted, "")
        try:
            async with self._client().delete(
                url, headers=headers, timeout=aiohttp.ClientTimeout(total=_SECONDS)
            ):
                pass
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _log.debug("%s was not released: %s", wanted.url, type(error).__name__)

    def _address(self, wanted: CollectRequest, name: str) -> tuple[str, dict[str, str]]:
        if not self._resolver:
            return f"{wanted.url}/{name}", {}
        return f"{self._resolver}/{name}", {"X-Reflex-Bakeoff": wanted.pod_uid}

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(limit=8, force_close=True),
            )
        return self._session
