"""Qwen3, small and on a CPU: the same parameters by the same names as transformers' model.

Written out as functions of a dictionary of tensors, because that is all that training needs, and
bfloat16 for the arithmetic, because that is how it is served.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

_EPSILON: Final = 1e-6
_INIT: Final = 0.02


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The architecture's numbers, named as in a model's config.json."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    intermediate_size: int
    max_position_embeddings: int = 1024
    rope_theta: float = 10_000.0

    def config(self) -> dict[str, Any]:
        """Return config.json."""
        values = asdict(self)
        theta = values.pop("rope_theta")
        return {
            "architectures": ["Qwen3ForCausalLM"],
            "model_type": "qwen3",
            "attention_bias": False,
            "attention_dropout": 0.0,
            "bos_token_id": None,
            "eos_token_id": 1,
            "pad_token_id": 0,
            "dtype": "bfloat16",
            "hidden_act": "silu",
            "initializer_range": _INIT,
            "layer_types": ["full_attention"] * self.num_hidden_layers,
            "max_window_layers": self.num_hidden_layers,
            "rms_norm_eps": _EPSILON,
            "rope_parameters": {"rope_theta": theta, "rope_type": "default"},
            "rope_theta": theta,
            "sliding_window": None,
            "tie_word_embeddings": True,
            "use_cache": True,
            "use_sliding_window": False,
            **values,
        }

    def parameters(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter by its name in the checkpoint."""
        hidden, inner = self.hidden_size, self.intermediate_size
        queries = self.num_attention_heads * self.head_dim
        keys = self.num_key_value_heads * self.head_dim
        found: dict[str, tuple[int, ...]] = {
            "model.embed_tokens.weight": (self.vocab_size, hidden),
            "model.norm.weight": (hidden,),
        }
        for number in range(self.num_hidden_layers):
            layer = f"model.layers.{number}"
            found |= {
                f"{layer}.self_attn.q_proj.weight": (queries, hidden),
                f"{layer}.self_attn.k_proj.weight": (keys, hidden),
                f"{layer}.self_attn.v_proj.weight": (keys, hidden),
                f"{layer}.self_attn.o_proj.weight": (hidden, queries),
                f"{layer}.self_attn.q_norm.weight": (self.head_dim,),
                f"{layer}.self_attn.k_norm.weight": (self.head_dim,),
                f"{layer}.mlp.gate_proj.weight": (inner, hidden),
                f"{layer}.mlp.up_proj.weight": (inner, hidden),
                f"{layer}.mlp.down_proj.weight": (hidden, inner),
                f"{layer}.input_layernorm.weight": (hidden,),
                f"{layer}.post_attention_layernorm.weight": (hidden,),
            }
        return found


def initial(shape: Shape, seed: int) -> dict[str, Tensor]:
    """Return the parameters before training, in float32."""
    dice = torch.Generator().manual_seed(seed)
    found = {}
    for name, size in shape.parameters().items():
        if len(size) == 1:
            found[name] = torch.ones(size)
            continue
        deviation = 0.5 * shape.hidden_size**-0.5
        if "embed" in name:
            deviation = _INIT
        elif "o_proj" in name or "down_proj" in name:
            deviation = 0.2 * shape.hidden_size**-0.5
        found[name] = torch.randn(size, generator=dice) * deviation
    return found


class Rotation:
    """The rotary embedding's tables."""

    def __init__(self, shape: Shape) -> None:
        half = torch.arange(0, shape.head_dim, 2).float() / shape.head_dim
        angles = torch.outer(
            torch.arange(shape.max_position_embeddings).float(), 1.0 / shape.rope_theta**half
        )
        angles = torch.cat((angles, angles), -1)
        self.cos = angles.cos().bfloat16()
        sin = angles.sin().bfloat16()
        # rotate_half's sign is in the table: one roll instead of a split, a negation and a join.
        sign = torch.cat((-torch.ones(shape.head_dim // 2), torch.ones(shape.head_dim // 2)))
        self.sin = sin * sign.bfloat16()

    def turned(self, values: Tensor) -> Tensor:
        """Return queries or keys (batch, heads, time, dim) turned by their positions."""
        time, dim = values.shape[-2:]
        other = torch.roll(values, dim // 2, -1)
        return values * self.cos[:time] + other * self.sin[:time]


def hidden_states(
    shape: Shape, weights: Mapping[str, Tensor], rotation: Rotation, tokens: Tensor
) -> Tensor:
    """Return the last hidden state of every position (batch, time, hidden), before the norm."""
    batch, time = tokens.shape
    heads, keys, dim = shape.num_attention_heads, shape.num_key_value_heads, shape.head_dim
    state = functional.embedding(tokens, weights["model.embed_tokens.weight"])
    for number in range(shape.num_hidden_layers):
        layer = f"model.layers.{number}"
        normed = _norm(state, weights[f"{layer}.input_layernorm.weight"])

        def heads_of(name: str, count: int, layer: str = layer, normed: Tensor = normed) -> Tensor:
            weight = weights[f"{layer}.self_attn.{name}_proj.weight"]
            return functional.linear(normed, weight).view(batch, time, count, dim)

        query = _norm(heads_of("q", heads), weights[f"{layer}.self_attn.q_norm.weight"])
        key = _norm(heads_of("k", keys), weights[f"{layer}.self_attn.k_norm.weight"])
        value = heads_of("v", keys).transpose(1, 2)
        attended = functional.scaled_dot_product_attention(
            rotation.turned(query.transpose(1, 2)),
            rotation.turned(key.transpose(1, 2)),
            value,
            is_causal=True,
            enable_gqa=heads != keys,
        )
        joined = attended.transpose(1, 2).reshape(batch, time, heads * dim)
        state = state + functional.linear(joined, weights[f"{layer}.self_attn.o_proj.weight"])
        normed = _norm(state, weights[f"{layer}.post_attention_layernorm.weight"])
        gate = functional.silu(functional.linear(normed, weights[f"{layer}.mlp.gate_proj.weight"]))
        up = functional.linear(normed, weights[f"{layer}.mlp.up_proj.weight"])
        state = state + functional.linear(gate * up, weights[f"{layer}.mlp.down_proj.weight"])
    return state


def loss(
    shape: Shape,
    weights: Mapping[str, Tensor],
    rotation: Rotation,
    tokens: Tensor,
    places: Tensor,
    labels: Tensor,
) -> Tensor:
    """Return the mean cross entropy at some places (indices into the flattened batch)."""
    state = hidden_states(shape, weights, rotation, tokens)
    chosen = state.reshape(-1, shape.hidden_size)[places]
    chosen = _norm(chosen, weights["model.norm.weight"])
    scores = functional.linear(chosen, weights["model.embed_tokens.weight"]).float()
    return functional.cross_entropy(scores, labels)


def _norm(state: Tensor, weight: Tensor) -> Tensor:
    return functional.rms_norm(state, (state.shape[-1],), weight, _EPSILON)
