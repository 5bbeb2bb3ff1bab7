"""What can go wrong here; each message says what, where, and what to do."""


class TinyError(Exception):
    """Any error of this package."""


class BaseSyntaxError(TinyError):
    """A file of templates or idioms cannot be read."""


class DataError(TinyError):
    """The data set is missing, incomplete or was made by other code."""


class EngineError(TinyError):
    """The engine image cannot be started, or it does not answer."""
