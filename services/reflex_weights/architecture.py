"""config.json and the safetensors index as numbers of memory. Pure; both are hostile input."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from reflex_api.weights import Architecture

CONFIG: Final = "config.json"
INDEX: Final = "model.safetensors.index.json"
_MAX: Final = 10**8
_NAME: Final = re.compile(r"^[A-Za-z][A-Za-z0-9_]{0,127}$")
_WITHOUT_PLAIN_CACHE: Final = ("kv_lora_rank", "mamba_d_state", "ssm_cfg", "linear_attn_config")
_LAYER_KINDS: Final = frozenset({"full_attention", "attention", "chunked_attention"})
_SLIDING: Final = "sliding_attention"


def read_architecture(config: bytes) -> Architecture | None:
    """Return the numbers, or None when the form is unknown.

    Multimodal models nest them in `text_config`. Layers count as sliding only where `layer_types`
    says so: without it each is taken for a full one, which asks for more memory, never for less.
    Compressed (MLA), linear and recurrent caches are of another form: None.
    """
    outer = _object(config)
    inner = outer.get("text_config")
    text = inner if isinstance(inner, dict) else outer
    if any(text.get(key) is not None for key in _WITHOUT_PLAIN_CACHE):
        return None
    layers, heads = _count(text, "num_hidden_layers"), _count(text, "num_attention_heads")
    kv_heads = _count(text, "num_key_value_heads") or heads
    head_dim = _count(text, "head_dim")
    hidden = _count(text, "hidden_size")
    if head_dim is None and hidden is not None and heads is not None:
        head_dim = hidden // heads
    name = _name(outer) or _name(text)
    if layers is None or kv_heads is None or not head_dim or name is None:
        return None
    sliding = _sliding_layers(text, layers)
    if sliding is None or sliding >= layers:
        return None
    window = _count(text, "sliding_window") or 0
    if not window:
        sliding = 0
    return Architecture(
        name=name,
        layers=layers - sliding,
        sliding_layers=sliding,
        sliding_window=window if sliding else 0,
        kv_heads=kv_heads,
        head_dim=head_dim,
        max_context=_count(text, "max_position_embeddings") or 0,
    )


def tensor_bytes(sizes: Mapping[str, int | None], index: bytes | None) -> int | None:
    """Return the bytes of the tensors that an engine loads, or None when there are no safetensors.

    Args:
        sizes: of all files, by path.
        index: content of the safetensors index. Its `total_size` is believed only within 10 % below
            the files that it names: quantized repositories often keep the one of the original.
    """
    loaded = {path for path in sizes if path.endswith(".safetensors") and "/" not in path}
    announced: int | None = None
    if index is not None:
        parsed = _object(index)
        named = parsed.get("weight_map")
        if isinstance(named, dict):
            shards = {path for path in named.values() if isinstance(path, str)}
            loaded = shards & sizes.keys() or loaded
        metadata = parsed.get("metadata")
        announced = (
            _count(metadata, "total_size", most=1 << 60) if isinstance(metadata, dict) else None
        )
    else:
        # Mistral's repositories hold the same tensors twice.
        loaded = {path for path in loaded if not path.startswith("consolidated")} or loaded
    known = [sizes[path] for path in loaded]
    if not known or None in known:
        return announced
    held = sum(size or 0 for size in known)
    return announced if announced is not None and 0.9 * held <= announced <= held else held


def read_twice(paths: Mapping[str, int | None]) -> int:
    """Return the bytes of pickled weights beside safetensors, which SGLang does not read then."""
    if not any(path.endswith(".safetensors") and "/" not in path for path in paths):
        return 0
    pickled = (".bin", ".pt", ".pth")
    return sum(size or 0 for path, size in paths.items() if path.endswith(pickled))


def _sliding_layers(text: Mapping[str, Any], layers: int) -> int | None:
    """Return how many layers slide; None: a kind of layer that we do not know."""
    kinds = text.get("layer_types")
    if not isinstance(kinds, list) or len(kinds) != layers:
        return 0
    if any(kind != _SLIDING and kind not in _LAYER_KINDS for kind in kinds):
        return None
    return 0 if text.get("use_sliding_window") is False else kinds.count(_SLIDING)


def _count(values: Mapping[str, Any], key: str, *, most: int = _MAX) -> int | None:
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        return None
    return int(value) if 1 <= value <= most else None


def _name(values: Mapping[str, Any]) -> str | None:
    names = values.get("architectures")
    first = names[0] if isinstance(names, list) and names else None
    return first if isinstance(first, str) and _NAME.match(first) else None


def _object(content: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
