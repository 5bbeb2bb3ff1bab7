"""ReflectionError > ConfigError, BundleError, PlanError, FixturesDisabledError,
FixtureMissingError, LogError, EmbeddingError, StoreError (> ImportFileError, TooLongError).

A turn never sees one of them: `step` turns each into a reason (`reflect_error:<type>`), so the
names of the types are part of the log's format.
"""

from collections.abc import Sequence


class ReflectionError(Exception):
    """Base of what this package raises."""


class ConfigError(ReflectionError):
    """The configuration is wrong; `problems` has one line for each fault: "<path> <fault>"."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class BundleError(ReflectionError):
    """What was given as a turn is none; `problems` has one line for each fault."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class PlanError(ReflectionError):
    """A planner's reply, or its `reflection` flag, is not what was asked for."""


class FixturesDisabledError(ReflectionError, ValueError):
    """The backend is `llm` and there are no fixtures; a model is never asked."""

    def __init__(self) -> None:
        super().__init__(
            "LLM backend requires fixtures.enabled=true;"
            " set t3.llm.fixtures.enabled and .path, or t3.reflection.backend: rulebased"
        )


class FixtureMissingError(ReflectionError, RuntimeError):
    """No recorded reply for this turn; `key` is its fixture key, "" when it was not reached."""

    def __init__(self, message: str, *, key: str = "") -> None:
        self.key = key
        super().__init__(message)


class LogError(ReflectionError):
    """A line of the log could not be written whole, or there is no room to keep it for later."""


class StoreError(ReflectionError):
    """The store cannot be opened, or what was asked of it makes no sense."""


class TooLongError(StoreError):
    """A text is longer than a memory may be."""


class ImportFileError(StoreError):
    """A line of an import is no memory; nothing of the file was taken."""


class EmbeddingError(ReflectionError):
    """The real embedding cannot be loaded, or a text has no vector by it."""
