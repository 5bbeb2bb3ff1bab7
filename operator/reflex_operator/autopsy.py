"""Reads the logs of engines that ended, once each, and classifies them. Never inside a worker.

A log is held in memory while it is read and then forgotten: neither it nor any line of it is
logged here. What stays is the verdict, with a line that classification has cleaned.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Final

from reflex_operator.cluster import Cluster
from reflex_operator.engines.failure_log import classify
from reflex_operator.errors import ClusterError, ForbiddenError, UnavailableError
from reflex_operator.inflight import InFlight
from reflex_operator.reconcile.plan import Autopsy, Incarnation, LogRequest, ModelKey

_log = logging.getLogger(__name__)

_AT_ONCE: Final = 4
_TAIL_LINES: Final = 2000
_TAIL_BYTES: Final = 256 << 10
_TIMEOUT: Final = 5.0  # seconds for one log
_PAUSES: Final = (0.5, 1.5)  # before each further attempt: the right reason is due within 10 s


class Autopsies:
    """The logs being read and the last verdict for each pod."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        done: Callable[[ModelKey], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Make one without verdicts.

        Args:
            cluster: reads the logs.
            done: called with the key when there is a verdict.
            sleep: waits between attempts.
        """
        self._cluster = cluster
        self._done = done
        self._sleep = sleep
        self._verdicts: dict[ModelKey, dict[Incarnation, Autopsy]] = {}
        self._logs = InFlight[ModelKey, Incarnation]("autopsy")
        self._gate = asyncio.Semaphore(_AT_ONCE)

    def results(self, key: ModelKey, pods: Collection[str]) -> tuple[Autopsy, ...]:
        """Return the last verdict of each pod; forget those of other pods (by uid)."""
        kept = {i: one for i, one in self._verdicts.get(key, {}).items() if i.pod_uid in pods}
        if kept:
            self._verdicts[key] = kept
        else:
            self._verdicts.pop(key, None)
        return tuple(kept.values())

    def request(self, key: ModelKey, wanted: LogRequest) -> None:
        """Start to read a log, unless one of this model is being read: its turn comes after."""
        if self._logs.get(key) is None:
            self._logs.start(
                key,
                wanted.incarnation,
                partial(self._examine_in_turn, wanted),
                partial(self._keep, key, wanted),
            )

    def forget(self, key: ModelKey) -> None:
        """Drop the verdicts for, and stop reading about, a model that is gone."""
        self._verdicts.pop(key, None)
        self._logs.cancel(key)

    async def close(self) -> None:
        """Stop reading."""
        await self._logs.close()

    def _keep(self, key: ModelKey, wanted: LogRequest, autopsy: Autopsy) -> None:
        verdicts = self._verdicts.setdefault(key, {})
        for older in [i for i in verdicts if i.pod_uid == wanted.incarnation.pod_uid]:
            del verdicts[older]
        verdicts[wanted.incarnation] = autopsy
        reason = autopsy.reason.value if autopsy.reason else "no known cause"
        _log.info("the log of %s, run %d: %s", wanted.pod, wanted.incarnation.restart_count, reason)
        self._done(key)

    async def _examine_in_turn(self, wanted: LogRequest) -> Autopsy:
        async with self._gate:
            return await self._examine(wanted)

    async def _examine(self, wanted: LogRequest) -> Autopsy:
        """Return the verdict. A log that cannot be read gives one too: nobody waits for ever."""
        try:
            text = await self._read(wanted)
            # In a thread: classification takes milliseconds, and every model waits for the loop.
            found = await asyncio.to_thread(classify, text)
        except ForbiddenError as error:
            _log.warning("%s: grant `get` on pods/log to have crashes explained", error)
            return Autopsy(incarnation=wanted.incarnation, reason=None)
        except ClusterError as error:
            # The kubelet has deleted the log, the pod or the node is gone.
            _log.info("the log of %s cannot be read: %s", wanted.pod, error)
            return Autopsy(incarnation=wanted.incarnation, reason=None)
        except Exception as error:
            # Its text may quote a line; its type does not. Without a verdict it would be asked for
            # again at once.
            _log.error("a log was not read, unforeseen: %s", type(error).__name__)
            return Autopsy(incarnation=wanted.incarnation, reason=None)
        if found is None:
            # The container may have been started again while its log was asked for.
            final = wanted.previous
            return Autopsy(incarnation=wanted.incarnation, reason=None, final=final)
        return Autopsy(incarnation=wanted.incarnation, reason=found.reason, evidence=found.evidence)

    async def _read(self, wanted: LogRequest) -> str:
        for pause in (*_PAUSES, None):
            try:
                return await self._cluster.pod_log(
                    wanted.pod,
                    container=wanted.container,
                    previous=wanted.previous,
                    tail_lines=_TAIL_LINES,
                    keep_bytes=_TAIL_BYTES,
                    seconds=_TIMEOUT,
                )
            except UnavailableError:
                if pause is None:
                    raise
                await self._sleep(pause)
        raise AssertionError("unreachable")
