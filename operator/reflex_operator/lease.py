"""Leadership by a coordination.k8s.io Lease.

`kubernetes.aio.leaderelection` (37.0.2) was read and not used: it never releases; a request of it
may hang for five minutes, far past the renew deadline; connection errors end it; it measures with
the wall clock; it writes local time with a "Z"; its record of a time without microseconds cannot
be parsed back; and it does not notice when the leading task ends. The rules here are client-go's:
a candidate takes the Lease when it is free, or when its record did not change for `duration`
seconds *of the candidate's own clock*, so clocks need not agree.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Any, Final

from reflex_operator.cluster import Cluster
from reflex_operator.errors import ClusterError, ConflictError, LeaseLostError, NotFoundError
from reflex_operator.manifest import Manifest, ObjectRef

_log = logging.getLogger(__name__)
_JITTER: Final = 0.2


class Lease:
    """This process's claim on one Lease."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        namespace: str,
        name: str,
        identity: str,
        duration: float,
        renew_deadline: float,
        retry_period: float,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        rng: Random,
    ) -> None:
        """Make a claim that holds nothing yet.

        Args:
            cluster: where the Lease is.
            namespace: of the Lease.
            name: of the Lease.
            identity: who holds it; two processes must never share one.
            duration: seconds after which an unchanged record has expired.
            renew_deadline: seconds without success after which the holder gives up.
            retry_period: seconds between two attempts.
            clock: seconds that only grow.
            now: the time that is written for people to read; no decision rests on it.
            rng: jitter between attempts.
        """
        self._cluster = cluster
        self._ref = ObjectRef(kind="Lease", namespace=namespace, name=name)
        self._identity = identity
        self._duration = duration
        self._renew_deadline = renew_deadline
        self._retry_period = retry_period
        self._clock = clock
        self._now = now
        self._rng = rng
        self._observed: Manifest | None = None  # the spec last seen
        self._observed_at = 0.0
        self._lease: Manifest | None = None  # the object as last written by us
        self._renewed_at = 0.0

    @property
    def fresh(self) -> bool:
        """Whether the Lease cannot have gone to another yet, even if this process was frozen."""
        return self.held and self._clock() - self._renewed_at < self._renew_deadline

    @property
    def held(self) -> bool:
        """Whether the last attempt left the Lease with us."""
        return self._lease is not None

    async def acquire(self) -> None:
        """Wait until the Lease is ours."""
        while True:
            try:
                async with asyncio.timeout(self._renew_deadline):
                    if await self._try():
                        _log.info("leading: %s is held by %s", self._ref, self._identity)
                        return
            except (ClusterError, TimeoutError) as error:
                _log.warning("%s could not be acquired: %s", self._ref, error or "timeout")
            await asyncio.sleep(self._retry_period * (1 + _JITTER * self._rng.random()))

    async def hold(self) -> None:
        """Renew the Lease until that fails.

        Raises:
            LeaseLostError: another holder was seen, or the deadline passed without a renewal.
        """
        while True:
            await asyncio.sleep(self._retry_period)
            left = self._renewed_at + self._renew_deadline - self._clock()
            try:
                async with asyncio.timeout(max(left, 0)):
                    if not await self._try():
                        self._lease = None
                        raise LeaseLostError(f"{self._ref} was taken by {self._holder()}")
            except (ClusterError, TimeoutError) as error:
                if self._clock() - self._renewed_at >= self._renew_deadline:
                    self._lease = None
                    text = f"{self._ref} was not renewed for {self._renew_deadline:g} s"
                    raise LeaseLostError(text) from error
                _log.warning("%s was not renewed: %s", self._ref, error or "timeout")

    async def release(self) -> None:
        """Give the Lease up, so that a standby need not wait for it to expire."""
        if self._lease is None:
            return
        lease, self._lease = self._lease, None
        spec = {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
        spec["renewTime"] = self._timestamp()
        try:
            await self._cluster.replace({**lease, "spec": spec}, seconds=3.0)
        except ClusterError as error:
            _log.warning("%s was not released, it will expire: %s", self._ref, error)
        else:
            _log.info("%s is released", self._ref)

    async def _try(self) -> bool:
        """Take or renew the Lease if the rules allow it; return whether it is ours."""
        asked_at = self._clock()
        try:
            lease = await self._cluster.get(self._ref)
        except NotFoundError:
            return await self._write(asked_at, None)
        spec = lease.get("spec") or {}
        if spec != self._observed:
            self._observed, self._observed_at = spec, asked_at
        holder = spec.get("holderIdentity") or ""
        # The holder's own duration counts: it may run with other settings than ours.
        duration = max(float(spec.get("leaseDurationSeconds") or 0), 1.0)
        if holder not in ("", self._identity) and asked_at < self._observed_at + duration:
            return False
        return await self._write(asked_at, lease)

    async def _write(self, asked_at: float, lease: Manifest | None) -> bool:
        timestamp = self._timestamp()
        before: dict[str, Any] = (lease or {}).get("spec") or {}
        same = before.get("holderIdentity") == self._identity
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": max(1, round(self._duration)),
            "acquireTime": before.get("acquireTime", timestamp) if same else timestamp,
            "renewTime": timestamp,
            "leaseTransitions": before.get("leaseTransitions", 0)
            + (0 if same or lease is None else 1),
        }
        try:
            if lease is None:
                answer = await self._cluster.create(
                    {
                        "apiVersion": "coordination.k8s.io/v1",
                        "kind": "Lease",
                        "metadata": {"name": self._ref.name, "namespace": self._ref.namespace},
                        "spec": spec,
                    }
                )
            else:
                answer = await self._cluster.replace({**lease, "spec": spec})
        except ConflictError:
            # Somebody was faster, or our own earlier write arrived after its timeout. Which of
            # the two, the next look tells; for a holder that is no loss yet.
            if self._lease is not None:
                raise
            return False
        self._lease = answer
        self._observed, self._observed_at = answer.get("spec"), asked_at
        self._renewed_at = asked_at  # not when the answer came: others count from the write
        return True

    def _holder(self) -> str:
        return str((self._observed or {}).get("holderIdentity") or "nobody")

    def _timestamp(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
