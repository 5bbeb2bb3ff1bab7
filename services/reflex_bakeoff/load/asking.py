"""One request by locust's FastHttpUser: sends, reads line by line, notes when each line came."""

import socket
import time
from dataclasses import dataclass, replace
from http.client import HTTPException
from typing import Any

from locust.contrib.fasthttp import FastHttpSession

from reflex_api.items import Ending
from reflex_bakeoff.speed.plan import LoadPlan, PlannedPhase, PlannedRequest
from reflex_bakeoff.speed.stream import Event, read_line
from reflex_bakeoff.speed.timing import Arrival, Trace, ending


@dataclass(frozen=True, kw_only=True)
class Job:
    """A request and when it is due."""

    phase: PlannedPhase
    request: PlannedRequest
    due: float


def ask(client: FastHttpSession, plan: LoadPlan, job: Job, key: str) -> Trace:
    """Send one request and return what was seen of it; failures are part of that."""
    request, phase = job.request, job.phase
    messages = [{"role": "user", "content": request.prompt}]
    if request.system:
        messages.insert(0, {"role": "system", "content": request.system})
    body: dict[str, Any] = {
        "model": plan.model,
        "messages": messages,
        "max_tokens": plan.max_tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
        **plan.extra,
    }
    headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    trace = Trace(
        id=request.id,
        phase=phase.name,
        prefix=request.prefix,
        block=request.block,
        streams=phase.streams,
        due=job.due,
        sent=time.monotonic(),
    )
    with client.post(
        f"{plan.base_url}/chat/completions",
        json=body,
        headers=headers,
        stream=True,
        catch_response=True,
        allow_redirects=False,
        name=phase.name,
    ) as response:
        trace = _read(response, trace)
        how = ending(trace)
        if how is Ending.OK:
            response.success()
        else:
            response.failure(how.value)
    return trace


def _read(response: Any, trace: Trace) -> Trace:  # noqa: ANN401 - locust's class is built at run time
    status = int(response.status_code or 0)
    if status == 0:
        return replace(trace, broken=_broken(response.error))
    if status != 200:
        return replace(trace, status=status)
    trace = replace(trace, status=status)
    arrivals: list[Arrival] = []
    broken: Ending | None = None
    try:
        # Not iter_lines or read(n): they wait for a full buffer and so move tokens in time.
        while line := response.stream.readline(b"\n"):
            now = time.monotonic()
            event = read_line(line)
            if event is None:
                continue
            if event.garbled:
                broken = Ending.GARBLED
                break
            trace = _noted(trace, event)
            if event.visible or event.reasoning:
                told = event.usage.completion_tokens if event.usage else None
                arrivals.append(Arrival(at=now, visible=event.visible, tokens=told))
    except (OSError, HTTPException) as error:
        broken = _broken(error)
    if broken is not None:
        # What is left of this answer must not be read as part of the next.
        response.stream.release()
    return replace(trace, arrivals=tuple(arrivals), broken=broken)


def _noted(trace: Trace, event: Event) -> Trace:
    """Return the trace with what a line says beside its text; the last word on usage stands."""
    if event.finish:
        trace = replace(trace, finish=event.finish)
    if event.fault:
        trace = replace(trace, fault=event.fault)
    if event.usage is not None:
        trace = replace(
            trace,
            prompt_tokens=event.usage.prompt_tokens,
            output_tokens=event.usage.completion_tokens,
            cached_tokens=event.usage.cached_tokens,
        )
    return trace


def _broken(error: object) -> Ending:
    if isinstance(error, TimeoutError):
        return Ending.TIMEOUT
    if isinstance(error, ConnectionRefusedError | socket.gaierror):
        return Ending.REFUSED
    return Ending.RESET
