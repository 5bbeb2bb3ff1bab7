"""ClusterError > NotFoundError, ConflictError, ForbiddenError, InvalidError, UnavailableError,
NamespaceEndingError.

PredecessorError asks to wait a moment, HeldError to wait longer; LeaseLostError ends the process;
CatalogueError ends it at its start.
"""


class OperatorError(Exception):
    """Base of what this package raises."""


class CatalogueError(OperatorError):
    """A catalogue file is missing or wrong; nothing starts without it."""


class ClusterError(OperatorError):
    """The API server refused or could not be asked; `status` is 0 without an answer."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        self.status = status
        super().__init__(message)


class NotFoundError(ClusterError):
    """The object, or the kind, does not exist."""


class ConflictError(ClusterError):
    """The object changed, exists already or was replaced: look again."""


class ForbiddenError(ClusterError):
    """The operator's role, an admission policy or a quota does not allow it."""


class NamespaceEndingError(ClusterError):
    """The namespace is being deleted: nothing can be created in it any more."""


class InvalidError(ClusterError):
    """The API server's validation refused the object; the message names the field."""


class UnavailableError(ClusterError):
    """Overload, a timeout or no connection; `retry_after` is the server's wish in seconds."""

    def __init__(self, message: str, *, status: int = 0, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message, status=status)


class LeaseLostError(OperatorError):
    """The Lease was not renewed in time or another process holds it."""


class PredecessorError(OperatorError):
    """An object of the deleted model of the same name is not collected yet: wait for the GC."""


class HeldError(OperatorError):
    """A write is held back for `seconds`: somebody changed the object back too often.

    `begins` is true for the attempt that found this out, `kind` the object's.
    """

    def __init__(self, message: str, *, kind: str, seconds: float, begins: bool) -> None:
        self.kind = kind
        self.seconds = seconds
        self.begins = begins
        super().__init__(message)
