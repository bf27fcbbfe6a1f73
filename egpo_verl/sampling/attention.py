"""Attention of one new token, without copies of the keys and values that its heads share.

transformers' `sdpa` repeats keys and values for each head of queries wherever there is a mask, as a
batch with padding has (`use_gqa_in_sdpa`, transformers/integrations/sdpa_attention.py). A step of
sampling then copies the whole cache several times over, which on a CPU can take longer than all
else. The heads that share keys and values are here queries of one head.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from egpo_verl.sampling.shared import SharedLayer

NAME = "egpo_verl_sampling"
HANDED_ON = frozenset(
    ("granite", "llama", "mistral", "olmo2", "phi3", "qwen2", "qwen3", "qwen3_moe", "smollm3")
)
"""Types of models that hand what a cache gives to `attend` untouched; each is tested."""


def share_heads(model: PreTrainedModel) -> None:
    """Let `model` attend so from now on, where it would attend by `sdpa`."""
    config = model.config.get_text_config()
    if config._attn_implementation == "sdpa" and model._supports_attention_backend:
        AttentionInterface.register(NAME, attend)
        AttentionMaskInterface.register(NAME, sdpa_mask)
        config._attn_implementation = NAME


def can_share_prompts(model: PreTrainedModel) -> bool:
    """Whether `attend` is asked with what the layers of a `SharedLayer` cache give."""
    config = model.config.get_text_config()
    return config._attn_implementation == NAME and config.model_type in HANDED_ON


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor | SharedLayer,
    value: Any,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Of one token a row; of more, transformers' `sdpa`.

    `query` (bs, heads, tokens, size), `key` and `value` (bs, heads of keys, all tokens, size), and
    `attention_mask` (bs, 1, tokens, all tokens) or None; the result is (bs, tokens, heads, size).
    Where prompts are shared, the layer of the cache stands for keys and values.
    """
    if isinstance(key, SharedLayer):
        return key.attended(query, attention_mask, scaling), None
    rows, heads, tokens, size = query.shape
    if tokens > 1 or heads == key.shape[1]:
        found, none = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **others
        )
        return found, none
    alike = query.view(rows, key.shape[1], -1, size)
    attended = scaled_dot_product_attention(
        alike, key, value, attn_mask=attention_mask, dropout_p=dropout, scale=scaling
    )
    return attended.reshape(rows, 1, heads, size), None
