"""Everything that can go wrong with a sandbox."""


class RunnerError(Exception):
    """Base: nothing was compiled, and the code is not to blame."""
