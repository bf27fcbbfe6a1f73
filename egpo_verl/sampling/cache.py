"""A cache of keys and values with room behind them.

transformers' copies all that it holds for each new token (`DynamicLayer.update`,
transformers/cache_utils.py), which costs a tiny model on a CPU more than its own arithmetic.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache, DynamicLayer

ROOM = 64
"""Tokens that a layer grows by at a time."""


def roomy_cache(model: PreTrainedModel) -> DynamicCache:
    """The empty cache that `model` would get, with room in the layers that attend to all tokens."""
    cache = DynamicCache(config=model.config)
    cache.layers = [
        RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers
    ]
    return cache


def holds(cache: DynamicCache, tokens: int) -> bool:
    """Whether a model has kept the keys and values of `tokens` tokens in its `roomy_cache`."""
    lengths = [layer.get_seq_length() for layer in cache.layers if isinstance(layer, RoomyLayer)]
    return not lengths or tokens in lengths


class RoomyLayer(DynamicLayer):
    """Keys and values of one layer, views (bs, heads, tokens, dim) of longer tensors."""

    keys: torch.Tensor
    values: torch.Tensor
    room: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self._add(key_states, value_states)
        return self.keys, self.values

    def _add(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        start = self.keys.shape[-2] if self.keys.numel() else 0
        stop = start + key_states.shape[-2]
        if self.room is None or self.room[0].shape[-2] < stop:
            self.room = (
                _longer(self.keys, key_states, stop + ROOM),
                _longer(self.values, value_states, stop + ROOM),
            )
        keys, values = self.room
        keys[..., start:stop, :] = key_states
        values[..., start:stop, :] = value_states
        self.keys, self.values = keys[..., :stop, :], values[..., :stop, :]

    def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
        """Keep the rows `beam_idx`, of which there may be more or fewer than now."""
        super().reorder_cache(beam_idx)
        self.room = None


def _longer(held: torch.Tensor, new: torch.Tensor, tokens: int) -> torch.Tensor:
    """A tensor for `tokens` tokens that begins with those of `held`."""
    room = new.new_empty(*new.shape[:-2], tokens, new.shape[-1])
    if held.numel():
        room[..., : held.shape[-2], :] = held
    return room
