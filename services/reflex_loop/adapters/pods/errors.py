"""What can go wrong with sandboxes in pods.

PodError > AgentError (the agent refused), AgentLostError (the pod ended or cannot be reached)
         > DependenciesError (the crates could not be fetched)
"""

from reflex_runner.errors import RunnerError


class PodError(RunnerError):
    """Base of what this package raises."""


class AgentError(PodError):
    """The agent in the pod refused; its own code and words.

    Attributes:
        code: such as `too_large` or `busy`.
        status: its HTTP code.
    """

    def __init__(self, message: str, *, code: str, status: int) -> None:
        self.code = code
        self.status = status
        super().__init__(message)


class AgentLostError(PodError):
    """The agent cannot be reached, or its answer was cut: the pod has ended or is ending."""


class DependenciesError(PodError):
    """The crates that Cargo.lock names could not be fetched."""
