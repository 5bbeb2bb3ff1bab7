"""What the fit reads from a spec, in the words that SGLang takes."""

from fractions import Fraction
from typing import Any

import pytest

import states
from reflex_api.model import ReflexModel
from reflex_operator.engines.load import Load, load_of


def load(**engine: Any) -> Load:
    wanted = {"device": "cuda", "contextLength": 4096, **engine}
    return load_of(ReflexModel.parse(states.model(engine=wanted)).spec)


@pytest.mark.parametrize(
    ("flags", "field", "value"),
    [
        (["--swa-full-tokens-ratio=0.2"], "swa_ratio", Fraction(1, 5)),
        (["--swa-full-tokens-ratio=2"], "swa_ratio", Fraction(4, 5)),
        (["--swa-full-tokens-ratio=x"], "swa_ratio", Fraction(4, 5)),
        (["--disable-hybrid-swa-memory"], "swa_ratio", Fraction(1)),
        (["--tp-size=2"], "tensor_parallel", 2),
        (["--tp=4"], "tensor_parallel", 4),
        (["--tensor-parallel-size=2"], "tensor_parallel", 2),
        (["--cuda-graph-max-bs-decode=64"], "decode_graphs", 64),
        (["--disable-decode-cuda-graph"], "decode_graphs", 0),
        (["--cuda-graph-backend-decode=disabled"], "decode_graphs", 0),
        (["--disable-prefill-cuda-graph"], "prefill_graphs", False),
        (["--disable-cuda-graph"], "prefill_graphs", False),
        (["--cuda-graph-backend-prefill=full"], "prefill_graphs", True),
        (["--max-total-tokens=8192"], "max_tokens", 8192),
        (["--max-total-tokens=64k"], "max_tokens", None),
    ],
)
def test_a_flag_of_the_users_counts(flags: list[str], field: str, value: object) -> None:
    assert getattr(load(extraArgs=flags), field) == value


@pytest.mark.parametrize(
    ("dtype", "size"),
    [
        ("", Fraction(1)),
        ("fp8_e5m2", Fraction(1)),
        ("auto", Fraction(2)),
        ("bf16", Fraction(2)),
        ("mxfp8", Fraction(33, 32)),
        ("nvfp4", Fraction(9, 16)),
    ],
)
def test_an_element_of_the_kv_cache_has_its_size(dtype: str, size: Fraction) -> None:
    assert load(kvCacheDtype=dtype).kv_element == size


def test_decode_graphs_follow_max_running_requests_as_rendered() -> None:
    assert load(maxRunningRequests=32).decode_graphs == 32


def test_several_gpus_count_only_when_the_engine_is_told_to_use_them() -> None:
    body = states.model(engine={"device": "cuda", "contextLength": 4096}, resources={"gpus": 2})
    assert load_of(ReflexModel.parse(body).spec).tensor_parallel == 1
