"""BakeoffError > GateFileError, SuiteError, EndpointError, LoadError, CacheProbeError,
MeasureError: each says what to do.
"""

from collections.abc import Sequence


class BakeoffError(Exception):
    """Base of what this package raises."""


class GateFileError(BakeoffError):
    """A gate file that is wrong; `problems` has one line for each fault: path, fault, fix."""

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"error: the gate is wrong ({source})\n{lines}")


class SuiteError(BakeoffError):
    """A suite that cannot be used; `problems` as in `GateFileError`."""

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"error: the suite cannot be used ({source})\n{lines}")


class LoadError(BakeoffError):
    """The load generator left no measurement; what it said is in the message."""


class CacheProbeError(BakeoffError):
    """The engine could not be asked: it is no evidence for or against its cache."""


class EndpointError(BakeoffError):
    """The address or the name of what is to be measured cannot be used."""


class MeasureError(BakeoffError):
    """There can be no measurement as it was asked for; the message says why and what to do."""
