"""The advantage: GRPO at lambda 0, Eq. 5 by hand, and what may never happen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from verl.trainer.ppo.core_algos import (
    compute_grpo_outcome_advantage,
    compute_grpo_vectorized_outcome_advantage,
)

from egpo_verl.advantage import Sessions, egpo, egpo_advantage
from egpo_verl.advantage.grpo import group_numbers
from egpo_verl.advantage.options import EgpoOptions, OptionError


def batch(seed: int, groups: int = 6, size: int = 8, length: int = 12) -> dict[str, Any]:
    """A random batch as verl pads it: binary rewards on the last token, masks of odd lengths."""
    random = torch.Generator().manual_seed(seed)
    rows = groups * size
    lengths = torch.randint(1, length + 1, (rows,), generator=random)
    mask = (torch.arange(length) < lengths[:, None]).long()
    rewards = torch.zeros(rows, length)
    rewards[torch.arange(rows), lengths - 1] = torch.randint(
        0, 2, (rows,), generator=random
    ).float()
    order = torch.randperm(rows, generator=random)
    labels = np.array([f"prompt-{row // size}" for row in range(rows)], dtype=object)
    return {
        "token_level_rewards": rewards[order],
        "response_mask": mask[order],
        "index": labels[order.numpy()],
        "entropy": torch.rand(rows, length, generator=random)[order] * 2.0,
        "cot_mask": torch.rand(rows, length, generator=random)[order] < 0.5,
    }


def grpo_arguments(rows: dict[str, Any]) -> dict[str, Any]:
    return {key: rows[key] for key in ("token_level_rewards", "response_mask", "index")}


def reference(rows: dict[str, Any], lam: float = 0.4, alpha: float = 2.0) -> torch.Tensor:
    """Eq. 1, 4 and 5 in float64, one response after the other."""
    scores = rows["token_level_rewards"].double().sum(-1)
    result = torch.zeros(rows["entropy"].shape, dtype=torch.float64)
    for row, label in enumerate(rows["index"]):
        members = scores[[i for i, other in enumerate(rows["index"]) if other == label]]
        if len(members) == 1:
            advantage = float(scores[row]) / (1 + 1e-6)
        else:
            advantage = float((scores[row] - members.mean()) / (members.std() + 1e-6))
        counted = rows["cot_mask"][row].bool() & rows["response_mask"][row].bool()
        values = rows["entropy"][row].double()[counted]
        mean = float(values.mean()) if len(values) else 0.0
        bonus = min(lam * mean, abs(advantage) / alpha)
        result[row] = (advantage + bonus) * rows["response_mask"][row]
    return result


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("norm", [True, False])
def test_lambda_zero_is_verls_grpo(seed: int, norm: bool) -> None:
    rows = batch(seed)
    config = {"egpo": {"lam": 0.0}, "norm_adv_by_std_in_grpo": norm}
    ours, returns = egpo(**rows, config=config)
    vectorised, _ = compute_grpo_vectorized_outcome_advantage(
        **grpo_arguments(rows), norm_adv_by_std_in_grpo=norm
    )
    looped, _ = compute_grpo_outcome_advantage(**grpo_arguments(rows), norm_adv_by_std_in_grpo=norm)
    assert torch.equal(ours, looped)
    torch.testing.assert_close(ours, vectorised, rtol=1e-6, atol=1e-6)
    assert returns is ours


@pytest.mark.parametrize("seed", range(5))
def test_float64_reference_agrees(seed: int) -> None:
    rows = batch(seed, groups=5, size=7)
    ours, _ = egpo(**rows)
    torch.testing.assert_close(ours.double(), reference(rows), rtol=1e-6, atol=1e-6)


def test_three_groups_by_hand() -> None:
    """S = 4. Group a: one right of four, so A = 1.5 and -0.5; b: all right; c: two right."""
    wins = [1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0]
    thought_entropy = [0.5, 0.5, 1.0, 0.0, 3.0, 3.0, 3.0, 3.0, 5.0, 0.1, 5.0, 0.1]
    rewards = torch.tensor(wins, dtype=torch.float32)[:, None] * torch.tensor([0.0, 0.0, 1.0])
    entropy = torch.tensor(thought_entropy)[:, None] * torch.tensor([0.5, 1.5, 100.0])
    thought = torch.tensor([True, True, False]).expand(12, 3)
    index = np.repeat(np.array(["a", "b", "c"], dtype=object), 4)
    ours, _ = egpo(rewards, torch.ones(12, 3), index, entropy, thought)
    c = math.sqrt(3) / 2
    expected = [
        1.5 + 0.4 * 0.5,  # lambda * E = 0.2 is below |A|/2 = 0.75
        -0.5 + 0.4 * 0.5,  # 0.2 is below 0.25
        -0.5 + 0.25,  # 0.4 is cut at 0.25
        -0.5,  # no entropy, no bonus
        *[0.0] * 4,  # a silent group stays silent, whatever its entropy
        c + c / 2,
        c + 0.4 * 0.1,
        -c + c / 2,
        -c + 0.4 * 0.1,
    ]
    torch.testing.assert_close(
        ours, torch.tensor(expected)[:, None].expand(12, 3), rtol=1e-5, atol=1e-5
    )


def test_metrics_by_hand() -> None:
    """Two groups of two and a padding row: one thinks and is cut, one does not think."""
    rewards = torch.tensor([[1.0], [0.0], [1.0], [1.0], [0.0]])
    mask = torch.tensor([[1], [1], [1], [1], [0]])
    entropy = torch.tensor([[0.5], [9.0], [2.0], [2.0], [7.0]])
    thought = torch.tensor([[True], [True], [True], [False], [True]])
    index = np.array(["a", "a", "b", "b", "pad0"], dtype=object)
    result = egpo_advantage(rewards, mask, index, entropy, thought, EgpoOptions())
    a = math.sqrt(0.5)
    assert result.metrics == pytest.approx(
        {
            "egpo/cot_entropy": (0.5 + 9.0 + 2.0) / 3,
            "egpo/cot_tokens": 3 / 4,
            "egpo/bonus": (0.2 + a / 2) / 4,
            "egpo/bonus_over_abs_adv": (0.2 + a / 2) / (2 * a),
            "egpo/clip_frac": 1 / 2,
            "egpo/no_cot_frac": 1 / 4,
            "egpo/silent_group_frac": 1 / 2,
        },
        rel=1e-5,
    )


def test_padding_rows_get_nothing_and_stay_out_of_the_metrics() -> None:
    """verl pads a batch with one-token rows of their own uid and an empty mask."""
    rows = batch(3, groups=2, size=4, length=5)
    clean = egpo_advantage(**rows, options=EgpoOptions())
    padded = {
        "token_level_rewards": torch.cat([rows["token_level_rewards"], torch.zeros(2, 5)]),
        "response_mask": torch.cat([rows["response_mask"], torch.zeros(2, 5, dtype=torch.long)]),
        "index": np.concatenate([rows["index"], np.array(["pad1", "pad2"], dtype=object)]),
        "entropy": torch.cat([rows["entropy"], torch.full((2, 5), 9.0)]),
        "cot_mask": torch.cat([rows["cot_mask"], torch.ones(2, 5, dtype=torch.bool)]),
    }
    result = egpo_advantage(**padded, options=EgpoOptions())
    assert torch.equal(result.advantages[:8], clean.advantages)
    assert not result.advantages[8:].any()
    assert result.metrics == clean.metrics


def test_a_batch_of_padding_alone_has_no_metrics() -> None:
    zeros = torch.zeros(2, 3)
    result = egpo_advantage(
        zeros, zeros.long(), np.array(["p", "q"]), zeros, zeros.bool(), EgpoOptions()
    )
    assert result.metrics == {}
    assert not result.advantages.any()


@given(
    seed=st.integers(0, 10_000),
    groups=st.integers(1, 6),
    size=st.integers(1, 9),
    length=st.integers(1, 40),
    lam=st.floats(0, 10),
    alpha=st.floats(1.001, 50),
    granularity=st.sampled_from(["response", "turn", "token"]),
    scope=st.sampled_from(["thought", "response"]),
)
@settings(max_examples=150)
def test_no_sign_turns_and_the_size_stays_in_bounds(
    seed: int,
    groups: int,
    size: int,
    length: int,
    lam: float,
    alpha: float,
    granularity: str,
    scope: str,
) -> None:
    rows = batch(seed, groups, size, length)
    plain = EgpoOptions(lam=0.0)
    options = EgpoOptions(lam=lam, alpha=alpha, granularity=granularity, cot_scope=scope)
    before = egpo_advantage(**rows, options=plain).advantages
    after = egpo_advantage(**rows, options=options).advantages
    assert torch.isfinite(after).all()
    assert torch.equal(after.sign(), before.sign())
    slack = 1e-5
    assert (after.abs() >= before.abs() * (1 - 1 / alpha) - slack).all()
    assert (after.abs() <= before.abs() * (1 + 1 / alpha) + slack).all()
    assert (after >= before - slack).all(), "the bonus is never negative"


def test_half_to_three_halves_with_the_papers_alpha() -> None:
    rows = batch(1)
    rows["entropy"] = torch.full_like(rows["entropy"], 1e6)
    rows["cot_mask"] = torch.ones_like(rows["cot_mask"])
    before = egpo(**rows, config={"egpo": {"lam": 0.0}})[0]
    after = egpo(**rows)[0]
    torch.testing.assert_close(after, torch.where(before > 0, 1.5 * before, 0.5 * before))


def test_per_token_bonus_follows_each_token() -> None:
    rewards = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    entropy = torch.tensor([[0.1, 9.0, 9.0], [0.2, 0.0, 9.0]])
    thought = torch.tensor([[True, True, False], [True, True, False]])
    ours, _ = egpo(
        rewards,
        torch.ones(2, 3),
        np.array(["a", "a"]),
        entropy,
        thought,
        config={"egpo": {"granularity": "token"}},
    )
    a = math.sqrt(0.5)
    expected = [[a + 0.04, 1.5 * a, a], [-a + 0.08, -a, -a]]
    torch.testing.assert_close(ours, torch.tensor(expected), rtol=1e-5, atol=1e-5)


def test_positive_only_leaves_wrong_answers_alone() -> None:
    rows = batch(4)
    before = egpo(**rows, config={"egpo": {"lam": 0.0}})[0]
    both = egpo(**rows)[0]
    ours = egpo(**rows, config={"egpo": {"positive_only": True}})[0]
    assert torch.equal(ours, torch.where(before > 0, both, before))


def test_a_session_of_several_outputs_counts_once() -> None:
    """Three rollouts, the first in two outputs: as if it were one, thoughts taken together."""
    rewards = torch.tensor([[1.0], [1.0], [0.0], [0.0]])
    entropy = torch.tensor([[0.2], [0.6], [0.3], [0.1]])
    ones = torch.ones(4, 1)
    sessions = Sessions(of_row=torch.tensor([0, 0, 1, 2]), final_row=torch.tensor([1, 2, 3]))
    result = egpo_advantage(
        rewards, ones, np.array(["a"] * 4), entropy, ones.bool(), EgpoOptions(), sessions=sessions
    )
    single = egpo_advantage(
        rewards[1:],
        ones[1:],
        np.array(["a"] * 3),
        torch.tensor([[0.4], [0.3], [0.1]]),
        ones[1:].bool(),
        EgpoOptions(),
    )
    assert torch.equal(result.advantages[1:], single.advantages)
    assert torch.equal(result.advantages[0], result.advantages[1])


def test_by_turn_each_message_has_the_entropy_of_its_own_thought_and_its_rollouts_cap() -> None:
    """Three rollouts, the first of three messages: their E are 0.2, 0.6 and 5."""
    rewards = torch.tensor([[1.0], [1.0], [1.0], [0.0], [0.0]])
    entropy = torch.tensor([[0.2], [0.6], [5.0], [0.3], [0.1]])
    ones = torch.ones(5, 1)
    sessions = Sessions(
        of_row=torch.tensor([0, 0, 0, 1, 2]),
        final_row=torch.tensor([2, 3, 4]),
        turn_of_row=torch.tensor([0, 1, 2, 0, 0]),
    )
    rows = (rewards, ones, np.array(["a"] * 5), entropy, ones.bool())
    result = egpo_advantage(*rows, EgpoOptions(granularity="turn"), sessions=sessions)
    right = result.base[0].item()
    assert result.base.tolist() == pytest.approx([right] * 3 + [-right / 2] * 2, rel=1e-4)
    assert result.bonus.tolist() == pytest.approx([0.08, 0.24, right / 2, 0.12, 0.04], rel=1e-4)
    torch.testing.assert_close(result.advantages[:, 0], result.base + result.bonus)
    pooled = egpo_advantage(*rows, EgpoOptions(), sessions=sessions)
    assert pooled.bonus[:3].tolist() == pytest.approx([right / 2] * 3, rel=1e-4)
    metrics = result.metrics
    assert metrics["egpo/cot_entropy"] == pytest.approx((5.8 / 3 + 0.3 + 0.1) / 3, rel=1e-4)
    assert metrics["egpo/bonus"] == pytest.approx(((0.32 + right / 2) / 3 + 0.16) / 3, rel=1e-4)
    assert metrics["egpo/cot_tokens"] == pytest.approx(5 / 3)
    turns = {name: value for name, value in metrics.items() if "turn" in name}
    assert turns == pytest.approx(
        {
            "egpo/cot_entropy_turn_1": (0.2 + 0.3 + 0.1) / 3,
            "egpo/cot_entropy_turn_2": 0.6,
            "egpo/cot_entropy_turn_3": 5.0,
        }
    )
    alone = (rewards[2:], ones[2:], np.array(["a"] * 3), entropy[2:], ones[2:].bool())
    by_turn = egpo_advantage(*alone, EgpoOptions(granularity="turn"))
    assert torch.equal(by_turn.advantages, egpo_advantage(*alone, EgpoOptions()).advantages)


def test_entropy_outside_the_thought_is_never_read() -> None:
    rows = batch(5)
    rows["entropy"][~rows["cot_mask"]] = torch.nan
    assert torch.isfinite(egpo(**rows)[0]).all()


def test_infinite_entropy_in_a_thought_is_refused_by_name() -> None:
    rows = batch(6)
    rows["cot_mask"][:] = True
    rows["entropy"][0, 0] = torch.inf
    with pytest.raises(ValueError, match="not finite"):
        egpo(**rows)


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_a_reward_that_is_no_number_is_refused_by_row(odd: float) -> None:
    rows = batch(6)
    rows["token_level_rewards"][3, 0] = odd
    with pytest.raises(ValueError, match=r"reward of 1 of 48 responses is not finite .*row 3"):
        egpo(**rows)


@pytest.mark.parametrize("granularity", ["response", "token"])
def test_without_clipping_the_bonus_is_lambda_times_entropy(granularity: str) -> None:
    rows = batch(8)
    free = EgpoOptions(clip=False, granularity=granularity, cot_scope="response")
    result = egpo_advantage(**rows, options=free)
    generated = rows["response_mask"].bool()
    means = (rows["entropy"] * generated).sum(-1) / generated.sum(-1)
    torch.testing.assert_close(result.bonus, 0.4 * means)
    assert result.metrics["egpo/clip_frac"] == 0.0
    silent = result.base == 0
    assert not silent.any() or (result.advantages[silent][generated[silent]] > 0).all()
    right = EgpoOptions(clip=False, granularity=granularity, positive_only=True)
    assert (egpo_advantage(**rows, options=right).bonus[result.base <= 0] == 0).all()


def test_shapes_that_differ_are_refused_by_size() -> None:
    rows = batch(7)
    rows["entropy"] = rows["entropy"][:, 1:]
    with pytest.raises(ValueError, match=r"\(48, 12\) and \(48, 11\)"):
        egpo(**rows)


def test_huge_integer_labels_need_no_huge_memory() -> None:
    numbers = group_numbers(np.array([10**12, 5, 10**12]), torch.device("cpu"))
    assert numbers.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"lambda": 0.4}, "did you mean 'lam'"),
        ({"alfa": 2}, "did you mean 'alpha'"),
        ({"granularty": "token"}, "did you mean 'granularity'"),
        ({"zzz": 1}, "known are lam, alpha"),
        ({"alpha": 1}, "> 1"),
        ({"alpha": 0.5}, "> 1"),
        ({"alpha": float("nan")}, "> 1"),
        ({"alpha": float("inf")}, "finite"),
        ({"lam": -0.1}, ">= 0"),
        ({"lam": "0.4"}, "must be a number"),
        ({"lam": True}, "must be a number"),
        ({"cot_scope": "all"}, "thought, response"),
        ({"granularity": "sequence"}, "response, turn, token"),
        ({"positive_only": "yes"}, "true or false"),
        ({"clip": 1}, "true or false"),
        ({"cliip": False}, "did you mean 'clip'"),
    ],
)
def test_wrong_options_are_refused_with_the_cure(given: dict[str, Any], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        EgpoOptions.from_mapping(given)


def test_no_options_are_the_papers() -> None:
    assert EgpoOptions.from_mapping(None) == EgpoOptions(
        0.4, 2.0, "thought", "response", False, True
    )
