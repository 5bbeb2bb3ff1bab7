"""Reads SGLang 0.5.23's `GET /server_info`.

The raw body holds both API keys: nothing but the fields below may leave this module.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from reflex_operator.engines.report import EngineMemory

_GIB = 1 << 30
_SETTINGS: Final = (
    "version",
    "attention_backend",
    "chunked_prefill_size",
    "context_length",
    "disable_cuda_graph",
    "disable_radix_cache",
    "dtype",
    "enable_torch_compile",
    "grammar_backend",
    "kv_cache_dtype",
    "moe_runner_backend",
    "page_size",
    "quantization",
    "sampling_backend",
    "schedule_policy",
    "speculative_algorithm",
    "tp_size",
)
"""What decides answers and speed, as the engine resolved it; no keys, ports or seeds."""


def read(body: Mapping[str, Any]) -> tuple[EngineMemory | None, str]:
    """Return the measured memory (None when the engine did not report any) and the version.

    SGLang reports gigabytes of 2**30 bytes, rounded to three places (its
    `scheduler_components/memory_usage.py`), for rank 0 of each data-parallel worker. Its
    `startup_available` is what is left when all is allocated (`managers/scheduler.py`).
    """
    version = body.get("version")
    states = body.get("internal_states")
    state = states[0] if isinstance(states, list) and states else {}
    usage = state.get("memory_usage") if isinstance(state, Mapping) else None
    usage = usage if isinstance(usage, Mapping) else {}
    tokens = usage.get("token_capacity", body.get("max_total_num_tokens"))
    if not isinstance(tokens, int) or tokens <= 0:
        return None, str(version or "")
    context = body.get("context_length")
    return (
        EngineMemory(
            kv_tokens=tokens,
            weights_bytes=_bytes(usage.get("weight")),
            kv_cache_bytes=_bytes(usage.get("kvcache")),
            free_bytes=_bytes(usage.get("startup_available")),
            context_length=context if isinstance(context, int) else None,
        ),
        str(version or ""),
    )


def settings(body: Mapping[str, Any]) -> str:
    """Return 16 digits over the settings that the engine resolved; "" when it names none."""
    found = {name: body[name] for name in _SETTINGS if name in body}
    if not found.keys() - {"version"}:
        return ""
    text = json.dumps(found, sort_keys=True, separators=(",", ":"), default=str)
    return sha256(text.encode()).hexdigest()[:16]


def _bytes(gib: object) -> int | None:
    """Return bytes for SGLang's GiB, or None where it reported nothing."""
    return round(gib * _GIB) if isinstance(gib, int | float) and gib > 0 else None
