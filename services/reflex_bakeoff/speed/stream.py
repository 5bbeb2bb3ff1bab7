"""Reads one line of an OpenAI-compatible event stream."""

import json
from dataclasses import dataclass
from typing import Any, Final

DONE: Final = "[DONE]"


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What the server says about tokens; None: it does not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None


@dataclass(frozen=True, kw_only=True)
class Event:
    """One line of data.

    Attributes:
        reasoning: it brings text that a user does not see.
        visible: it brings text or a tool call.
        finish: the finish reason, if this line gives one.
        usage: tokens up to here, if this line tells.
        fault: an error object, or what is wrong with the line.
        garbled: the line is not what the protocol says.
        done: the stream is over.
    """

    reasoning: bool = False
    visible: bool = False
    finish: str = ""
    usage: Usage | None = None
    fault: str = ""
    garbled: bool = False
    done: bool = False


def read_line(line: bytes) -> Event | None:
    """Return what a line says; None for one without data (comments, blank lines, other fields)."""
    text = line.strip()
    if not text.startswith(b"data:"):
        return None
    payload = text[5:].strip()
    if payload == DONE.encode():
        return Event(done=True)
    try:
        document = json.loads(payload)
        return _event(document)
    except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
        return Event(garbled=True, fault=f"unreadable line: {type(error).__name__}")


def _event(document: dict[str, Any]) -> Event:
    if document.get("error"):
        return Event(fault=str(document["error"])[:200])
    choices = document.get("choices") or []
    delta = (choices[0].get("delta") or {}) if choices else {}
    plain = choices[0].get("text") if choices else None  # a completion without a chat
    reasoning = bool(delta.get("reasoning_content") or delta.get("reasoning"))
    return Event(
        reasoning=reasoning,
        visible=bool(delta.get("content") or delta.get("tool_calls") or plain),
        finish=(choices[0].get("finish_reason") or "") if choices else "",
        usage=_usage(document.get("usage")),
    )


def _usage(found: dict[str, Any] | None) -> Usage | None:
    if not found:
        return None
    details = found.get("prompt_tokens_details") or {}
    return Usage(
        prompt_tokens=_count(found.get("prompt_tokens")),
        completion_tokens=_count(found.get("completion_tokens")),
        cached_tokens=_count(details.get("cached_tokens")),
    )


def _count(value: object) -> int | None:
    """Return a count as it is: absent stays absent, 0 stays 0."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None
