"""What the CPU does in another order than verl: rows of a micro-batch, and blocks of logits."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from verl.utils.torch_functional import logprobs_from_logits_v2 as verls_log_probs

from egpo_verl.integration.cpu import log_probs
from egpo_verl.integration.cpu.micro_batches import partition


@given(st.lists(st.integers(1, 600), min_size=1, max_size=70), st.data())
def test_micro_batches_hold_every_row_once_and_rise_in_length(
    lengths: list[int], data: st.DataObject
) -> None:
    parts = data.draw(st.integers(1, len(lengths)))
    runs = partition(lengths, parts)
    assert len(runs) == parts
    assert all(runs)
    assert sorted(place for run in runs for place in run) == list(range(len(lengths)))
    dealt = [lengths[place] for run in runs for place in run]
    assert dealt == sorted(lengths)


def test_rows_of_like_length_need_less_padding() -> None:
    lengths = [100, 400] * 8
    runs = partition(lengths, 4)
    padded = sum(len(run) * max(lengths[place] for place in run) for run in runs)
    assert padded == sum(lengths)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("block", [1, 100, 1 << 24])
def test_log_probabilities_are_verls(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, block: int
) -> None:
    # The real block is 16 million logits, which take seconds and half a gigabyte with gradients.
    monkeypatch.setattr(log_probs, "BLOCK", block)
    logits = torch.randn(37, 50, generator=torch.Generator().manual_seed(0)).to(dtype)
    labels = torch.arange(37) % 50
    ours = logits.clone().requires_grad_()
    verls = logits.clone().requires_grad_()
    chosen = log_probs.logprobs_from_logits_v2(ours, labels)
    expected = verls_log_probs(verls, labels)
    torch.testing.assert_close(chosen, expected, rtol=0, atol=1e-6)
    chosen.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(ours.grad, verls.grad, rtol=0, atol=1e-6)
