"""The two names that sglang.utils imports; nothing is displayed."""


class HTML:
    """A piece of HTML, dropped."""

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        pass


def display(*_args: object, **_kwargs: object) -> None:
    """Display nothing."""
