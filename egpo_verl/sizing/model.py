"""Decoder models as numbers: how many weights, how large a cache, how wide a layer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from egpo_verl import hub
from egpo_verl.errors import UserError

FAMILIES = (
    "granite",
    "llama",
    "mistral",
    "mixtral",
    "phi3",
    "qwen2",
    "qwen3",
    "qwen3_moe",
    "smollm3",
)
"""Values of `model_type` whose weights `Shape` counts as transformers does."""


@dataclass(frozen=True)
class Shape:
    """A decoder of the Llama and Qwen families; comments give the keys of its config.json."""

    layers: int  # num_hidden_layers
    hidden: int  # hidden_size
    heads: int  # num_attention_heads
    kv_heads: int  # num_key_value_heads
    head_dim: int  # hidden_size / num_attention_heads, if it is not there
    inner: int  # intermediate_size; moe_intermediate_size where there are experts
    vocab: int  # vocab_size
    tied: bool  # tie_word_embeddings: the output layer is the embedding
    qkv_bias: bool = False  # biases on queries, keys and values (Qwen2.5)
    qk_norm: bool = False  # norms on queries and keys (Qwen3)
    experts: int = 0  # num_experts or num_local_experts, of a layer; 0 for a dense model
    active_experts: int = 0  # num_experts_per_tok

    @property
    def embedding(self) -> int:
        """Weights of embedding and output layer."""
        return self.vocab * self.hidden * (1 if self.tied else 2)

    @property
    def expert_weights(self) -> int:
        """Weights of all layers' experts; 0 for a dense model."""
        return self.layers * self.experts * 3 * self.hidden * self.inner

    @property
    def layer(self) -> int:
        """Weights of one layer without its experts."""
        queries, keys_values = self.heads * self.head_dim, 2 * self.kv_heads * self.head_dim
        attention = self.hidden * (2 * queries + keys_values)
        attention += (queries + keys_values) * self.qkv_bias + 2 * self.head_dim * self.qk_norm
        mlp = self.hidden * (self.experts or 3 * self.inner)
        return attention + mlp + 2 * self.hidden

    @property
    def weights(self) -> int:
        """All weights."""
        return self.embedding + self.layers * self.layer + self.expert_weights + self.hidden

    @property
    def active_weights(self) -> int:
        """Weights that multiply a token: without the embedding's lookup and the idle experts."""
        share = self.active_experts / self.experts if self.experts else 0.0
        output = self.vocab * self.hidden
        return int(self.layers * self.layer + self.expert_weights * share + output)

    @property
    def cache_bytes(self) -> int:
        """Keys and values of one token, in bfloat16."""
        return 2 * 2 * self.layers * self.kv_heads * self.head_dim


def _qwen3(layers: int, hidden: int, heads: int, inner: int, tied: bool) -> Shape:
    return Shape(layers, hidden, heads, 8, 128, inner, 151_936, tied, qk_norm=True)


_QWEN3_4B = _qwen3(36, 2560, 32, 9728, tied=True)

SHAPES: dict[str, Shape] = {
    "Qwen/Qwen3-0.6B": _qwen3(28, 1024, 16, 3072, tied=True),
    "Qwen/Qwen3-1.7B": _qwen3(28, 2048, 16, 6144, tied=True),
    "Qwen/Qwen3-4B-Instruct-2507": _QWEN3_4B,
    "Qwen/Qwen3-4B-Thinking-2507": _QWEN3_4B,
    "Qwen/Qwen3-8B": _qwen3(36, 4096, 32, 12288, tied=False),
    "Qwen/Qwen3-14B": _qwen3(40, 5120, 40, 17408, tied=False),
    "Qwen/Qwen3-32B": _qwen3(64, 5120, 64, 25600, tied=False),
    "Qwen/Qwen3-30B-A3B-Instruct-2507": Shape(
        48, 2048, 32, 4, 128, 768, 151_936, False, qk_norm=True, experts=128, active_experts=8
    ),
    "Qwen/Qwen2.5-Coder-7B-Instruct": Shape(
        28, 3584, 28, 4, 128, 18944, 152_064, False, qkv_bias=True
    ),
    "meta-llama/Llama-3.2-3B-Instruct": Shape(28, 3072, 24, 8, 128, 8192, 128_256, True),
}
"""The recipes' models by hub name, from their published config.json: no network is needed."""


def shape_of(model_path: str) -> Shape:
    """The shape of a model by the path or hub name that verl's `model.path` takes.

    Raises:
        UserError: its config.json cannot be had, or is of a family that is not counted here.
    """
    if model_path in SHAPES:
        return SHAPES[model_path]
    try:
        config = json.loads(_config_text(model_path))
        return _shape_of_config(config)
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror
        raise UserError(
            f"{model_path}: its config.json cannot be read ({reason}); give a model's folder, or "
            "its name where the hub can be reached."
        ) from None
    except KeyError as error:
        raise UserError(f"{model_path}: its config.json has no {error}.") from None
    except (TypeError, ValueError) as error:
        raise UserError(f"{model_path}: its config.json is invalid ({error}).") from None


def _config_text(model_path: str) -> str:
    folder = Path(model_path).expanduser()
    if folder.is_dir():
        return (folder / "config.json").read_text(encoding="utf-8")
    with urlopen(f"{hub.address()}/{model_path}/resolve/main/config.json", timeout=10) as answer:
        return str(answer.read().decode("utf-8"))


def _shape_of_config(config: Mapping[str, Any]) -> Shape:
    family = config["model_type"]
    if family not in FAMILIES:
        raise ValueError(f"model_type {family!r} is none of {', '.join(FAMILIES)}")
    hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
    experts = int(config.get("num_experts") or config.get("num_local_experts") or 0)
    return Shape(
        layers=int(config["num_hidden_layers"]),
        hidden=hidden,
        heads=heads,
        kv_heads=int(config.get("num_key_value_heads") or heads),
        head_dim=int(config.get("head_dim") or hidden // heads),
        inner=int(config.get("moe_intermediate_size") or config["intermediate_size"]),
        vocab=int(config["vocab_size"]),
        tied=bool(config.get("tie_word_embeddings", False)),
        qkv_bias=family == "qwen2",
        qk_norm=family.startswith("qwen3"),
        experts=experts,
        active_experts=int(config["num_experts_per_tok"]) if experts else 0,
    )
