"""The one enumeration that is used in signatures; any other name raises when it is called."""

from collections.abc import Callable
from enum import Enum
from typing import NoReturn


class InterpolationMode(Enum):
    """torchvision's names of resampling filters."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


def __getattr__(name: str) -> Callable[..., NoReturn]:
    if name.startswith("__"):
        raise AttributeError(name)

    def missing(*_args: object, **_kwargs: object) -> NoReturn:
        raise RuntimeError(f"torchvision is a stub in the CPU engine image, but {name} was called")

    return missing
