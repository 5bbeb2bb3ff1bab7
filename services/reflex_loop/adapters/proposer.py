"""The loop's model: whoever the router chooses, asked in that model's form.

A question is written for one form. When the choice falls on a model of another form in the middle
of a request (the compact local one failed, the cloud takes over), the request stays open, the loop
is told to write the question anew, and the same request goes on with it: its failures, its
deadline and its decision records are kept.
"""

from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from reflex_loop.errors import OtherFormError, ProposerError
from reflex_loop.protocols import Form, Intent, Prompt, Reply, Usage
from reflex_loop.settings import Renderer
from reflex_routing.decision import DecisionRecord
from reflex_routing.errors import (
    BrokenReplyError,
    CallTimeoutError,
    RedirectedError,
    RoutingError,
)
from reflex_routing.policy import Mode
from reflex_routing.prices import usd
from reflex_routing.request import Answer, Request
from reflex_routing.risk import RiskFacts
from reflex_routing.router import Router
from reflex_routing.run import Run

_SCHEMA_NAME: Final = "patch"
_REMEMBERED: Final = 64  # replies whose fate may still be told; far more than are open at once


class RoutingProposer:
    """Asks a router; one for each repair, used by one event loop.

    Args:
        router: shared by all repairs.
        task_id: names the repair in decision records.
    """

    def __init__(self, router: Router, *, task_id: str = "") -> None:
        self._router = router
        self._section = router.parts.section
        self._task_id = task_id
        self._failed_calls = 0
        self._attempt = 0
        self._redirected: deque[Run] = deque()
        self._given: deque[tuple[Reply, Answer]] = deque(maxlen=_REMEMBERED)

    async def form(self, intent: Intent) -> Form | None:
        """Return the form of whoever would answer now; that of the primary if nobody would."""
        if intent.attempt != self._attempt:
            # A candidate that was sent elsewhere while another one was answered: it is over.
            self._redirected.clear()
            self._attempt = intent.attempt
        decision = await self._router.outlook(
            Request(
                messages=[],
                facts=_facts(intent),
                failed_attempts=intent.failures + self._failed_calls,
                resume=self._redirected[0] if self._redirected else None,
            )
        )
        target = decision.target
        model = self._section.model(target.model if target else self._section.model_primary)
        return Form(
            renderer=Renderer(model.renderer),
            prompt_tokens=model.prompt_tokens,
            reply_tokens=model.reply_tokens,
            expected=str(target) if target else "",
        )

    async def propose(self, prompt: Prompt) -> Reply:
        """Return one reply.

        Raises:
            ProposerError: nobody may or can answer; with the router's code and record.
            OtherFormError: who is left to answer wants another form.
            TimeoutError: the last who was asked was too slow, or broke off.
        """
        request = self._request(prompt)
        try:
            answer = await self._router.complete(request)
        except RedirectedError as error:
            self._redirected.append(error.run)
            raise OtherFormError(str(error)) from error
        except RoutingError as error:
            self._failed_calls += _failed_locally(error)
            if isinstance(error, CallTimeoutError | BrokenReplyError):
                raise TimeoutError(str(error)) from error
            raise ProposerError(
                str(error), code=error.code, decision=_documents(error.decisions)
            ) from error
        self._failed_calls += answer.failed_attempts - request.failed_attempts
        reply = Reply(
            text=answer.content,
            usage=_usage(answer),
            cut=answer.truncated,
            answered_by=str(answer.target),
            cost_usd=Decimal(usd(answer.cost)),
            decision=_documents(answer.decisions),
        )
        self._given.append((reply, answer))
        return reply

    def unusable(self, reply: Reply, kind: str) -> None:
        """Count a reply that the loop refused, by model and kind."""
        for given, answer in self._given:
            if given is reply:
                self._router.report_invalid(answer, kind)
                return

    def _request(self, prompt: Prompt) -> Request:
        resume = self._redirected.popleft() if self._redirected else None
        failed = prompt.intent.failures + self._failed_calls
        return Request(
            messages=[{"role": each.role, "content": each.content} for each in prompt.messages],
            parameters={
                "max_tokens": prompt.max_tokens,
                "temperature": prompt.temperature,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {
                        "name": _SCHEMA_NAME,
                        "schema": prompt.schema,
                        "strict": True,
                    },
                },
            },
            facts=_facts(prompt.intent),
            failed_attempts=failed if resume is None else resume.failed_before,
            task_id=self._task_id,
            models=self._readers(prompt.renderer),
            resume=resume,
        )

    def _readers(self, renderer: Renderer) -> frozenset[str]:
        """Return the models that are asked in this form."""
        section = self._section
        known = (*section.local_models, *section.cloud.implementer)
        return frozenset(name for name in known if section.model(name).renderer == renderer.value)


def _facts(intent: Intent) -> RiskFacts:
    return RiskFacts(files=intent.paths, unsafe_code=intent.has_unsafe)


def _failed_locally(error: RoutingError) -> int:
    """Return the local calls that failed in a request that nobody answered."""
    return sum(
        record.decision.mode is Mode.REFLEX and bool(record.outcome.error)
        for record in error.decisions
    )


def _documents(records: tuple[DecisionRecord, ...]) -> Mapping[str, Any]:
    """Return the last decision, with those before it in the same request."""
    if not records:
        return {}
    return {
        **records[-1].document(),
        "earlier": [record.document() for record in records[:-1]],
    }


def _usage(answer: Answer) -> Usage:
    usage = answer.completion.usage
    return Usage(
        prompt=usage.prompt_tokens,
        cached=usage.cached_tokens,
        completion=usage.completion_tokens,
    )
