"""What this service answers with besides the errors of every service; and LeaseLostError."""

from reflex_service.errors import (
    AuthenticationError,
    BusyError,
    DrainingError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    ServiceError,
    StartError,
    TooLargeError,
    UnsupportedTypeError,
    UploadTimeoutError,
    document,
)

__all__ = [
    "ArchiveError", "AuthenticationError", "BusyError", "DrainingError", "IdempotencyError",
    "InvalidRequestError", "LeaseLostError", "ModelNotFoundError", "NotFinishedError",
    "NotFoundError", "QueueFullError", "RateLimitError", "ServiceError", "StartError",
    "TooLargeError", "UnsupportedTypeError", "UploadTimeoutError", "document",
]  # fmt: skip


class ArchiveError(InvalidRequestError):
    """The workspace is no archive that is unpacked here."""

    code = "invalid_archive"


class ModelNotFoundError(NotFoundError):
    """No such model is configured."""

    code = "model_not_found"


class NotFinishedError(ServiceError):
    """What was asked for exists when the repair has ended."""

    status = 409
    type = "conflict_error"
    code = "not_finished"


class IdempotencyError(ServiceError):
    """The key was used for another request."""

    status = 409
    type = "idempotency_error"
    code = "idempotency_key_reused"


class QueueFullError(BusyError):
    """The bounded queue of repairs is full."""

    code = "queue_full"


class LeaseLostError(Exception):
    """Another process has taken this repair over: nothing more may be written about it."""
