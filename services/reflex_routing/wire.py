"""Chat completions as they go over the wire, and as the rest of the package sees them. Pure.

Bodies stay mappings: a field that this version does not know (tools, logprobs, a new sampling
option) passes through unchanged in both directions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

JSON = dict[str, Any]

_OWNED: Final = frozenset({"model", "messages", "stream", "stream_options"})


class FinishReason(StrEnum):
    """Why the model stopped; `LENGTH` is a truncated answer and is counted apart."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of one call. `reported` is False when the server sent no usage."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Part of the prompt that came from the prefix cache (SGLang: needs --enable-cache-report)."""
    reasoning_tokens: int = 0
    """Part of the completion that was thinking."""
    reported: bool = False


@dataclass(frozen=True, kw_only=True)
class Completion:
    """A whole answer of one endpoint."""

    content: str
    reasoning: str
    """gpt-oss and others: the thinking, never mixed into `content`."""
    finish_reason: FinishReason
    usage: Usage
    model: str
    """As the server names it."""
    raw: Mapping[str, Any]
    """The answer in the shape of a `chat.completion`, for callers that pass it on."""

    @property
    def truncated(self) -> bool:
        """Whether the answer was cut at the token limit; its JSON is then incomplete."""
        return self.finish_reason is FinishReason.LENGTH


@dataclass(frozen=True, kw_only=True)
class Delta:
    """One piece of a stream; `raw` is the chunk as it came."""

    content: str
    reasoning: str
    said: bool
    """Whether the model said anything in it; the first and the last chunk often hold nothing."""
    raw: Mapping[str, Any]


def request_body(
    *, model: str, messages: list[JSON], parameters: Mapping[str, Any], max_tokens: int | None,
    token_limit_field: str, omit: frozenset[str], stream: bool,
) -> JSON:  # fmt: skip
    """Return the body of one call.

    Args:
        model: the name at this endpoint.
        messages: passed on as they are.
        parameters: everything else of the request; what the router owns is replaced.
        max_tokens: limit of the answer, reasoning included; None leaves it to the server.
        token_limit_field: `max_tokens` (SGLang) or `max_completion_tokens` (OpenAI).
        omit: parameters that this endpoint refuses, such as `temperature`.
        stream: whether the answer comes in pieces.
    """
    limits = {"max_tokens", "max_completion_tokens"}
    body = {
        key: value
        for key, value in parameters.items()
        if key not in _OWNED and key not in limits and key not in omit
    }
    body["model"] = model
    body["messages"] = messages
    if max_tokens is not None:
        body[token_limit_field] = max_tokens
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return body


def wanted_tokens(parameters: Mapping[str, Any]) -> int | None:
    """Return the limit that a request sets, by either of its names."""
    for name in ("max_completion_tokens", "max_tokens"):
        value = parameters.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def read_usage(document: Any) -> Usage:  # noqa: ANN401 - foreign JSON
    """Return the usage in a foreign answer; what is missing counts as zero."""
    if not isinstance(document, Mapping):
        return Usage()
    prompt = document.get("prompt_tokens_details")
    completion = document.get("completion_tokens_details")
    reasoning = _count(completion, "reasoning_tokens") or _count(document, "reasoning_tokens")
    return Usage(
        prompt_tokens=_count(document, "prompt_tokens"),
        completion_tokens=_count(document, "completion_tokens"),
        cached_tokens=_count(prompt, "cached_tokens"),
        reasoning_tokens=reasoning,
        reported=True,
    )


def read_completion(document: Any) -> Completion | None:  # noqa: ANN401 - foreign JSON
    """Return the answer in a body that came whole, or None when there is none in it."""
    choice = _first_choice(document)
    if choice is None or not isinstance(choice.get("message"), Mapping):
        return None
    message = choice["message"]
    return Completion(
        content=_text(message.get("content")),
        reasoning=_text(message.get("reasoning_content") or message.get("reasoning")),
        finish_reason=_finish(choice.get("finish_reason")),
        usage=read_usage(document.get("usage")),
        model=_text(document.get("model")),
        raw=document,
    )


@dataclass
class StreamState:
    """Puts the pieces of one stream together.

    `feed` takes a chunk and returns what it adds; `completion` is the whole, or None while the
    stream has not said why it ended: then it was cut off.
    """

    _content: list[str] = field(default_factory=list)
    _reasoning: list[str] = field(default_factory=list)
    _tools: dict[int, JSON] = field(default_factory=dict)
    _finish: str | None = None
    _usage: Usage = field(default_factory=Usage)
    _head: JSON = field(default_factory=dict)
    _usage_raw: Any = None
    _said: bool = False

    def feed(self, chunk: Mapping[str, Any]) -> Delta:
        """Return the chunk's pieces of the first choice; both are empty in a chunk of usage."""
        for key in ("id", "created", "model"):
            if key in chunk:
                self._head.setdefault(key, chunk[key])
        if isinstance(chunk.get("usage"), Mapping):
            self._usage_raw = chunk["usage"]
            self._usage = read_usage(self._usage_raw)
        choice = _first_choice(chunk)
        content = reasoning = ""
        tools = False
        if choice is not None:
            delta = choice.get("delta")
            if isinstance(delta, Mapping):
                content = _text(delta.get("content"))
                reasoning = _text(delta.get("reasoning_content") or delta.get("reasoning"))
                tools = bool(delta.get("tool_calls"))
                self._merge_tools(delta.get("tool_calls"))
            if choice.get("finish_reason"):
                self._finish = str(choice["finish_reason"])
        self._content.append(content)
        self._reasoning.append(reasoning)
        said = bool(content or reasoning or tools)
        self._said = self._said or said
        return Delta(content=content, reasoning=reasoning, said=said, raw=chunk)

    @property
    def begun(self) -> bool:
        """Whether the model has said anything yet."""
        return self._said

    def completion(self) -> Completion | None:
        """Return the whole answer, or None when the stream has not ended properly."""
        if self._finish is None:
            return None
        content, reasoning = "".join(self._content), "".join(self._reasoning)
        message: JSON = {"role": "assistant", "content": content}
        if reasoning:
            message["reasoning_content"] = reasoning
        if self._tools:
            message["tool_calls"] = [self._tools[index] for index in sorted(self._tools)]
        raw = {
            **self._head,
            "object": "chat.completion",
            "choices": [{"index": 0, "message": message, "finish_reason": self._finish}],
            "usage": self._usage_raw,
        }
        return Completion(
            content=content,
            reasoning=reasoning,
            finish_reason=_finish(self._finish),
            usage=self._usage,
            model=_text(self._head.get("model")),
            raw=raw,
        )

    def _merge_tools(self, calls: Any) -> None:  # noqa: ANN401 - foreign JSON
        for call in calls if isinstance(calls, list) else ():
            if not isinstance(call, Mapping):
                continue
            index = call.get("index") if isinstance(call.get("index"), int) else len(self._tools)
            known = self._tools.setdefault(
                int(index or 0), {"type": "function", "function": {"name": "", "arguments": ""}}
            )
            if call.get("id"):
                known["id"] = call["id"]
            function = call.get("function")
            if isinstance(function, Mapping):
                known["function"]["name"] += _text(function.get("name"))
                known["function"]["arguments"] += _text(function.get("arguments"))


def _first_choice(document: Any) -> Mapping[str, Any] | None:  # noqa: ANN401 - foreign JSON
    choices = document.get("choices") if isinstance(document, Mapping) else None
    if not isinstance(choices, list):
        return None
    for choice in choices:
        if isinstance(choice, Mapping) and choice.get("index", 0) == 0:
            return choice
    return None


def _finish(value: Any) -> FinishReason:  # noqa: ANN401 - foreign JSON
    try:
        return FinishReason(value)
    except ValueError:
        return FinishReason.OTHER


def _text(value: Any) -> str:  # noqa: ANN401 - foreign JSON
    return value if isinstance(value, str) else ""


def _count(document: Any, name: str) -> int:  # noqa: ANN401 - foreign JSON
    value = document.get(name) if isinstance(document, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
