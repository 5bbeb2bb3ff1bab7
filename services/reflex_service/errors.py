"""ServiceError: an answer to a client, in OpenAI's shape, with the HTTP code that fits it.

Each says what was wrong, where (`param`) and what to do. Nothing of another owner, of the database
or of a traceback is ever in one. StartError: the service cannot begin.
"""

from typing import Any, ClassVar


class ServiceError(Exception):
    """Base of what a service answers with."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: str = "internal"

    def __init__(
        self, message: str, *, param: str | None = None, retry_after: float | None = None
    ) -> None:
        self.param = param
        self.retry_after = retry_after
        """Seconds after which the same request may succeed; told in `Retry-After`."""
        super().__init__(message)

    def document(self) -> dict[str, Any]:
        """Return the body of the answer."""
        return document(str(self), type_=self.type, code=self.code, param=self.param)


def document(message: str, *, type_: str, code: str, param: str | None = None) -> dict[str, Any]:
    """Return an error in OpenAI's shape."""
    return {"error": {"message": message, "type": type_, "code": code, "param": param}}


class InvalidRequestError(ServiceError):
    """The request itself is wrong; the same again fails again."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_request"


class AuthenticationError(ServiceError):
    """No key, or one that nobody has."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class NotFoundError(ServiceError):
    """Not there, or somebody else's: both look the same."""

    status = 404
    type = "not_found_error"
    code = "not_found"


class UploadTimeoutError(ServiceError):
    """The body came too slowly."""

    status = 408
    type = "invalid_request_error"
    code = "request_timeout"


class TooLargeError(ServiceError):
    """More bytes or entries than are taken here."""

    status = 413
    type = "invalid_request_error"
    code = "too_large"


class UnsupportedTypeError(ServiceError):
    """The body is of a type that is not read here."""

    status = 415
    type = "invalid_request_error"
    code = "unsupported_media_type"


class RateLimitError(ServiceError):
    """This key asks more often than it may."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class BusyError(ServiceError):
    """All places are taken; nothing was kept of the request."""

    status = 429
    type = "rate_limit_error"
    code = "overloaded"


class DrainingError(ServiceError):
    """This process is about to end and takes no new work."""

    status = 503
    type = "server_error"
    code = "draining"


class StartError(Exception):
    """The service cannot start; the text is for whoever starts it."""
