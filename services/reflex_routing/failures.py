"""Turns the error shapes of SGLang, OpenAI and proxies into this package's errors. Pure.

Shapes read here (SGLang 0.5.23, OpenAI): flat `{"object": "error", "message", "type", "code"}`,
nested `{"error": {"message", "type", "code"}}`, `{"error": "Unauthorized"}`, FastAPI's
`{"detail": ...}`, plain text, and the first two as SSE data after HTTP 200.
"""

from collections.abc import Mapping
from typing import Any, Final

from reflex_routing.errors import (
    AuthError,
    BadSchemaError,
    BrokenReplyError,
    CallError,
    ContextTooLongError,
    NotServedError,
    QuotaExhaustedError,
    RateLimitedError,
    RequestRejectedError,
    UnavailableError,
)

_BY_STATUS: Final[dict[int, type[CallError]]] = {
    400: RequestRejectedError,
    401: AuthError,
    402: QuotaExhaustedError,
    403: AuthError,
    404: NotServedError,
    405: NotServedError,
    408: UnavailableError,
    409: UnavailableError,
    410: NotServedError,
    413: ContextTooLongError,
    422: RequestRejectedError,
    429: RateLimitedError,
}
_BY_CODE: Final[dict[str, type[CallError]]] = {
    "context_length_exceeded": ContextTooLongError,
    "string_above_max_length": ContextTooLongError,
    "insufficient_quota": QuotaExhaustedError,
    "billing_hard_limit_reached": QuotaExhaustedError,
    "invalid_api_key": AuthError,
    "model_not_found": NotServedError,
}
# SGLang's only sign: its code is the status and its type BadRequestError for all of them.
_BY_TEXT: Final[tuple[tuple[str, type[CallError]], ...]] = (
    ("longer than the model's context length", ContextTooLongError),
    ("maximum context length", ContextTooLongError),
    ("maximum allowed length", ContextTooLongError),
    ("Failed to compile json grammar", BadSchemaError),
    ("Grammar preprocessing timed out", BadSchemaError),
    ("Invalid schema for response_format", BadSchemaError),
)
_LONGEST: Final = 400


def from_status(
    status: int,
    body: Any,  # noqa: ANN401 - foreign JSON
    *,
    retry_after: float | None = None,
    target: str = "",
) -> CallError:
    """Return the error of an HTTP answer that is none.

    Args:
        status: 300 to 599.
        body: decoded JSON, or text.
        retry_after: the server's wish in seconds.
        target: `endpoint/model`.
    """
    message, code = read_error(body)
    kind = _BY_STATUS.get(status)
    if kind is None:
        kind = UnavailableError if status >= 500 else NotServedError
    if status < 500:
        kind = _finer(kind, message, code)
    return kind(
        f"HTTP {status}: {message or 'no explanation'}",
        status=status, retry_after=retry_after, target=target,
    )  # fmt: skip


def from_stream(body: Any, *, begun: bool, target: str = "") -> CallError:  # noqa: ANN401
    """Return the error that came as SSE data after HTTP 200.

    Its `code` may be the status that the server would have sent; without one it is the server's
    own failure.
    """
    message, code = read_error(body)
    status = int(code) if code.isdigit() and 400 <= int(code) <= 599 else 0
    if status:
        error = from_status(status, body, target=target)
    else:
        kind = _finer(UnavailableError, message, code)
        error = kind(f"error in the stream: {message or 'no explanation'}", target=target)
    error.may_be_billed = begun
    return error


def broken(what: str, *, target: str = "") -> BrokenReplyError:
    """Return the error of a reply that is no complete answer."""
    return BrokenReplyError(what, target=target)


def is_error(chunk: Mapping[str, Any]) -> bool:
    """Return whether an SSE chunk or a body is an error rather than a piece of an answer."""
    return chunk.get("object") == "error" or bool(chunk.get("error"))


def read_error(body: Any) -> tuple[str, str]:  # noqa: ANN401 - foreign JSON
    """Return message and code of any of the shapes; both may be empty.

    >>> read_error({"object": "error", "message": "no", "type": "BadRequestError", "code": 400})
    ('no', '400')
    >>> read_error({"error": {"message": "empty", "code": "insufficient_quota"}})
    ('empty', 'insufficient_quota')
    >>> read_error({"error": "Unauthorized"}), read_error("bad gateway")
    (('Unauthorized', ''), ('bad gateway', ''))
    """
    if isinstance(body, str):
        return _short(body), ""
    if not isinstance(body, Mapping):
        return "", ""
    inner = body.get("error", body)
    if isinstance(inner, str):
        return _short(inner), ""
    if not isinstance(inner, Mapping):
        return "", ""
    message = inner.get("message") or inner.get("detail") or ""
    code = inner.get("code")
    if code is None or code == "":
        code = inner.get("type")
    return _short(message if isinstance(message, str) else str(message)), str(code or "")


def _finer(kind: type[CallError], message: str, code: str) -> type[CallError]:
    by_code = _BY_CODE.get(code)
    if by_code is not None:
        return by_code
    if kind in (RequestRejectedError, UnavailableError):
        return next((found for text, found in _BY_TEXT if text in message), kind)
    return kind


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…"
