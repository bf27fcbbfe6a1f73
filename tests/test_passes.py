"""A step's whole batch is worked through in blocks of rows: no response may notice."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from egpo_verl.advantage import EgpoOptions, egpo_advantage

GROUPS, RESPONSES, LENGTH = 40, 8, 2048


@pytest.mark.parametrize("granularity", ["response", "token"])
def test_a_response_gets_in_a_large_batch_what_it_gets_in_its_group_alone(granularity: str) -> None:
    draw = torch.Generator().manual_seed(0)
    rows = GROUPS * RESPONSES
    entropy = torch.rand(rows, LENGTH, generator=draw)
    thought, generated = (torch.rand(rows, LENGTH, generator=draw) < 0.6 for _ in range(2))
    entropy[~(thought & generated)] = torch.nan  # of tokens that do not count
    rewards = torch.zeros(rows, LENGTH)
    rewards[:, -1] = torch.rand(rows, generator=draw).round()
    index = np.arange(rows) // RESPONSES
    options = EgpoOptions(granularity=granularity)
    batch = egpo_advantage(rewards, generated.long(), index, entropy, thought, options)
    assert batch.advantages.any()
    for start in range(0, rows, RESPONSES):
        group = slice(start, start + RESPONSES)
        alone = egpo_advantage(
            rewards[group],
            generated[group].long(),
            index[group],
            entropy[group],
            thought[group],
            options,
        )
        for part in ("advantages", "entropy", "bonus", "cot_tokens"):
            torch.testing.assert_close(getattr(batch, part)[group], getattr(alone, part))
