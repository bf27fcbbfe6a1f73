"""Keys and values of prompts that several responses continue, held and read once.

A step of sampling on a CPU waits for memory, and most of what it reads are keys and values of
prompts: a response is short beside its prompt. With a cache of its own, each response reads all of
them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache

from egpo_verl.sampling.cache import RoomyLayer

FEWEST = 2
"""Responses to a prompt from which on sharing pays, when each has as many."""
MOST_EMPTY = 2
"""Each prompt gets as many slots as the one with the most responses; so many a response at most."""


def sharing_pays(owners: Sequence[int]) -> bool:
    """Whether responses are many for their prompts, and spread over them; `owners` tells which
    prompt each continues."""
    responses = Counter(owners)
    enough = len(owners) >= FEWEST * len(responses)
    return enough and max(responses.values()) * len(responses) <= MOST_EMPTY * len(owners)


def share_prompts(cache: DynamicCache, owners: torch.Tensor) -> None:
    """Let the rows of `cache`, which are prompts, be continued by `len(owners)` responses.

    `owners` (bs,) tells which prompt each continues. Layers that do not attend to all tokens are
    copied for each response, as without sharing.
    """
    for number, layer in enumerate(cache.layers):
        if type(layer) is RoomyLayer:
            cache.layers[number] = SharedLayer(layer, owners)
        else:
            layer.reorder_cache(owners)


class SharedLayer(RoomyLayer):
    """One layer; `keys` and `values` (bs, heads, tokens, size) are those after the prompts.

    Its `update` returns the layer itself in place of keys and values, because there are none of a
    row in one piece. Models hand these two to their attention, which is ours and asks `attended`.

    Attributes:
        held: dtype of keys and values here.
        prompt_keys, prompt_values: (prompts, heads, width, size).
        owners: (bs,) which prompt a row continues.
        most: how many rows continue the prompt that most continue.
        slots: (bs,) a row's place in a table that has `most` places for each prompt, one prompt
            after the other.
    """

    def __init__(self, prompts: RoomyLayer, owners: torch.Tensor) -> None:
        super().__init__()
        # A CPU multiplies slices of a batch where they are in float32, and copies them first in
        # other dtypes; keys and values in bfloat16 take twice their memory for it.
        self.held = torch.float32 if prompts.keys.device.type == "cpu" else prompts.keys.dtype
        self.prompt_keys = prompts.keys.to(self.held)
        self.prompt_values = prompts.values.to(self.held)
        self.lazy_initialization(self.prompt_keys, self.prompt_values)
        self._arrange(owners)

    def get_seq_length(self) -> int:
        return self.prompt_keys.shape[-2] + int(super().get_seq_length())

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> Any:
        """Take in the next token; `egpo_verl.sampling.attention` asks the layer itself then."""
        self._add(key_states.to(self.held), value_states.to(self.held))
        return self, self

    def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
        """Keep the rows `beam_idx`, and the prompts that they continue."""
        self.keys, self.values = self.keys[beam_idx], self.values[beam_idx]
        self.room = None
        self._arrange(self.owners[beam_idx])

    def attended(
        self, query: torch.Tensor, mask: torch.Tensor | None, scaling: float | None
    ) -> torch.Tensor:
        """Of one token a row: `query` (bs, heads, 1, size) to (bs, 1, heads, size).

        `mask` (bs, 1, 1, all tokens) is True where a key counts.
        """
        rows, heads, tokens, size = query.shape
        if tokens > 1:
            raise ValueError("Prompts are shared by rows that read one token at a time.")
        width = self.prompt_keys.shape[-2]
        asked = query.view(rows, self.prompt_keys.shape[1], -1, size).to(self.held)
        asked = asked * (scaling or size**-0.5)
        of_prompts = self._by_prompt(asked) @ self.prompt_keys.transpose(-1, -2)
        own = asked @ self.keys.transpose(-1, -2)
        scores = torch.cat([self._by_row(of_prompts, asked.shape[2]), own], dim=-1)
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        weights = scores.softmax(dim=-1, dtype=torch.float32).to(self.held)
        found = self._by_prompt(weights[..., :width]) @ self.prompt_values
        total = self._by_row(found, asked.shape[2]) + weights[..., width:] @ self.values
        return total.reshape(rows, 1, heads, -1).to(query.dtype)

    def _arrange(self, owners: torch.Tensor) -> None:
        kept, self.owners = torch.unique(owners, return_inverse=True)
        if len(kept) < len(self.prompt_keys):
            self.prompt_keys = self.prompt_keys[kept]
            self.prompt_values = self.prompt_values[kept]
        counts = torch.bincount(self.owners)
        self.most = int(counts.max())
        order = torch.argsort(self.owners, stable=True)
        places = torch.arange(len(order), device=order.device)
        first = (counts.cumsum(0) - counts)[self.owners[order]]
        self.slots = torch.empty_like(order)
        self.slots[order] = self.owners[order] * self.most + places - first

    def _by_prompt(self, each: torch.Tensor) -> torch.Tensor:
        """(bs, heads, alike, n) to (prompts, heads, most * alike, n), zero in empty slots."""
        prompts, (_, heads, alike, last) = len(self.prompt_keys), each.shape
        slots = each.new_zeros(prompts * self.most, heads, alike, last)
        slots[self.slots] = each
        by_prompt = slots.view(prompts, self.most, heads, alike, last).transpose(1, 2)
        return by_prompt.reshape(prompts, heads, self.most * alike, last)

    def _by_row(self, each: torch.Tensor, alike: int) -> torch.Tensor:
        """The way back."""
        prompts, heads, _, last = each.shape
        slots = each.view(prompts, heads, self.most, alike, last).transpose(1, 2)
        return slots.reshape(prompts * self.most, heads, alike, last)[self.slots]
