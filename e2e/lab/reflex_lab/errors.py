"""LabError > the kinds of failure a caller may want to tell apart; each prints as error + hint."""

from pathlib import Path


class LabError(Exception):
    """Base of what this package raises; `hint` says what to do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.hint = hint
        super().__init__(message)

    def render(self) -> str:
        """Return the text for a terminal: what failed, evidence, hint."""
        return f"error: {self}" + (f"\n\nhint: {self.hint}" if self.hint else "")


class ToolchainError(LabError):
    """Go is missing, too old, or a build failed."""


class MachineError(LabError):
    """This machine lacks something that the lab needs and may not install."""


class AnotherLabError(LabError):
    """A lab with a different home already runs here: there is one node name space a machine."""

    def __init__(self, *, home: Path) -> None:
        self.home = home
        super().__init__(
            f"another lab already runs on this machine: its home is {home}",
            hint=f"use it, or stop it: REFLEX_LAB_HOME={home} reflex-lab down",
        )


class StartError(LabError):
    """A component ended, or was not ready in time; the message holds the end of its log."""


class NotRunningError(LabError):
    """The command needs a running lab."""

    def __init__(self) -> None:
        super().__init__("the lab is not running", hint="start it: reflex-lab up")


class ImageError(LabError):
    """An image reference or archive cannot be read."""


class ApiError(LabError):
    """The API server answered with an error status."""

    def __init__(self, *, status: int, reason: str, message: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(f"API server: {status} {reason}: {message}")
