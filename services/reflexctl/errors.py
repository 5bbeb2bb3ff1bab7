"""CliError: what ends a command, its exit code, and what the user can do about it."""

from collections.abc import Sequence
from typing import ClassVar, Final

OK: Final = 0
NOT_DONE: Final = 1
CONFIGURATION: Final = 2
INTERRUPTED: Final = 130


class CliError(Exception):
    """Ends a command. The message says what and where, a hint what to do.

    Attributes:
        exit_code: 1 for what was tried and failed, 2 for what could not be tried as asked.
        hints: printed apart from the error, one a line.
    """

    exit_code: ClassVar[int] = NOT_DONE

    def __init__(self, message: str, *, hints: Sequence[str] = ()) -> None:
        self.hints = tuple(hints)
        super().__init__(message)


class ConfigurationError(CliError):
    """The arguments, the configuration or this machine do not allow what was asked for."""

    exit_code = CONFIGURATION


class ServerError(CliError):
    """The reflex-loop service, or the way to it, failed."""


class ClusterError(ConfigurationError):
    """The kube context leads to no usable reflex-loop service."""


class NoVerdictError(CliError):
    """A measurement was begun and there is nothing that could be judged."""

    exit_code = CONFIGURATION
