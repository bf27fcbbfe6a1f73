"""Passes over whole tensors: right sums in any block size, and no large temporaries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import PreTrainedTokenizerFast

import egpo_verl.toolworld
from egpo_verl.advantage import egpo_advantage, passes
from egpo_verl.advantage.options import EgpoOptions
from egpo_verl.cot import cot_mask

MODEL = Path(egpo_verl.toolworld.__file__).parent / "model"
ROWS, LENGTH = 512, 4096


class LargestResult(TorchDispatchMode):
    """Remembers the bytes of the largest tensor that any operation made."""

    def __init__(self) -> None:
        super().__init__()
        self.nbytes = 0

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = operation(*args, **(kwargs or {}))
        for made in result if isinstance(result, tuple) else (result,):
            if isinstance(made, torch.Tensor) and not operation.is_view:
                self.nbytes = max(self.nbytes, made.nbytes)
        return result


@pytest.mark.parametrize("granularity", ["response", "token"])
def test_no_temporary_is_larger_than_an_input(granularity: str) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(MODEL)
    ids = torch.randint(0, len(tokenizer), (ROWS, LENGTH))
    mask = torch.ones_like(ids)
    entropy = torch.rand(ROWS, LENGTH)
    rewards = torch.zeros(ROWS, LENGTH)
    index = np.arange(ROWS) // 8
    cot_mask(tokenizer, ids[:1], mask[:1])  # the analysis of the vocabulary is not per batch
    with LargestResult() as largest:
        thought = cot_mask(tokenizer, ids, mask)
        egpo_advantage(rewards, mask, index, entropy, thought, EgpoOptions(granularity=granularity))
    assert entropy.nbytes <= largest.nbytes, "the advantages themselves are as large as this"
    assert largest.nbytes <= entropy.nbytes


@settings(max_examples=50)
@given(st.integers(0, 40), st.integers(1, 30), st.integers(1, 200), st.integers(0, 2**31))
def test_sums_do_not_depend_on_the_blocks(rows: int, length: int, block: int, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    values = torch.rand(rows, length, generator=draw)
    mask, generated = (torch.rand(rows, length, generator=draw) < 0.6 for _ in range(2))
    values[~mask] = torch.nan
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passes, "BLOCK_ELEMENTS", block)
        sums = passes.masked_sums(values, mask, generated.long())
        spread = passes.spread(torch.arange(rows).float(), generated.long())
    counted = mask & generated
    torch.testing.assert_close(sums.totals, values.where(counted, 0.0).sum(-1))
    assert torch.equal(sums.counts, counted.sum(-1))
    assert torch.equal(sums.real, generated.any(-1))
    assert torch.equal(spread, torch.arange(rows).float()[:, None] * generated)
