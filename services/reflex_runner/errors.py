"""RunnerError > ToolchainError, JobError, TreeError, ConfinementError (> NoSandboxError), ..."""


class RunnerError(Exception):
    """Base: nothing was compiled, and the code is not to blame."""


class ToolchainError(RunnerError):
    """There is no Rust toolchain that works."""


class JobError(RunnerError):
    """The job cannot be run on this tree: a name is wrong, or the manifest is missing."""


class StartError(RunnerError):
    """A program cannot be started."""


class TreeError(RunnerError):
    """A tree cannot be copied: a link, a device, a path outwards, or too much of it.

    Attributes:
        code: stable, for machines; `too_large` is the one that smaller input helps.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class ConfinementError(RunnerError):
    """A layer of the confinement did not take hold. Nothing was run."""


class NoSandboxError(ConfinementError):
    """This machine offers no confinement that is known to hold."""


class LeftoverError(RunnerError):
    """Processes of a job could not be ended: the sandbox must not be used again."""
