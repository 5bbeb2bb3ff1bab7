"""The table of models on an RTX 5090, number by number, and the message for what does not fit.

Tokens of the reference table assume 30.9 GiB free and weights without padding; ours assume 30.65
and, for gpt-oss, the padding that SGLang adds on this GPU. Hence the tolerances, never upwards.
"""

from fractions import Fraction
from typing import Any

import pytest

import states
from reflex_api.catalogue import CatalogueEntry
from reflex_api.conditions import MESSAGE_LIMIT, Reason
from reflex_api.model import ReflexModel
from reflex_operator.catalogue import load_catalogue
from reflex_operator.engines.load import Load, load_of
from reflex_operator.engines.memory import (
    GIB,
    MIB,
    Fit,
    ModelSize,
    engine_fraction,
    fit,
    free_at_start,
    largest_fraction,
    reserve,
)
from reflex_operator.engines.memory_advice import advice, chosen_fraction, shortfall
from reflex_operator.reconcile.text import message

RTX_5090 = 32607 * MIB
GPT_OSS = "openai/gpt-oss-20b"
QWEN3 = "QuantTrio/Qwen3-Coder-30B-A3B-Instruct-AWQ"
QWEN3_FP8 = "Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8"
QWEN25 = "Qwen/Qwen2.5-Coder-32B-Instruct-AWQ"
QWEN25_FP8 = "RedHatAI/Qwen2.5-Coder-32B-Instruct-FP8-dynamic"


def entry(repo: str) -> CatalogueEntry:
    found = load_catalogue().find(repo)
    assert found is not None
    return found


def size(repo: str) -> ModelSize:
    found = entry(repo)
    return ModelSize(architecture=found.architecture, weights_bytes=found.weights_bytes)


def load(context: int, **engine: Any) -> Load:
    wanted = {"device": "cuda", "contextLength": context, **engine}
    return load_of(ReflexModel.parse(states.model(engine=wanted)).spec)


def best(repo: str, wanted: Load, capacity: int = RTX_5090) -> Fit:
    return fit(size(repo), wanted, capacity, chosen_fraction(wanted, capacity))


# (model, KiB a token with FP8, reference tokens at f=.777, .85, .90, tolerance below it)
TABLE = [
    (GPT_OSS, 21.6, (520_000, 640_000, 720_000), 0.09),
    (QWEN3, 48.0, (179_000, 229_000, 262_000), 0.04),
    (QWEN25, 128.0, (48_000, 66_000, 79_000), 0.06),
]


@pytest.mark.parametrize(("repo", "kib", "tokens", "tolerance"), TABLE)
def test_the_reference_table_is_reproduced(
    repo: str, kib: float, tokens: tuple[int, ...], tolerance: float
) -> None:
    wanted = load(32768)
    for fraction, expected in zip(("0.777", "0.85", "0.9"), tokens, strict=True):
        found = fit(size(repo), wanted, RTX_5090, Fraction(fraction))
        assert float(found.kv_bytes_per_token) / 1024 == kib
        assert expected * (1 - tolerance) < found.kv_tokens <= expected


@pytest.mark.parametrize(("ratio", "kib"), [("0.1", 13.2), ("0.8", 21.6), ("1.0", 24.0)])
def test_sliding_layers_take_their_ratio(ratio: str, kib: float) -> None:
    wanted = load(65536, extraArgs=[f"--swa-full-tokens-ratio={ratio}"])
    assert float(best(GPT_OSS, wanted).kv_bytes_per_token) / 1024 == kib
    bf16 = load(65536, kvCacheDtype="bf16", extraArgs=[f"--swa-full-tokens-ratio={ratio}"])
    assert float(best(GPT_OSS, bf16).kv_bytes_per_token) / 1024 == 2 * kib


@pytest.mark.parametrize(
    ("repo", "context", "weights_gib", "tokens"),
    [
        (GPT_OSS, 65536, 13.92, 569_588),
        (QWEN3, 131072, 15.90, 213_103),
        (QWEN25, 32768, 18.25, 60_640),
    ],
)
def test_the_three_models_fit_a_5090_with_the_chosen_fraction(
    repo: str, context: int, weights_gib: float, tokens: int
) -> None:
    found = best(repo, load(context))
    assert found.fits
    assert found.fraction == Fraction("0.837")
    assert round(found.weights / GIB, 2) == weights_gib
    assert found.kv_tokens == tokens
    assert 1.0 <= found.headroom / GIB < 1.05


@pytest.mark.parametrize(("repo", "weights"), [(QWEN3_FP8, "29.3"), (QWEN25_FP8, "32.2")])
def test_their_fp8_checkpoints_do_not_fit_and_the_numbers_are_said(repo: str, weights: str) -> None:
    wanted = load(32768)
    found = best(repo, wanted)
    assert not found.fits
    assert found.kv_tokens == 0
    assert found.headroom < 0
    said = words(repo, wanted)
    assert f"needs {weights} GiB of weights + " in said
    assert "KV cache for 32768 tokens + 5.2 GiB overhead + 1.0 GiB headroom" in said
    assert said.endswith("the GPU has 31.8 GiB; use a 4-bit checkpoint")


def words(repo: str, wanted: Load, capacity: int = RTX_5090) -> str:
    found = best(repo, wanted, capacity)
    assert not found.fits
    kind = entry(repo).quantization
    help_ = advice(size(repo), wanted, capacity, quantization=kind)
    said = message(Reason.INSUFFICIENT_GPU_MEMORY, f"{shortfall(found, wanted)}; {help_}")
    assert len(said) <= MESSAGE_LIMIT
    assert "…" not in said
    return said


FRACTION = "engine.memFractionStatic to 0.837 or leave it unset"
UNSET = "leave engine.memFractionStatic unset and lower engine.contextLength to 60416"


@pytest.mark.parametrize(
    ("repo", "context", "engine", "ending"),
    [
        (QWEN25, 131072, {}, "lower engine.contextLength to 60416"),
        (QWEN25, 60416, {"kvCacheDtype": "bf16"}, "set engine.kvCacheDtype to fp8_e4m3"),
        (QWEN25, 32768, {"chunkedPrefillSize": 8192}, "lower engine.chunkedPrefillSize to 2048"),
        (QWEN25, 32768, {"memFractionStatic": "0.9"}, f"lower {FRACTION}"),
        (QWEN25, 32768, {"memFractionStatic": "0.6"}, f"raise {FRACTION}"),
        (QWEN25, 131072, {"memFractionStatic": "0.9"}, UNSET),
        (QWEN25, 131072, {"memFractionStatic": "0.7"}, UNSET),
        (QWEN3_FP8, 1024, {}, "use a 4-bit checkpoint"),
    ],
)
def test_the_setting_that_helps_is_named_and_helps(
    repo: str, context: int, engine: dict[str, Any], ending: str
) -> None:
    assert words(repo, load(context, **engine)).endswith(f"; {ending}")


def test_a_four_bit_model_that_is_too_large_is_told_so() -> None:
    assert words(QWEN25, load(32768), 16376 * MIB).endswith("use a smaller model or a larger GPU")


def test_headroom_is_named_when_it_alone_is_in_the_way() -> None:
    body = states.model(
        engine={"device": "cuda", "contextLength": 1024}, memoryPolicy={"headroom": "12Gi"}
    )
    wanted = load_of(ReflexModel.parse(body).spec)
    assert words(QWEN25, wanted).endswith("; lower memoryPolicy.headroom")


def test_what_is_free_at_the_start_is_what_5090s_show() -> None:
    """Logs of SGLang on headless 5090s: 30.68 to 30.9 GiB at "Load weight begin"."""
    assert 30.5 < free_at_start(RTX_5090) / GIB <= 30.68


@pytest.mark.parametrize(
    ("label", "cuda_gib"),
    [(24564, 23.64), (32607, 31.34), (81559, 79.11), (143771, 139.72)],
)
def test_the_drivers_share_is_never_underestimated(label: int, cuda_gib: float) -> None:
    """What CUDA calls the total of a 4090, 5090, H100 and H200, less our context."""
    assert free_at_start(label * MIB) / GIB + 700 / 1024 <= cuda_gib + 0.005


@pytest.mark.parametrize(
    ("wanted", "mib", "fraction"),
    [
        (Load(context_length=1, chunk=4096, decode_graphs=48), 7280, "0.777"),
        (Load(context_length=1, chunk=2048, decode_graphs=8), 4064, "0.875"),
        (Load(context_length=1, chunk=64, decode_graphs=0, prefill_graphs=False), 3712, "0.886"),
        (Load(context_length=1, chunk=2048, decode_graphs=8, tensor_parallel=2), 4192, "0.871"),
    ],
)
def test_the_reserve_is_sglangs_and_so_is_its_default(
    wanted: Load, mib: int, fraction: str
) -> None:
    assert reserve(wanted, RTX_5090) == mib * MIB
    assert engine_fraction(wanted, RTX_5090) == Fraction(fraction)


def test_large_gpus_keep_ten_gib_outside() -> None:
    assert reserve(load(4096), 81559 * MIB) == 10 * GIB


def test_tensor_parallelism_divides_weights_and_heads() -> None:
    two = load(32768, extraArgs=["--tp-size=2"])
    found, single = best(QWEN25_FP8, two), best(QWEN25_FP8, load(32768))
    assert found.fits
    assert found.kv_bytes_per_token * 2 == single.kv_bytes_per_token
    assert found.weights == (single.weights - 256 * MIB) / 2 + 256 * MIB


def test_a_gpu_smaller_than_the_overhead_gets_no_fraction() -> None:
    assert largest_fraction(load(4096), 4096 * MIB) == 0
    assert largest_fraction(load(4096), 512 * MIB) == 0
