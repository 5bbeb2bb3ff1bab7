"""Why a model does not fit, in numbers, and the one setting whose change would make it fit."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final

from reflex_operator.engines.load import Load
from reflex_operator.engines.memory import (
    GIB,
    Fit,
    ModelSize,
    fit,
    free_at_start,
    largest_fraction,
    reserve,
)

_CONTEXT_STEP: Final = 1024
_SMALL_CHUNK: Final = 2048
"""SGLang reserves for at least this many tokens of a step: a smaller chunk frees nothing."""
_FOUR_BITS: Final = {"awq", "gptq", "mxfp4", "nvfp4", "awq_marlin", "gptq_marlin", "int4"}


def chosen_fraction(load: Load, capacity: int) -> Fraction:
    """Return the fraction that the engine is started with on this GPU."""
    return load.fraction if load.fraction is not None else largest_fraction(load, capacity)


def shortfall(found: Fit, load: Load) -> str:
    """Return what is needed and what there is, in GiB."""
    if load.fraction is not None and not found.leaves_headroom:
        free = free_at_start(found.capacity)
        return (
            f"engine.memFractionStatic {float(load.fraction):g} leaves"
            f" {_gib(free * (1 - load.fraction))} outside weights and KV cache; activations and"
            f" graphs need {_gib(reserve(load, found.capacity))}, headroom {_gib(load.headroom)}"
        )
    if load.fraction is not None and found.capacity >= _needed(found, load):
        return (
            f"engine.memFractionStatic {float(load.fraction):g} leaves KV cache for"
            f" {found.kv_tokens} tokens, contextLength is {load.context_length}"
        )
    context = found.kv_bytes_per_token * load.context_length
    return (
        f"needs {_gib(found.weights)} of weights + {_gib(context)} of KV cache for"
        f" {load.context_length} tokens + {_gib(found.overhead)} overhead +"
        f" {_gib(load.headroom)} headroom, the GPU has {_gib(found.capacity)}"
    )


def advice(size: ModelSize, load: Load, capacity: int, *, quantization: str = "") -> str:
    """Return the first single change that makes the model fit; without one, a smaller model.

    Changes that cost nothing come first; the context is lowered last.
    """
    for changed, words in _changes(size, load, capacity):
        if _fits(size, changed, capacity):
            return words
    halved = replace(size, weights_bytes=size.weights_bytes // 2)
    if quantization not in _FOUR_BITS and _fits(halved, replace(load, fraction=None), capacity):
        return "use a 4-bit checkpoint"
    return "use a smaller model or a larger GPU"


def _changes(size: ModelSize, load: Load, capacity: int) -> Iterator[tuple[Load, str]]:
    best = largest_fraction(load, capacity)
    if load.fraction is not None:
        verb = "lower" if best < load.fraction else "raise"
        free = replace(load, fraction=None)
        yield free, f"{verb} engine.memFractionStatic to {float(best):g} or leave it unset"
    if load.chunk > _SMALL_CHUNK:
        smaller = replace(load, chunk=_SMALL_CHUNK)
        yield smaller, f"lower engine.chunkedPrefillSize to {_SMALL_CHUNK}"
    if load.kv_element >= 2:
        yield replace(load, kv_element=Fraction(1)), "set engine.kvCacheDtype to fp8_e4m3"
    best_use, also = load, ""
    if load.fraction is not None:
        best_use, also = replace(load, fraction=None), "leave engine.memFractionStatic unset and "
    tokens = fit(size, best_use, capacity, best).kv_tokens
    shorter = tokens // _CONTEXT_STEP * _CONTEXT_STEP
    if _CONTEXT_STEP <= shorter < load.context_length:
        words = f"{also}lower engine.contextLength to {shorter}"
        yield replace(best_use, context_length=shorter), words
    if load.headroom:
        yield replace(load, headroom=0), "lower memoryPolicy.headroom"


def _fits(size: ModelSize, load: Load, capacity: int) -> bool:
    return fit(size, load, capacity, chosen_fraction(load, capacity)).fits


def _needed(found: Fit, load: Load) -> Fraction:
    context = found.kv_bytes_per_token * load.context_length
    return found.weights + context + found.overhead + load.headroom


def _gib(size: Fraction | int) -> str:
    return f"{float(size) / GIB:.1f} GiB"
