"""What of a ReflexModel's spec decides how much GPU memory its engine takes."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from reflex_api.engine import EngineSpec
from reflex_api.quantity import to_bytes
from reflex_api.spec import ReflexModelSpec

_DEFAULT_RATIO: Final = Fraction(8, 10)
"""SGLang's --swa-full-tokens-ratio when it is not given."""

_ELEMENT_BYTES: Final = {
    "fp8_e4m3": Fraction(1),
    "fp8_e5m2": Fraction(1),
    "mxfp8": 1 + Fraction(1, 32),  # a scale byte for 32 elements (pool_configurator.py)
    "nvfp4": Fraction(1, 2) + Fraction(1, 16),
    "fp4_mx_block16": Fraction(1, 2) + Fraction(1, 16),
}
"""Of one element of the KV cache. `auto` and bf16 are 2, unless the checkpoint itself says FP8."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """Limits of one engine, as the fit reads them. Bytes are of one GPU."""

    context_length: int
    chunk: int = 2048  # tokens of one prefill step
    decode_graphs: int = 8  # largest batch with a decode graph; 0: none
    prefill_graphs: bool = True
    kv_element: Fraction = Fraction(1)  # bytes
    swa_ratio: Fraction = _DEFAULT_RATIO
    tensor_parallel: int = 1
    max_tokens: int | None = None  # --max-total-tokens
    headroom: int = 1 << 30
    fraction: Fraction | None = None  # engine.memFractionStatic


def load_of(spec: ReflexModelSpec) -> Load:
    """Return the limits of a spec. Several GPUs count only where extraArgs tell SGLang to use them.

    Flags that the fit does not know (speculative decoding, offloading) are not taken into account.
    """
    engine = spec.engine
    flags = _flags(engine)
    return Load(
        context_length=engine.context_length,
        chunk=engine.chunked_prefill_size,
        decode_graphs=_decode_graphs(engine, flags),
        prefill_graphs=not _off(flags, "prefill"),
        kv_element=_ELEMENT_BYTES.get(engine.effective_kv_cache_dtype, Fraction(2)),
        swa_ratio=_ratio(flags),
        tensor_parallel=_tensor_parallel(flags),
        max_tokens=_integer(flags, "--max-total-tokens"),
        headroom=to_bytes(spec.memory_policy.headroom),
        fraction=Fraction(engine.mem_fraction_static) if engine.mem_fraction_static else None,
    )


def _flags(engine: EngineSpec) -> dict[str, str]:
    pairs = (argument.partition("=") for argument in engine.extra_args)
    return {name: value for name, _, value in pairs}


def _decode_graphs(engine: EngineSpec, flags: dict[str, str]) -> int:
    if _off(flags, "decode"):
        return 0
    named = _integer(flags, "--cuda-graph-max-bs-decode")
    return engine.max_running_requests if named is None else named  # as it is rendered


def _off(flags: dict[str, str], phase: str) -> bool:
    switches = {"--disable-cuda-graph", f"--disable-{phase}-cuda-graph"}
    return not switches.isdisjoint(flags) or flags.get(f"--cuda-graph-backend-{phase}") == (
        "disabled"
    )


def _ratio(flags: dict[str, str]) -> Fraction:
    if "--disable-hybrid-swa-memory" in flags:
        return Fraction(1)
    try:
        ratio = Fraction(flags.get("--swa-full-tokens-ratio", ""))
    except (ValueError, ZeroDivisionError):
        return _DEFAULT_RATIO
    return ratio if 0 < ratio <= 1 else _DEFAULT_RATIO  # else SGLang refuses to start


def _tensor_parallel(flags: dict[str, str]) -> int:
    for name in ("--tp-size", "--tp", "--tensor-parallel-size"):
        wanted = _integer(flags, name)
        if wanted:
            return wanted
    return 1


def _integer(flags: dict[str, str], name: str) -> int | None:
    """Return a flag's number; SGLang also reads `64k`, which this leaves to the engine."""
    text = flags.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None
