# ruff: noqa: ANN401, D102, N801 - Triton's own interface
"""Stands in for Triton, whose kernels need a GPU.

SGLang and PyTorch import Triton and decorate some hundred kernels when they load; on a CPU no
kernel is ever launched. The real package is 0.9 GB and parses each kernel's source. Here a
decorated function becomes an object that raises when it is launched, every other name is an empty
module or class. SGLang does the same on macOS (sglang/_platform_stubs.py).
"""

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Generic, NoReturn, TypeVar

__version__ = "3.8.0"

_T = TypeVar("_T")


class JITFunction(Generic[_T]):
    """A kernel that cannot be launched."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.fn = fn
        self.__name__ = getattr(fn, "__name__", "kernel")
        self.__doc__ = fn.__doc__
        self.__module__ = getattr(fn, "__module__", __name__)

    def _launched(self) -> NoReturn:
        raise RuntimeError(
            f"triton is a stub in the CPU engine image, but kernel "
            f"{self.__module__}.{self.__name__} was launched"
        )

    def __getitem__(self, _grid: object) -> NoReturn:
        self._launched()

    def __call__(self, *_args: object, **_kwargs: object) -> NoReturn:
        self._launched()


class KernelInterface(JITFunction[_T]):
    """The base class that wrappers of kernels derive from."""


class Config:
    """A kernel's launch parameters, kept as they are."""

    def __init__(self, kwargs: dict[str, Any] | None = None, **options: Any) -> None:
        self.kwargs = kwargs or {}
        self.__dict__.update(options)


def jit(fn: Callable[..., Any] | None = None, **_options: Any) -> Any:
    """Return the kernel, or the decorator when called with options only."""
    return JITFunction if fn is None else JITFunction(fn)


def _same(*_args: Any, **_options: Any) -> Callable[[_T], _T]:
    return lambda kernel: kernel


autotune = heuristics = _same


def constexpr_function(fn: _T) -> _T:
    """Return the function itself: it runs on the host."""
    return fn


def cdiv(x: int, y: int) -> int:
    """Return x / y, rounded up."""
    return -(-x // y)


def next_power_of_2(n: int) -> int:
    """Return the smallest power of two that is at least n."""
    return 1 << (n - 1).bit_length() if n > 0 else 0


class constexpr:
    """A value known when a kernel is compiled."""

    def __init__(self, value: Any = None) -> None:
        self.value = value

    def __class_getitem__(cls, _item: object) -> type["constexpr"]:
        return cls


class _Module(ModuleType):
    """Any module of Triton: a name in capitals is an empty class, any other an empty module."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        known = _KNOWN.get(name)
        if known is None:
            if name[0].isupper():
                errors = name.endswith(("Error", "Exception", "Resources"))
                base: type = Exception if errors else object
                known = type(name, (base,), {"__module__": self.__name__})
            else:
                known = _module(f"{self.__name__}.{name}")
        setattr(self, name, known)
        return known

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Be a decorator: with or without options, leave what it decorates alone."""
        if len(args) == 1 and callable(args[0]) and not options:
            return args[0]
        return _same()


class _Finder:
    """Finds every submodule of triton."""

    @staticmethod
    def find_spec(
        name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith("triton."):
            return None
        return ModuleSpec(name, _Finder, is_package=True)  # type: ignore[arg-type]

    @staticmethod
    def create_module(spec: ModuleSpec) -> ModuleType:
        return _Module(spec.name)

    @staticmethod
    def exec_module(_module: ModuleType) -> None:
        """There is nothing to run."""


def _module(name: str) -> ModuleType:
    if name not in sys.modules:
        module = _Module(name)
        module.__spec__ = ModuleSpec(name, _Finder, is_package=True)  # type: ignore[arg-type]
        module.__path__ = []
        sys.modules[name] = module
    return sys.modules[name]


_KNOWN: dict[str, Any] = {
    "Config": Config,
    "JITFunction": JITFunction,
    "KernelInterface": KernelInterface,
    "autotune": autotune,
    "cdiv": cdiv,
    "constexpr": constexpr,
    "constexpr_function": constexpr_function,
    "heuristics": heuristics,
    "jit": jit,
    "next_power_of_2": next_power_of_2,
    "triton_key": lambda: "stub",
}

sys.meta_path.insert(0, _Finder)  # type: ignore[arg-type]
language = _module("triton.language")


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name[0].isupper():
        known = type(name, (Exception if name.endswith(("Error", "Resources")) else object,), {})
    else:
        known = _module(f"triton.{name}")  # type: ignore[assignment]
    globals()[name] = known
    return known
