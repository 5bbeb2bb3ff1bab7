"""All calls to one target for one decision: breaker, budget, call, retry."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from reflex_routing.breaker import CircuitBreaker, Clock, Outcome
from reflex_routing.budget import Reservation
from reflex_routing.client import CallLimits, stream_chat, whole_chat
from reflex_routing.connections import Connections
from reflex_routing.errors import AuthError, CallError, CircuitOpenError
from reflex_routing.ledger import Ledger
from reflex_routing.policy import Target
from reflex_routing.retry import Random, RetryConfig, wait_before_retry
from reflex_routing.wire import JSON, Completion, Delta

Sleep = Callable[[float], Awaitable[None]]


@dataclass
class Progress:
    """What has become of an attempt so far; read by the record, also after a failure."""

    calls: int = 0
    cost: int = 0
    first_token_seconds: float | None = None
    delivered: bool = False
    """Whether the caller was handed a piece: then the answer cannot be begun again."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One target, asked until it answers or waiting is no use."""

    target: Target
    revision: str
    body: JSON
    whole: bool
    max_tokens: int
    """Reserved for; 0 for local targets."""
    ledger: Ledger | None
    """None for local targets: they cost nothing."""
    breaker: CircuitBreaker
    connections: Connections
    limits: CallLimits
    retry: RetryConfig
    clock: Clock
    random: Random
    sleep: Sleep
    deadline: float
    """On `clock`: when the whole request is given up."""
    keep_pieces: bool
    """True: pieces are only collected, so a broken answer may be begun again."""
    progress: Progress = field(default_factory=Progress)

    async def run(self) -> AsyncGenerator[Delta | Completion, None]:
        """Yield the pieces (unless they are kept) and then the whole answer.

        Raises:
            CallError: the last call's error.
            CircuitOpenError: before any call was made.
            BudgetExceededError: before a call was made.
        """
        last: CallError | None = None
        while True:
            try:
                permit = self.breaker.acquire()
            except CircuitOpenError:
                if last is not None:  # it was this attempt that opened it
                    raise last from None
                raise
            outcome = Outcome.CANCELLED
            answer: Completion | None = None
            try:
                async with aclosing(self._call()) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Completion):
                            answer, outcome = piece, Outcome.SUCCESS
                            continue
                        if piece.said:  # who goes away from now on says nothing about the engine
                            outcome = Outcome.IGNORED
                        if not self.keep_pieces:
                            self.progress.delivered = True
                            yield piece
            except CallError as error:
                outcome = Outcome.FAILURE if error.counts_for_breaker else Outcome.IGNORED
                if self.progress.delivered:
                    raise
                last = error
            except asyncio.CancelledError:
                raise
            except Exception:  # nothing was sent: the budget refused, or a fault of our own
                outcome = Outcome.IGNORED
                raise
            finally:
                self.breaker.report(permit, outcome)
            if answer is not None:
                yield answer
                return
            assert last is not None
            wait = wait_before_retry(
                last, made=self.progress.calls, config=self.retry, random=self.random,
                left_seconds=self.deadline - self.clock(),
            )  # fmt: skip
            if wait is None:
                raise last
            await self.sleep(wait)

    async def _call(self) -> AsyncGenerator[Delta | Completion, None]:
        """Make one call under its own reservation."""
        reservation: Reservation | None = None
        if self.ledger is not None:
            reservation = await self.ledger.reserve(
                self.target.model, self.body, max_tokens=self.max_tokens
            )
        self.progress.calls += 1
        failure: BaseException | None = None
        try:
            async with aclosing(self._send()) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Completion) and self.ledger and reservation:
                        self.progress.cost += await self.ledger.settle(reservation, piece.usage)
                        reservation = None
                    yield piece
        except BaseException as error:
            failure = error
            raise
        finally:
            if reservation is not None and self.ledger is not None:
                reason = failure or asyncio.CancelledError()
                self.progress.cost += await self.ledger.fail(reservation, reason)

    async def _send(self) -> AsyncGenerator[Delta | Completion, None]:
        started = self.clock()
        name = str(self.target)
        left = max(0.001, self.deadline - started)
        limits = CallLimits(
            connect=min(self.limits.connect, left),
            first_token=min(self.limits.first_token, left),
            total=min(self.limits.total, left),
        )
        try:
            async with self.connections.lease(self.target.endpoint, self.revision) as client:
                if self.whole:
                    yield await whole_chat(client, self.body, limits=limits, target=name)
                    return
                stream = stream_chat(client, self.body, limits=limits, target=name)
                async with aclosing(stream) as pieces:
                    async for piece in pieces:
                        if self.progress.first_token_seconds is None and _said(piece):
                            self.progress.first_token_seconds = self.clock() - started
                        yield piece
        except AuthError:
            await self.connections.forget(self.target.endpoint)  # the key may have been renewed
            raise


def _said(piece: Delta | Completion) -> bool:
    return isinstance(piece, Completion) or piece.said
