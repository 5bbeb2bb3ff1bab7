"""Arguments of SGLang 0.5.23, rendered from a ReflexModel.

Flags differ between SGLang versions (0.5.23 removed five that 0.5.12 had), so this module is
bound to one version and a contract test asks that version's own parser.
"""

from typing import Final

from reflex_api.engine import Device, EngineSpec
from reflex_api.engine_flags import flag_name
from reflex_api.model import ReflexModel
from reflex_api.names import ENGINE_PORT
from reflex_api.source import Source

VERSION: Final = "0.5.23"
MODELS_MOUNT: Final = "/models-volume"
"""Where a claim's subdirectory is mounted, read-only."""

_CPU_KV_CONTEXTS: Final = 4
"""KV pool on CPU, in contexts: unset, SGLang takes a share of the node's memory, not the pod's."""


def render(model: ReflexModel, *, mem_fraction: str = "") -> tuple[str, ...]:
    """Return the server's arguments without the API keys, which the launcher adds from files.

    Our defaults yield to `engine.extraArgs`: a flag that the user names there is not rendered.

    Args:
        model: what is wanted.
        mem_fraction: chosen for a spec that leaves engine.memFractionStatic open; "": unset.
    """
    engine = model.spec.engine
    fixed = [
        f"--model-path={model_path(model.spec.source)}",
        f"--served-model-name={model.spec.served_name}",
        "--host=0.0.0.0",
        f"--port={ENGINE_PORT}",
        f"--device={engine.device}",
        f"--context-length={engine.context_length}",
        f"--kv-cache-dtype={engine.effective_kv_cache_dtype}",
        f"--max-running-requests={engine.max_running_requests}",
        f"--chunked-prefill-size={engine.chunked_prefill_size}",
        "--enable-metrics",
        "--enable-cache-report",
    ]
    optional = {
        "--mem-fraction-static": engine.mem_fraction_static or mem_fraction,
        "--attention-backend": engine.attention_backend,
        "--reasoning-parser": engine.reasoning_parser,
        "--tool-call-parser": engine.tool_call_parser,
        "--quantization": engine.quantization_flag,
    }
    fixed += [f"{flag}={value}" for flag, value in optional.items() if value]
    if engine.trust_remote_code:
        fixed.append("--trust-remote-code")
    named = {flag_name(argument) for argument in engine.extra_args}
    tunable = [a for a in _tunables(engine) if flag_name(a) not in named]
    return (*fixed, *tunable, *engine.extra_args)


def model_path(source: Source) -> str:
    """Return where the engine's container finds the weights."""
    return MODELS_MOUNT if source.bundled is None else source.bundled.path


def _tunables(engine: EngineSpec) -> list[str]:
    """Return the defaults that a user may replace through extraArgs."""
    if engine.device is Device.CUDA:
        return [
            "--schedule-policy=lpm",
            # Graphs for more requests than may run at once only cost memory and start-up time.
            f"--cuda-graph-max-bs-decode={engine.max_running_requests}",
        ]
    rendered = [
        "--dtype=bfloat16",
        "--sampling-backend=pytorch",
        "--grammar-backend=xgrammar",
        "--schedule-policy=lpm",
        "--disable-overlap-schedule",
        f"--max-total-tokens={_CPU_KV_CONTEXTS * engine.context_length}",
        "--skip-server-warmup",
        # Else the idle scheduler polls without a pause and keeps a whole core busy.
        "--sleep-on-idle",
    ]
    if not engine.attention_backend:
        rendered.append("--attention-backend=torch_native")
    if not engine.mem_fraction_static:
        rendered.append("--mem-fraction-static=0.2")
    return rendered
