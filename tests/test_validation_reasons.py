"""Validation logs why answers fail, by verl's own v1 trainer and its naming."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from egpo_verl.integration import validation
from egpo_verl.integration.validation import reason_shares
from egpo_verl.reward import compute_score

TRUTH = '[{"name": "f", "arguments": {"x": 1}}]'


def test_shares_of_each_data_source_add_up_with_what_is_right() -> None:
    shares = reason_shares(["a"] * 4 + ["b"], [0, 64, 64, 1, 0])
    assert shares == {
        "val-aux/a/reason/no_thought": 0.25,
        "val-aux/a/reason/wrong_argument": 0.5,
    }


def test_a_failed_rollout_has_no_reason_and_an_unknown_code_keeps_its_number() -> None:
    assert reason_shares(["a", "a"], [None, 999]) == {"val-aux/a/reason/999": 1.0}
    assert reason_shares(["a"], [None]) == {}


@pytest.mark.slow
def test_verl_s_own_trainer_logs_them_beside_the_accuracy() -> None:
    trainer_base = pytest.importorskip("verl.trainer.ppo.v1.trainer_base")
    validation.hook(trainer_base)
    once = trainer_base.PPOTrainer.__dict__["_val_metrics_update"]
    validation.hook(trainer_base)
    assert trainer_base.PPOTrainer.__dict__["_val_metrics_update"] is once
    answers = ("<think>So.</think>[f(x=1)]", "<think>So.</think>[f(x=2)]", "[f(x=1)]")
    results = [compute_score("made", answer, TRUTH) for answer in answers]
    infos = {key: [result[key] for result in results] for key in results[0]}
    abstract = dict.fromkeys(trainer_base.PPOTrainer.__abstractmethods__)
    made = type("Trainer", (trainer_base.PPOTrainer,), abstract)
    trainer: Any = object.__new__(made)
    names = np.array(["made"] * 3, dtype=object)
    metrics = trainer._val_metrics_update(names, ["1", "2", "3"], infos, [])
    assert metrics["val-core/made/acc/mean@1"] == pytest.approx(1 / 3)
    reasons = {name: value for name, value in metrics.items() if "/reason" in name}
    assert reasons == {
        "val-aux/made/reason/wrong_argument": pytest.approx(1 / 3),
        "val-aux/made/reason/no_thought": pytest.approx(1 / 3),
    }


def test_a_reward_without_reasons_is_left_alone() -> None:
    class PPOTrainer:
        def _val_metrics_update(self, *args: Any) -> dict[str, float]:
            return {"val-core/made/reward/mean@1": 1.0}

    module = ModuleType("made")
    module.PPOTrainer = PPOTrainer  # type: ignore[attr-defined]
    validation.hook(module)
    metrics = PPOTrainer()._val_metrics_update(["made"], ["1"], {"reward": [1.0]}, [])
    assert metrics == {"val-core/made/reward/mean@1": 1.0}
