"""Answers requests: looks, decides, asks, escalates, and leaves a record of each decision."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from reflex_routing.attempt import Attempt, Progress
from reflex_routing.client import CallLimits
from reflex_routing.decision import CallOutcome, DecisionRecord
from reflex_routing.errors import (
    CallError,
    CallTimeoutError,
    RedirectedError,
    RequestRejectedError,
    RoutingError,
)
from reflex_routing.ledger import Standing
from reflex_routing.lookout import Lookout, Parts
from reflex_routing.outcome import outcome_of, refusal
from reflex_routing.policy import (
    Decision,
    Mode,
    RoutingState,
    Target,
    decide,
)
from reflex_routing.request import Answer, Request
from reflex_routing.risk import assess
from reflex_routing.run import Run
from reflex_routing.wire import Completion, Delta, wanted_tokens

LOG: Final = logging.getLogger("reflex.routing")


class Router:
    """Used by one event loop. `complete` and `stream` may run any number of times at once."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._section = parts.section
        self._policy = parts.section.policy()
        self._risk_rule = parts.section.risk_rule()
        self._lookout = Lookout(parts)
        self._retry = parts.section.retry_config()
        timeouts = parts.section.timeouts
        self._limits = CallLimits(
            connect=timeouts.connect, first_token=timeouts.first_token, total=timeouts.total
        )

    @property
    def parts(self) -> Parts:
        """What it works with: breakers, ledger and metrics for whoever shows them."""
        return self._parts

    async def complete(self, request: Request) -> Answer:
        """Return the whole answer; a call that breaks off is begun again or escalated.

        Raises:
            RoutingError: nobody answered; its `decisions` say why, for each who was asked.
        """
        async with aclosing(self._run(request, keep_pieces=True)) as events:
            async for event in events:
                if isinstance(event, Answer):
                    return event
        raise AssertionError("a run ends with an answer or an error")

    async def stream(self, request: Request) -> AsyncGenerator[Delta | Answer, None]:
        """Yield the pieces as they come, unbuffered, and the whole answer at the end.

        Until the first piece calls are repeated and escalated as in `complete`; after it an error
        ends the stream, for what was handed over cannot be taken back.

        Raises:
            RoutingError: nobody answered, or the answer broke off.
        """
        async with aclosing(self._run(request, keep_pieces=False)) as events:
            async for event in events:
                yield event

    async def outlook(self, request: Request) -> Decision:
        """Return who would answer now, by the rules that `complete` goes by.

        Nothing is sent, recorded, counted or reserved. The answer may differ when the request
        comes: another caller may have opened a breaker or spent the budget by then.
        """
        state, _ = await self._lookout.look(self._begun(request))
        return decide(state, self._policy)

    def report_invalid(self, answer: Answer, kind: str) -> None:
        """Count a whole answer that was no use to its caller, such as `schema` or `json`.

        It does not touch the breaker: the engine answered. The caller counts it among the failed
        attempts of its next request.
        """
        self._parts.metrics.invalid_reply(answer.target.endpoint, answer.target.model, kind)

    async def close(self) -> None:
        """Close the connections that nobody uses."""
        await self._parts.connections.close()

    async def _run(
        self, request: Request, *, keep_pieces: bool
    ) -> AsyncGenerator[Delta | Answer, None]:
        parts = self._parts
        run = self._begun(request)
        while True:
            state, standings = await self._lookout.look(run)
            decision = decide(state, self._policy)
            if _is_elsewhere(request, decision):
                assert decision.target is not None
                redirected = RedirectedError(decision.target, run)
                redirected.decisions = tuple(run.records)
                raise redirected
            if decision.target is None:
                refused = self._refuse(run, state, decision, standings)
                if refused is run.last_error:
                    raise refused
                raise refused from run.last_error
            self._log(run, decision)
            attempt = self._attempt(run, decision, decision.target, keep_pieces=keep_pieces)
            started = parts.clock()
            completion: Completion | None = None
            failure: BaseException | None = None
            try:
                async with aclosing(attempt.run()) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Completion):
                            completion = piece
                        else:
                            yield piece
            except BaseException as error:
                failure = error
                if not isinstance(error, RoutingError):
                    raise
            finally:
                if completion is None and failure is None:
                    failure = asyncio.CancelledError()
                outcome = outcome_of(
                    attempt.progress, completion, failure, seconds=parts.clock() - started
                )
                self._record(run, state, decision, standings, outcome, completion)
                run.cost += attempt.progress.cost
            if completion is not None:
                yield _answer(run, decision, decision.target, completion)
                return
            self._note(run, decision, decision.target, failure, attempt.progress)

    def _begun(self, request: Request) -> Run:
        if request.resume is not None:
            return replace(request.resume, request=request)
        return Run(
            request=request,
            request_id=request.request_id or self._parts.new_id(),
            risk=assess(request.facts, self._risk_rule),
            deadline=self._parts.clock() + self._section.timeouts.request,
            failed_before=request.failed_attempts,
        )

    def _attempt(
        self, run: Run, decision: Decision, target: Target, *, keep_pieces: bool
    ) -> Attempt:
        parts = self._parts
        max_tokens = wanted_tokens(run.request.parameters)
        ledger = None
        if decision.mode is Mode.CLOUD:
            ledger = parts.ledger
            max_tokens = ledger.max_tokens(target.model, max_tokens)
        return Attempt(
            target=target,
            revision=decision.revision,
            body=self._lookout.body(run.request, target, max_tokens),
            whole=run.request.whole,
            max_tokens=max_tokens or 0,
            ledger=ledger,
            breaker=parts.breakers.get(str(target)),
            connections=parts.connections,
            limits=self._limits,
            retry=self._retry,
            clock=parts.clock,
            random=parts.random,
            sleep=parts.sleep,
            deadline=run.deadline,
            keep_pieces=keep_pieces,
        )

    def _note(
        self, run: Run, decision: Decision, target: Target, failure: BaseException | None,
        progress: Progress,
    ) -> None:  # fmt: skip
        """Learn from a failure, or raise it when there is no use in going on."""
        assert isinstance(failure, RoutingError)
        run.last_error = failure
        failure.decisions = tuple(run.records)
        final = isinstance(failure, CallError) and failure.final_for_target
        hopeless = isinstance(failure, RequestRejectedError) and not final
        if progress.delivered or hopeless:
            raise failure
        if decision.mode is Mode.CLOUD:
            run.excluded[target] = failure.code
        elif isinstance(failure, CallError):
            run.failed_here += 1
            if final:
                run.excluded[target] = failure.code
        if self._parts.clock() >= run.deadline:
            late = CallTimeoutError("total", seconds=self._section.timeouts.request)
            late.decisions = failure.decisions
            raise late from failure

    def _refuse(
        self, run: Run, state: RoutingState, decision: Decision,
        standings: dict[Target, Standing],
    ) -> RoutingError:  # fmt: skip
        """Return the error that tells a caller most, with the records."""
        error = refusal(state, decision, standings, last_error=run.last_error)
        outcome = CallOutcome(error=error.code, message=str(error))
        self._record(run, state, decision, standings, outcome, None)
        LOG.warning("request %s is refused (%s): %s", run.request_id, decision.reason, error)
        error.decisions = tuple(run.records)
        return error

    def _record(
        self, run: Run, state: RoutingState, decision: Decision,
        standings: dict[Target, Standing], outcome: CallOutcome, completion: Completion | None,
    ) -> None:  # fmt: skip
        parts = self._parts
        response = None if completion is None else completion.reasoning + completion.content
        record = DecisionRecord(
            id=parts.new_id(),
            request_id=run.request_id,
            task_id=run.request.task_id,
            at=parts.now(),
            state=state,
            max_attempts=self._section.max_attempts,
            decision=decision,
            standings=tuple((str(target), found) for target, found in standings.items()),
            outcome=outcome,
            captured=parts.capture.take(run.request.messages, response),
        )
        run.records.append(record)
        parts.metrics.record(record)
        for sink in parts.sinks:
            sink.record(record)

    def _log(self, run: Run, decision: Decision) -> None:
        if decision.mode is Mode.CLOUD and decision.is_fallback:
            cause = f": {run.last_error}" if run.last_error is not None else ""
            LOG.warning(
                "request %s falls back to the cloud (%s) after %d failed local attempts: %s%s",
                run.request_id, decision.target, run.failed, decision.reason.value, cause,
            )  # fmt: skip
        else:
            LOG.info(
                "request %s goes to %s (%s): %s",
                run.request_id, decision.target, decision.mode.value, decision.reason.value,
            )  # fmt: skip


def _is_elsewhere(request: Request, decision: Decision) -> bool:
    """Return whether the one that is to be asked would not understand the messages."""
    if request.models is None or decision.target is None:
        return False
    return decision.target.model not in request.models


def _answer(run: Run, decision: Decision, target: Target, completion: Completion) -> Answer:
    return Answer(
        completion=completion,
        target=target,
        mode=decision.mode,
        reason=decision.reason,
        failed_attempts=run.failed,
        cost=run.cost,
        decisions=tuple(run.records),
    )
