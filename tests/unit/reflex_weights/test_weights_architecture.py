"""config.json and the safetensors index as numbers."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_server import HubServer
from reflex_api.weights import Architecture
from reflex_weights.architecture import read_architecture, read_twice, tensor_bytes
from unit.reflex_weights.conftest import CONFIG, Desk
from unit.reflex_weights.program import http_source, hub_source

# The fields that matter, as the models' own config.json has them.
GPT_OSS_20B = {
    "architectures": ["GptOssForCausalLM"],
    "num_hidden_layers": 24,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "hidden_size": 2880,
    "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"] * 12,
    "max_position_embeddings": 131072,
}
QWEN3_CODER_30B = {
    "architectures": ["Qwen3MoeForCausalLM"],
    "num_hidden_layers": 48,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "hidden_size": 2048,
    "sliding_window": None,
    "use_sliding_window": False,
    "max_position_embeddings": 262144,
}
QWEN25_CODER_32B = {
    "architectures": ["Qwen2ForCausalLM"],
    "num_hidden_layers": 64,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
    "hidden_size": 5120,
    "sliding_window": 131072,
    "use_sliding_window": False,
    "max_window_layers": 70,
    "max_position_embeddings": 32768,
}


def read(config: dict[str, Any]) -> Architecture | None:
    return read_architecture(json.dumps(config).encode())


def test_sliding_layers_are_told_apart() -> None:
    assert read(GPT_OSS_20B) == Architecture(
        name="GptOssForCausalLM", layers=12, sliding_layers=12, sliding_window=128,
        kv_heads=8, head_dim=64, max_context=131072,
    )  # fmt: skip


def test_head_dim_is_the_stated_one_and_else_computed() -> None:
    moe, dense = read(QWEN3_CODER_30B), read(QWEN25_CODER_32B)
    assert moe is not None
    assert dense is not None
    assert (moe.head_dim, moe.layers, moe.kv_heads) == (128, 48, 4)
    assert (dense.head_dim, dense.layers, dense.sliding_layers) == (128, 64, 0)


def test_an_unused_window_is_none() -> None:
    kinds = ["sliding_attention"] * 3 + ["full_attention"]
    unused = read(
        {**CONFIG, "layer_types": kinds, "sliding_window": 9, "use_sliding_window": False}
    )
    assert unused is not None
    assert (unused.layers, unused.sliding_layers, unused.sliding_window) == (4, 0, 0)


def test_the_language_part_of_a_multimodal_model_is_read() -> None:
    nested = read({"architectures": ["SeesForCausalLM"], "text_config": {**CONFIG, "head_dim": 96}})
    assert nested is not None
    assert (nested.name, nested.head_dim) == ("SeesForCausalLM", 96)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {**CONFIG, "num_hidden_layers": 0},
        {**CONFIG, "num_hidden_layers": True},
        {**CONFIG, "num_hidden_layers": "4"},
        {**CONFIG, "num_key_value_heads": None, "num_attention_heads": None},
        {**CONFIG, "head_dim": None, "hidden_size": 3},
        {**CONFIG, "architectures": []},
        {**CONFIG, "architectures": ["<script>"]},
        {**CONFIG, "kv_lora_rank": 512},
        {**CONFIG, "layer_types": ["linear_attention"] * 3 + ["full_attention"]},
        {**CONFIG, "layer_types": ["sliding_attention"] * 4, "sliding_window": 128},
    ],
)
def test_an_unknown_form_is_none_not_a_guess(config: dict[str, Any]) -> None:
    assert read(config) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*GPT_OSS_20B, "text_config"]), JSON))
def test_any_json_is_read_without_an_error(changed: dict[str, Any]) -> None:
    read({**GPT_OSS_20B, **changed})
    tensor_bytes({"a.safetensors": 1}, json.dumps(changed).encode())


@pytest.mark.parametrize("content", [b"", b"[", b"[" * 100_000, b"9" * 9000, b"\xff", b"[]"])
def test_what_is_no_object_is_none(content: bytes) -> None:
    assert read_architecture(content) is None


def index(total: int | None, *shards: str) -> bytes:
    metadata = {} if total is None else {"total_size": total}
    return json.dumps({"metadata": metadata, "weight_map": {s: s for s in shards}}).encode()


SIZES = {"a.safetensors": 600, "b.safetensors": 400, "c.safetensors": 50, "original/x": 9}


@pytest.mark.parametrize(
    ("sizes", "content", "expected"),
    [
        (SIZES, index(990, "a.safetensors", "b.safetensors"), 990),
        (
            SIZES,
            index(4000, "a.safetensors", "b.safetensors"),
            1000,
        ),  # of the original, unquantized
        (SIZES, index(None, "a.safetensors"), 600),
        (SIZES, None, 1050),
        ({"model.safetensors": 7, "consolidated.safetensors": 7}, None, 7),
        ({"pytorch_model.bin": 7}, None, None),
        ({"a.safetensors": None}, None, None),
    ],
)
def test_weights_are_the_bytes_that_an_engine_loads(
    sizes: dict[str, int | None], content: bytes | None, expected: int | None
) -> None:
    assert tensor_bytes(sizes, content) == expected


def test_pickled_weights_beside_safetensors_are_counted() -> None:
    assert read_twice({"a.safetensors": 5, "pytorch_model.bin": 7}) == 7
    assert read_twice({"pytorch_model.bin": 7}) == 0


def test_inspection_of_web_servers_needs_a_listed_config(hub: HubServer, desk: Desk) -> None:
    shards = [path for path in hub.files if path.endswith(".safetensors")]
    sums = {path: hub.sums(path)[0] for path in shards}
    inspection = desk.inspect(http_source(hub.url, sums)).inspection
    assert inspection is not None
    assert inspection.architecture is None
    assert inspection.weights_bytes == inspection.download_bytes == 500_001

    sums["config.json"] = hub.sums("config.json")[0]
    inspection = desk.inspect(http_source(hub.url, sums)).inspection
    assert inspection is not None
    assert inspection.architecture is not None
    assert hub.sent("*.safetensors") < 10, "a request for one byte tells the size"


def test_a_config_of_any_length_is_not_read_to_its_end(hub: HubServer, desk: Desk) -> None:
    hub.files["config.json"] = b" " * (2 << 20)
    inspection = desk.inspect(hub_source(), hub.url).inspection
    assert inspection is not None
    assert inspection.architecture is None
    assert not hub.sent("*config.json")
