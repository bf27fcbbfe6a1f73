"""Decoder models as numbers: how many weights, how large a cache, how wide a layer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """A decoder of the Llama and Qwen families; the names are those of Hugging Face's config.json.

    Attributes:
        layers: num_hidden_layers.
        hidden: hidden_size.
        heads: num_attention_heads.
        kv_heads: num_key_value_heads.
        head_dim: width of a head.
        inner: intermediate_size, of one expert where there are experts.
        vocab: vocab_size.
        tied: whether the output layer is the embedding.
        qkv_bias: biases on queries, keys and values (Qwen2.5).
        qk_norm: norms on queries and keys (Qwen3).
        experts: experts of a layer; 0 for a dense model.
        active_experts: those that a token passes.
    """

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    inner: int
    vocab: int
    tied: bool
    qkv_bias: bool = False
    qk_norm: bool = False
    experts: int = 0
    active_experts: int = 0

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
        queries, others = self.heads * self.head_dim, 2 * self.kv_heads * self.head_dim
        attention = self.hidden * (2 * queries + others)
        attention += (queries + others) * self.qkv_bias + 2 * self.head_dim * self.qk_norm
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
"""By hub name, from the models' published config.json."""
