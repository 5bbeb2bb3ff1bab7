"""What an API server may answer that is no answer.

ApiError > ApiConflictError (somebody was faster), ApiGoneError (not there)
"""

from reflex_runner.errors import RunnerError


class ApiError(RunnerError):
    """The API server refused, or did not answer.

    Attributes:
        status: its HTTP code; 0 when there was no answer.
    """

    def __init__(self, message: str, *, status: int = 0) -> None:
        self.status = status
        super().__init__(message)


class ApiConflictError(ApiError):
    """The object is not any more what it was taken for."""


class ApiGoneError(ApiError):
    """There is no such object."""


class NoClusterError(ApiError):
    """This process was given no way into a cluster."""
