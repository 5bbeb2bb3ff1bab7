"""Stands in for SGLang's compiled kernels, which have no build for a CPU without Intel AMX.

SGLang 0.5.23 imports names from here when it loads, and calls none of them while it serves a dense
model on a CPU: every operation has a PyTorch version.
"""

from collections.abc import Callable
from typing import NoReturn


def __getattr__(name: str) -> Callable[..., NoReturn]:
    if name.startswith("__"):
        raise AttributeError(name)

    def missing(*_args: object, **_kwargs: object) -> NoReturn:
        raise RuntimeError(f"sgl_kernel is a stub in the CPU engine image, but {name} was called")

    return missing
