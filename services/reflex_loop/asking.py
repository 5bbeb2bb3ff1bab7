"""Asks the model and turns each reply into a change that could be made, or the reason why not."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reflex_loop.changes import ChangeSet
from reflex_loop.conversation import Question
from reflex_loop.errors import OtherFormError, PatchError, ProposerError
from reflex_loop.events import Answered
from reflex_loop.patch import read_reply
from reflex_loop.planning import plan
from reflex_loop.policy import check as check_policy
from reflex_loop.protocols import Form, Intent, Prompt, Proposer, Reply
from reflex_loop.session import Session, Timer


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One candidate of an attempt.

    Attributes:
        reply: None when none came in time.
        changes: what it would change; None when it is refused.
        problem: PatchError's kind, "timeout" or "no_change"; empty for a change that can be tried.
        renderer: how the question was written.
    """

    candidate: int
    reply: Reply | None
    changes: ChangeSet | None = None
    form: str = ""
    problem: str = ""
    reason: str = ""
    renderer: str = ""


async def ask(
    session: Session,
    proposer: Proposer,
    timer: Timer,
    question: Question,
    *,
    form: Form,
    intent: Intent,
    seconds: float,
) -> list[Answer]:
    """Return one answer for each candidate, in order.

    Raises:
        ProposerError: nobody answers any candidate.
        OtherFormError: none was answered, and who is left wants another form.
    """
    settings = session.settings
    prompts = [
        Prompt(
            messages=question.messages,
            schema=question.schema,
            max_tokens=form.reply_tokens,
            # The first is the model's best guess; the others have to differ from it.
            temperature=settings.retry_temperature if number or question.is_repeat else 0.0,
            renderer=form.renderer,
            intent=intent,
            candidate=number,
        )
        for number in range(settings.candidates)
    ]
    replies = await timer.spent(_replies(proposer, prompts, seconds))
    answers = []
    for number, reply in enumerate(replies):
        if isinstance(reply, Reply):
            session.emit(
                Answered(
                    attempt=intent.attempt,
                    candidate=number,
                    answered_by=reply.answered_by,
                    prompt=reply.usage.prompt,
                    cached=reply.usage.cached,
                    completion=reply.usage.completion,
                )
            )
        answer = _answer(session, number, reply, seconds)
        if isinstance(reply, Reply) and answer.problem not in ("", "no_change"):
            proposer.unusable(reply, answer.problem)
        answers.append(replace(answer, renderer=form.renderer.value))
    return answers


async def _replies(
    proposer: Proposer, prompts: Sequence[Prompt], seconds: float
) -> list[Reply | BaseException]:
    """Return a reply or an error for each prompt, asked at once: the engine batches them."""

    async def one(prompt: Prompt) -> Reply:
        async with asyncio.timeout(seconds):
            return await proposer.propose(prompt)

    if len(prompts) == 1:
        try:
            return [await one(prompts[0])]
        except TimeoutError as error:
            return [error]
    replies = await asyncio.gather(*(one(prompt) for prompt in prompts), return_exceptions=True)
    final = (ProposerError, OtherFormError)
    refusals = [each for each in replies if isinstance(each, final)]
    if len(refusals) == len(replies):
        # One that can be asked in another form is worth more than a refusal.
        raise next((each for each in refusals if isinstance(each, OtherFormError)), refusals[0])
    for each in replies:
        if isinstance(each, BaseException) and not isinstance(each, (TimeoutError, *final)):
            raise each
    return list(replies)


def _answer(session: Session, number: int, reply: Reply | BaseException, seconds: float) -> Answer:
    """Return what a reply comes to, by a dry run on the files that the prompt showed."""
    if not isinstance(reply, Reply):
        late = isinstance(reply, TimeoutError)
        return Answer(
            candidate=number,
            reply=None,
            problem="timeout" if late else "no_answer",
            reason=str(reply) or f"no reply within {seconds:g} s",
        )
    form = ""
    try:
        document, reply_form = read_reply(reply.text, cut=reply.cut)
        form = reply_form.value
        changes = plan(document, session.snapshot)
        check_policy(changes, session.settings.policy, session.root)
    except PatchError as error:
        return Answer(
            candidate=number, reply=reply, form=form, problem=error.kind, reason=str(error)
        )
    if not changes:
        return Answer(
            candidate=number,
            reply=reply,
            form=form,
            problem="no_change",
            reason="the patch changes nothing: what it asks for is in the files already",
        )
    return Answer(candidate=number, reply=reply, form=form, changes=changes)
