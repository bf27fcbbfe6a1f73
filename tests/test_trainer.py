"""The hook's own parts: what it hands over, and what it makes of keys and reward details."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from egpo_verl.advantage import egpo
from egpo_verl.integration import v1 as trainer


def arguments() -> dict[str, Any]:
    return {
        "token_level_rewards": torch.tensor([[1.0, 0.0], [0.0, 0.0]]),
        "response_mask": torch.ones(2, 2),
        "index": np.array(["a", "a"], dtype=object),
        "config": OmegaConf.create({"egpo": {"lam": 0.4}, "norm_adv_by_std_in_grpo": True}),
    }


def test_by_hand_the_registered_function_is_the_pure_one() -> None:
    given = {"entropy": torch.ones(2, 2), "cot_mask": torch.ones(2, 2, dtype=torch.bool)}
    ours, _ = trainer.estimator(**arguments(), **given)
    assert torch.equal(ours, egpo(**arguments(), **given)[0])


def test_without_entropy_it_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match=r"trainer\.use_v1=True, or pass entropy"):
        trainer.estimator(**arguments())


def test_other_estimators_pass_straight_through() -> None:
    config = OmegaConf.create({"algorithm": {"adv_estimator": "grpo"}})
    seen: list[Any] = []

    def stock(batch: str, metrics: dict[str, float]) -> str:
        seen.append((batch, metrics))
        return "stock"

    metrics: dict[str, float] = {}
    this = SimpleNamespace(config=config)
    assert trainer._hand_over(stock, this, ("batch", metrics), {}) == "stock"
    assert seen == [("batch", {})]


def test_single_output_rollouts_have_no_sessions() -> None:
    assert trainer.sessions(["u_0_0", "u_1_0", "v_0_0"]) is None


def test_the_last_output_of_a_session_carries_its_score() -> None:
    found = trainer.sessions(["u_0_1", "u_0_0", "a_b_1_0", "u_0_10", "a_b_0_0"])
    assert found is not None
    assert found.of_row.tolist() == [0, 0, 1, 0, 2]
    assert found.final_row.tolist() == [3, 2, 4]


def test_reward_details_become_means_and_shares_of_reasons() -> None:
    details = [
        {"reward_extra_info": {"score": 1.0, "acc": 1.0, "format_ok": 1, "reason": 0}},
        {"reward_extra_info": {"score": 0.0, "acc": 0.0, "format_ok": 1, "reason": 7}},
        {"reward_extra_info": {"score": 0.0, "acc": 0.0, "format_ok": 0, "reason": 7}},
        {"reward_extra_info": {"acc": 99.0, "text": "not a number"}},
        {},
    ]
    real = [True, True, True, False, True]
    assert trainer.reward_metrics(details, real) == pytest.approx(
        {
            "reward/acc": 1 / 3,
            "reward/format_ok": 2 / 3,
            "reward/reason_0": 1 / 3,
            "reward/reason_7": 2 / 3,
        }
    )
