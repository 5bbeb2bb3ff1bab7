"""The arithmetic of the memory fit against the package that it copies, in the engine image."""

import json
from typing import Any

import pytest
from reflex_e2e.engine_image import EngineImage

from reflex_operator.engines.load import Load
from reflex_operator.engines.memory import MIB, reserve

pytestmark = pytest.mark.contract

CHUNKS = (64, 512, 2048, 4096, 8192, 16384)

# The reservation is asked with the fields that it reads, and without a GPU.
ASK = """
import inspect, json, sys
from types import SimpleNamespace as Fields
from sglang.srt.arg_groups import memory_hook
from sglang.srt.arg_groups.cuda_graph_hook import generate_prefill_cuda_graph_batch_sizes
from sglang.srt.configs.model_config import ModelConfig
from sglang.srt.environ import envs
from sglang.srt.managers import scheduler
from sglang.srt.model_executor.cuda_graph_config import Backend

memory_hook.resolving_view = memory_hook.resolved_view = lambda args: args
memory_hook.attn_dp_enabled_of = memory_hook.use_mla_backend = lambda args: False
answer = {"graphs": {}}
for chunk in json.load(sys.stdin):
    sizes = generate_prefill_cuda_graph_batch_sizes(chunk)
    prefill = Fields(bs=sizes, backend=Backend.BREAKABLE)
    decode = Fields(max_bs=8, backend=Backend.BREAKABLE)
    asked = Fields(
        cuda_graph_config=Fields(prefill=prefill, decode=decode),
        disaggregation_mode="null",
        moe_a2a_backend="none",
    )
    answer["graphs"][chunk] = memory_hook.reserve_for_graph_mb(asked)
answer["hook"] = inspect.getsource(memory_hook.handle_gpu_memory_settings)
answer["heads"] = inspect.getsource(ModelConfig.get_num_kv_heads)
answer["scheduler"] = inspect.getsource(scheduler)
answer["post_capture"] = envs.SGLANG_ENABLE_POST_CAPTURE_KV_SIZING.get()
print("ANSWER" + json.dumps(answer))
"""
READ = """
import inspect, json
from sglang.srt.mem_cache.kv_cache_configurator import KVCacheConfigurator
from sglang.srt.model_executor.pool_configurator import HybridSWAPoolConfigurator
print("ANSWER" + json.dumps({
    "budget": inspect.getsource(KVCacheConfigurator._profile_available_bytes),
    "cell": inspect.getsource(HybridSWAPoolConfigurator._recompute_cell_size),
}))
"""


def answer(text: str) -> Any:
    (line,) = [line for line in text.splitlines() if line.startswith("ANSWER")]
    return json.loads(line.removeprefix("ANSWER"))


@pytest.fixture(scope="module")
def hook(engine_image: EngineImage) -> dict[str, Any]:
    found: dict[str, Any] = answer(engine_image.python(ASK, stdin=json.dumps(CHUNKS)))
    return found


@pytest.mark.parametrize("chunk", CHUNKS)
def test_graphs_are_reserved_as_sglang_does(chunk: int, hook: dict[str, Any]) -> None:
    small = 32607 * MIB
    ours = Load(context_length=1, chunk=chunk, decode_graphs=8)
    without = Load(context_length=1, chunk=chunk, decode_graphs=0, prefill_graphs=False)
    assert reserve(ours, small) - reserve(without, small) == hook["graphs"][str(chunk)] * MIB


@pytest.mark.parametrize(
    "line",
    [
        "activation_tokens = max(cfg.chunked_prefill_size, 2048)",
        "reserved_mem = 512\n",
        "reserved_mem += activation_tokens * 1.5\n",
        "reserved_mem += cfg.tp_size * cfg.pp_size / 8 * 1024\n",
        "if gpu_mem is not None and gpu_mem > 60 * 1024:\n",
        "reserved_mem = max(reserved_mem, 10 * 1024)\n",
        "round((gpu_mem - reserved_mem) / gpu_mem, 3)\n",
    ],
)
def test_the_rest_of_the_reservation_is_as_we_read_it(line: str, hook: dict[str, Any]) -> None:
    assert line in hook["hook"]


def test_other_lines_that_the_fit_rests_on_are_there(hook: dict[str, Any]) -> None:
    assert "return max(1, total_num_kv_heads // kv_tensor_parallel_size)" in hook["heads"]
    assert hook["post_capture"] is False, "the KV cache is sized before graphs are captured"
    # Taken and logged beside the KV cache's size: what is left, not what the GPU has.
    words = hook["scheduler"]
    taken = words.index("self.startup_available_gpu_memory_gb = get_available_gpu_memory(")
    assert taken < words.index('f"max_total_num_tokens={self.max_total_num_tokens}, "')
    assert "available_gpu_mem'}=" in words[taken:]


def test_the_kv_budget_and_the_sliding_pool_are_as_we_read_them(engine_image: EngineImage) -> None:
    found = answer(engine_image.python(READ))
    assert (
        "slack_gb = pre_model_load_memory * (1 - get_schedule().mem_fraction_static)"
        in (found["budget"])
    )
    assert "rest_memory = available_gpu_memory - slack_gb - mm_reservation_gb" in found["budget"]
    assert "+ self._swa_full_tokens_ratio * self._swa_cell_bytes()" in found["cell"]
