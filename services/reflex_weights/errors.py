"""WeightsError > FinalError (the program ends), TemporaryError (it tries again).

Messages are built from our own words: no text of a server, no token, no path or query of a URL.
"""

import errno

from reflex_api.weights import Failure

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NOT_WRITABLE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class WeightsError(Exception):
    """Base of what this package raises; `failure` is the reason in the status."""

    def __init__(self, failure: Failure, message: str) -> None:
        self.failure: Failure = failure
        self.message = message
        super().__init__(message)


class FinalError(WeightsError):
    """Trying again with the same source and volume would end the same."""


class TemporaryError(WeightsError):
    """It may pass; `retry_after` is the server's wish in seconds.

    When `attempts` of them were made it is final; None: it never is.
    """

    def __init__(
        self,
        failure: Failure,
        message: str,
        *,
        retry_after: float | None = None,
        attempts: int | None = None,
    ) -> None:
        self.retry_after = retry_after
        self.attempts = attempts
        super().__init__(failure, message)


class BrokenBodyError(TemporaryError):
    """A body ended early, or stalled: what arrived is kept and the rest is asked for."""


class StoppedError(Exception):
    """The program ends: everything is left as it is."""


def volume_error(error: OSError, where: str) -> FinalError:
    """Return what an error of the file system means; `where` names the file as the user does."""
    if error.errno in _FULL:
        return FinalError(
            "OutOfSpace",
            f"the volume is full at {where}: enlarge the claim or remove files from it",
        )
    name = errno.errorcode.get(error.errno or 0, type(error).__name__)
    hint = ": the volume must be writable by group 10001" if error.errno in _NOT_WRITABLE else ""
    return FinalError("DownloadFailed", f"the volume refused {where} ({name}){hint}")
