"""The attention of a `Pack`, as one of transformers' attention implementations."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.nn.utils.rnn import pad_sequence
from transformers import AttentionInterface, AttentionMaskInterface, DynamicCache
from transformers.cache_utils import DynamicLayer
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from egpo_verl.integration.cpu.pack import Family, Pack

NAME = "egpo_verl_pack"


def takes_packs(module: torch.nn.Module) -> bool:
    """Whether `module`, a causal language model, can read packs; if so it does from now on, where
    it is given one, and goes on with `sdpa` where not.

    It can where attention goes through transformers' interface and reaches all earlier tokens, and
    where single logits can be asked for.
    """
    # peft's wrapper takes anything
    base: Any = getattr(module, "get_base_model", lambda: module)()
    config = base.config.get_text_config()
    if config._attn_implementation == NAME:
        return True
    layers = DynamicCache(config=config).layers
    able = (
        config._attn_implementation == "sdpa"
        and base._supports_attention_backend
        and "logits_to_keep" in inspect.signature(base.forward).parameters
        and all(type(layer) is DynamicLayer for layer in layers)
    )
    if able:
        AttentionInterface.register(NAME, attend)
        AttentionMaskInterface.register(NAME, sdpa_mask)
        config._attn_implementation = NAME
    return able


def inputs_of(pack: Pack) -> dict[str, Any]:
    """What the model is called with."""
    return {
        "input_ids": pack.tokens,
        "position_ids": pack.positions,
        # transformers builds none where it gets one of four dimensions; `attend` has its own
        "attention_mask": torch.ones(1, 1, 1, 1, dtype=torch.bool),
        "logits_to_keep": pack.needed,
        "pack": pack,
    }


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    pack: Pack | None = None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Each token attends to those before it in its row.

    `query` (1, heads, tokens, size), `key` and `value` (1, heads of keys, tokens, size); the
    result has the shape (1, tokens, heads, size). Without a `pack`, transformers' `sdpa`.
    """
    if pack is None:
        found, none = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **others
        )
        return found, none
    groups = getattr(module, "num_key_value_groups", 1)
    key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    pieces: list[torch.Tensor] = []
    begin = 0
    for family in pack.families:
        size = family.shared + sum(family.rests)
        parts = [each.narrow(2, begin, size) for each in (query, key, value)]
        pieces += _attend_in(family, parts, dropout, scaling)
        begin += size
    return torch.cat(pieces, dim=1), None


def _attend_in(
    family: Family, parts: list[torch.Tensor], dropout: float, scaling: float | None
) -> list[torch.Tensor]:
    """A family's query, key and value to its tokens in pieces of (1, tokens, heads, size)."""
    settings: dict[str, Any] = {"dropout_p": dropout, "scale": scaling}
    query, *known = (each.narrow(2, 0, family.shared) for each in parts)
    found = scaled_dot_product_attention(query, known[0], known[1], is_causal=True, **settings)
    pieces = [found.transpose(1, 2)]
    if not any(family.rests):
        return pieces
    query, *own = (_rests(family, each) for each in parts)
    keys, values = (
        torch.cat([before.expand(len(family.rows), -1, -1, -1), after], dim=2)
        for before, after in zip(known, own, strict=True)
    )
    found = scaled_dot_product_attention(query, keys, values, attn_mask=family.mask, **settings)
    rows = zip(found.transpose(1, 2).unbind(), family.rests, strict=True)
    return [*pieces, torch.cat([row[:rest] for row, rest in rows]).unsqueeze(0)]


def _rests(family: Family, each: torch.Tensor) -> torch.Tensor:
    """`each` (1, heads, tokens, size) as (rows, heads, longest rest, size), zero where rows end."""
    tokens = each[0].transpose(0, 1)[family.shared :]
    rows = list(torch.split(tokens, list(family.rests)))
    return pad_sequence(rows, batch_first=True).transpose(1, 2)
