"""What a failing training says: each fault one sentence, with where it is and how to go on."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest
import ray
import torch
import transfer_queue
from omegaconf import OmegaConf
from verl.experimental.agent_loop import agent_loop

from egpo_verl.integration import faults


def trainer(**own: Any) -> SimpleNamespace:
    config = {
        "algorithm": {"adv_estimator": "egpo"},
        "data": {"train_batch_size": 4, "max_prompt_length": 230},
        "actor_rollout_ref": {"rollout": {"n": 2}},
        "trainer": {"default_local_dir": "runs/a"},
    }
    parts: dict[str, Any] = {
        "config": OmegaConf.create(config),
        "global_steps": 7,
        "parameter_sync_step": 1,
        "agent_loop_manager": SimpleNamespace(),
        "train_dataset": range(4),
    }
    return SimpleNamespace(**(parts | own))


def raising(error: Exception) -> Any:
    def wrapped(*args: Any, **kwargs: Any) -> None:
        raise error

    return wrapped


def nothing(*args: Any, **kwargs: Any) -> str:
    return "stock"


@pytest.fixture(autouse=True)
def quiet_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Ray here: no worker is dead, and each rollout failed for the same reason."""
    monkeypatch.setattr(faults, "_refuse_dead", lambda trainer: None)
    monkeypatch.setattr(faults, "reasons", lambda trainer: ["ValueError: no table"] * 3)


def test_too_few_prompts_that_fit_are_counted() -> None:
    assert faults._enough_rows(nothing, trainer(), (), {}) is None
    few = trainer(train_dataset=range(3))
    with pytest.raises(
        faults.TrainingFault,
        match=r"has 3 rows whose prompt fits into data\.max_prompt_length=230.*train_batch_size=4",
    ):
        faults._enough_rows(nothing, few, (), {})


def test_a_step_whose_rollouts_all_failed_says_why() -> None:
    verls = RuntimeError(f"Sync replay buffer selected terminal groups with {faults.NO_ROLLOUT}.")
    with pytest.raises(
        faults.TrainingFault,
        match=r"all rollouts of step 7 failed: 3 x ValueError: no table\. The same command goes on",
    ):
        faults._explained(raising(verls), trainer(), (), {})


def test_other_errors_of_a_step_are_left_as_they_are() -> None:
    with pytest.raises(RuntimeError, match=r"^something else$"):
        faults._explained(raising(RuntimeError("something else")), trainer(), (), {})


def test_a_training_worker_that_died_ends_the_step_with_the_way_on() -> None:
    with pytest.raises(faults.TrainingFault, match=r"a worker died before step 7.*out of memory"):
        faults._explained(raising(ray.exceptions.ActorDiedError()), trainer(), (), {})


@pytest.mark.parametrize(
    ("keys", "failed"),
    [
        ([f"{uid}_{session}_0" for uid in "abcd" for session in range(2)], 0),
        ([f"{uid}_{session}_0" for uid in "abc" for session in range(2)], 2),
        (["a_0_0", "a_0_1", "a_1_0", "b_0_0", "c_1_0"], 4),
    ],
)
def test_rollouts_that_are_missing_are_counted_and_explained(
    keys: list[str], failed: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("verl"), "propagate", True)
    metrics: dict[str, float] = {}
    batch = SimpleNamespace(keys=keys)
    assert faults._counted(nothing, trainer(), (batch,), {"metrics": metrics}) == "stock"
    assert metrics == {"egpo/failed_rollouts": failed}
    said = f"step 7 trains without {failed} of 8 rollouts, which failed: 3 x ValueError: no table."
    assert (said in caplog.text) == (failed > 0)


def test_a_reward_that_is_no_number_is_located(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = torch.nested.nested_tensor(
        [torch.tensor([0.0, 1.0]), torch.tensor([float("nan")])], layout=torch.jagged
    )
    rows = {
        "rm_scores": scores,
        "data_source": ["xlam", "toolace"],
        "extra_info": [{"index": 3}, {"index": 44}],
    }
    monkeypatch.setattr(transfer_queue, "kv_batch_get", lambda **_: rows)
    batch = SimpleNamespace(keys=["a_0_0", "b_0_0"], partition_id="train")
    with pytest.raises(
        faults.TrainingFault, match=r"step 7: not finite It is .* row 44 of data_source=toolace"
    ):
        faults.located(raising(ValueError("not finite")), trainer(), batch, {})
    rows["rm_scores"] = torch.nested.nested_tensor([torch.ones(2)] * 2, layout=torch.jagged)
    with pytest.raises(ValueError, match=r"^shapes differ$"):
        faults.located(raising(ValueError("shapes differ")), trainer(), batch, {})


def test_an_answer_without_a_token_is_refused_before_it_is_stored() -> None:
    faults.hook_rollouts(agent_loop)
    output = agent_loop.AgentLoopOutput(
        prompt_ids=[1, 2], response_ids=[], response_mask=[], num_turns=2, metrics={}
    )
    with pytest.raises(ValueError, match="the response has no tokens"):
        output.as_dict()
    output.response_ids, output.response_mask = [3], [1]
    assert output.as_dict()["responses"].tolist() == [3]


def test_a_failed_rollout_is_remembered_where_it_ran() -> None:
    """Through verl's own logger, as its worker says it (agent_loop_tq.py:136)."""
    from verl.trainer.ppo.v1 import agent_loop_tq

    faults.hook_rollouts(agent_loop)
    faults._told(None)
    for _ in range(2):
        error = LookupError("no row\nLookupError: in short")
        agent_loop_tq.logger.error("Error in _run_prompt", exc_info=(LookupError, error, None))
    agent_loop_tq.logger.error("no exception")
    assert faults._told(None) == ["LookupError: in short"] * 2
    assert faults._told(None) == []


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (ValueError("too long"), "ValueError: too long"),
        (AssertionError(), "AssertionError"),
        (RuntimeError("ray::f()\n  line\nOSError: [Errno 28] full\n"), "OSError: [Errno 28] full"),
        (ray.exceptions.ActorDiedError(), "a worker died"),
    ],
)
def test_an_error_in_one_line(error: Exception, short: str) -> None:
    assert faults.in_short(error) == short


def test_the_most_frequent_reasons_come_first_and_at_most_three() -> None:
    assert faults.tally(["b", "a", "b", "c", "d", "c"]) == "2 x b, 2 x c, 1 x a"
    assert "Error in _run_prompt" in faults.tally([])


def test_other_estimators_are_left_alone() -> None:
    config = OmegaConf.create({"algorithm": {"adv_estimator": "grpo"}})
    refusing = faults._only_egpo(raising(AssertionError("ours was called")))
    assert refusing(nothing, SimpleNamespace(config=config), (), {}) == "stock"
