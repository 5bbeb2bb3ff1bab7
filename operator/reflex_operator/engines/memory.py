"""Does a model fit the memory of its GPU? The arithmetic of SGLang 0.5.23, before it is started.

    capacity  what the node's label `nvidia.com/gpu.memory` says (MiB, as nvidia-smi's total)
    P         what is free when the engine takes its first measure (`free_at_start`)
    f         --mem-fraction-static: P*f for weights and KV cache, P*(1-f) for all else
    kvTokens  = (P*f - weights) / KV bytes of a token
    fits      kvTokens >= contextLength  and  P*(1-f) >= reserve(chunk, graphs) + headroom

Sizes are bytes of one GPU and exact: integers and fractions, no floats, so that the same input
gives the same arguments on every machine. Sources are files of SGLang 0.5.23 below `sglang/srt`
and, where a number was measured, who measured it; docs/decisions/0010 weighs them.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor
from typing import Final

from reflex_api.weights import Architecture
from reflex_operator.engines.load import Load

MIB: Final = 1 << 20
GIB: Final = 1 << 30
STEP: Final = Fraction(1, 1000)
"""Grid of chosen fractions: three decimals, as SGLang rounds its own."""

_DRIVER_SHARE: Final = Fraction(16, 1000)
_DRIVER_MOST: Final = 1 * GIB
"""What the driver keeps from every process. An RTX 5090 (label 32607) shows 31.34 to 31.39 GiB to
CUDA, a 4090 (24564) 23.64 GiB: 1.4 to 1.6 %; large cards keep 0.5 to 0.8 GiB. Read off the texts
of public out-of-memory errors ("GPU 0 has a total capacity of ...")."""
_CONTEXT: Final = 700 * MIB
"""CUDA context and libraries before the weights. SGLang on headless 5090s logs 30.68 to 30.9 GiB
free at "Load weight begin"; with the driver's share this gives 30.65."""
_LOADED: Final = 256 * MIB
"""What stays beside the tensors after loading: code of kernels, RoPE tables, scales."""
_BIG_GPU: Final = 60 * 1024 * MIB
_BIG_RESERVE: Final = 10 * 1024 * MIB


@dataclass(frozen=True, kw_only=True)
class ModelSize:
    """What of a checkpoint takes memory. Bytes over all GPUs."""

    architecture: Architecture
    weights_bytes: int


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The answer, in bytes of one GPU: capacity = weights + KV pool + overhead + outside."""

    capacity: int
    fraction: Fraction
    weights: int
    kv_bytes_per_token: Fraction
    kv_tokens: int
    overhead: int  # driver, CUDA context, activations, graphs
    outside: int  # what P*(1-f) leaves beside the overhead; negative: that has no room
    context_length: int
    wanted_headroom: int

    @property
    def holds_context(self) -> bool:
        """Whether one request of contextLength fits the KV cache."""
        return self.kv_tokens >= self.context_length

    @property
    def leaves_headroom(self) -> bool:
        """Whether overhead and the wanted headroom have room outside the fraction."""
        return self.outside >= self.wanted_headroom

    @property
    def fits(self) -> bool:
        """Both."""
        return self.holds_context and self.leaves_headroom

    @property
    def headroom(self) -> int:
        """What stays free with one full context in the KV cache; negative: so much is missing."""
        context = ceil(self.kv_bytes_per_token * self.context_length)
        return min(self.outside, self.capacity - self.overhead - self.weights - context)


def free_at_start(capacity: int) -> int:
    """Return P: the bytes that are free on a GPU without other users before weights are loaded.

    >>> round(free_at_start(32607 * MIB) / GIB, 2)
    30.65
    """
    driver = min(ceil(capacity * _DRIVER_SHARE), _DRIVER_MOST)
    return max(0, capacity - driver - _CONTEXT)


@lru_cache(maxsize=1024)  # asked on every pass, and exact numbers are slow
def reserve(load: Load, capacity: int) -> int:
    """Return what the engine needs outside weights and KV cache: activations and CUDA graphs.

    SGLang's own reservation, in MiB (arg_groups/memory_hook.py, handle_gpu_memory_settings and
    reserve_for_graph_mb): 512 + 1.5*max(chunk, 2048) + 128*tp + 2*decode graphs' largest batch
    + 8*number of prefill graphs; at least 10 GiB on GPUs above 60 GiB. It is a rule of thumb of
    theirs and generous: one public 5090 log shows 1.3 GiB of graphs and pools where it says 7.1.

    >>> from reflex_operator.engines.load import Load
    >>> reserve(Load(context_length=65536, chunk=2048, decode_graphs=8), 32607 * MIB) // MIB
    4064
    """
    mib = 512 + Fraction(3, 2) * max(load.chunk, 2048) + 128 * load.tensor_parallel
    mib += 2 * load.decode_graphs
    if load.prefill_graphs:
        mib += 8 * _prefill_graphs(load.chunk)
    wanted = ceil(mib * MIB)
    return max(wanted, _BIG_RESERVE) if capacity > _BIG_GPU else wanted


def kv_bytes_per_token(architecture: Architecture, load: Load) -> Fraction:
    """Return the KV-cache bytes of one token on one GPU.

    2 * KV heads * head size * element bytes * (full layers + ratio * sliding layers): keys and
    values; a sliding layer has a pool of ratio * tokens (--swa-full-tokens-ratio), whatever its
    window. Source: model_executor/pool_configurator.py, HybridSWAPoolConfigurator; heads are
    divided by tensor parallelism, at least one stays (configs/model_config.py, get_num_kv_heads).

    >>> gpt_oss = Architecture(
    ...     name="GptOssForCausalLM", layers=12, sliding_layers=12, kv_heads=8, head_dim=64
    ... )
    >>> float(kv_bytes_per_token(gpt_oss, Load(context_length=65536))) / 1024
    21.6
    """
    heads = max(1, architecture.kv_heads // load.tensor_parallel)
    layers = architecture.layers + load.swa_ratio * architecture.sliding_layers
    return 2 * heads * architecture.head_dim * load.kv_element * layers


def weights_on_gpu(size: ModelSize, load: Load) -> int:
    """Return the bytes that a loaded model takes of one GPU."""
    return ceil(Fraction(size.weights_bytes, load.tensor_parallel)) + _LOADED


@lru_cache(maxsize=1024)
def largest_fraction(load: Load, capacity: int) -> Fraction:
    """Return the largest fraction of three decimals that leaves reserve and headroom, or 0.

    It depends on neither weights nor context: more for the KV cache never hurts.

    >>> largest_fraction(Load(context_length=65536, chunk=2048, decode_graphs=8), 32607 * MIB)
    Fraction(837, 1000)
    """
    free = free_at_start(capacity)
    if free <= 0:
        return Fraction(0)
    outside = Fraction(reserve(load, capacity) + load.headroom, free)
    return max(Fraction(0), STEP * min(999, floor((1 - outside) / STEP)))


def engine_fraction(load: Load, capacity: int) -> Fraction:
    """Return what SGLang takes when nobody says a fraction (memory_hook.py): of the total.

    >>> load = Load(context_length=65536, chunk=4096, decode_graphs=48)
    >>> float(engine_fraction(load, 32607 * MIB))
    0.777
    """
    return round((1 - Fraction(reserve(load, capacity), capacity)) / STEP) * STEP


@lru_cache(maxsize=1024)
def fit(size: ModelSize, load: Load, capacity: int, fraction: Fraction) -> Fit:
    """Return how a model with these limits fits a GPU, with this fraction."""
    free, needed = free_at_start(capacity), reserve(load, capacity)
    weights, per_token = weights_on_gpu(size, load), kv_bytes_per_token(size.architecture, load)
    tokens = max(0, floor((free * fraction - weights) / per_token))
    if load.max_tokens is not None:
        tokens = min(tokens, load.max_tokens)
    return Fit(
        capacity=capacity,
        fraction=fraction,
        weights=weights,
        kv_bytes_per_token=per_token,
        kv_tokens=tokens,
        overhead=capacity - free + needed,
        outside=floor(free * (1 - fraction)) - needed,
        context_length=load.context_length,
        wanted_headroom=load.headroom,
    )


def _prefill_graphs(chunk: int) -> int:
    """Return how many prefill graphs are captured (generate_prefill_cuda_graph_batch_sizes)."""
    sizes = (
        *range(4, 33, 4),
        *range(48, 257, 16),
        *range(288, 513, 32),
        *range(576, 1025, 64),
        *range(1280, 4097, 256),
        *range(4608, chunk + 1, 512),
    )
    return sum(size <= chunk for size in sizes)
