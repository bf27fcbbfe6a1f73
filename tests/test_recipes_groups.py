"""The shipped Hydra groups, composed with verl's real `ppo_trainer` configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf

import egpo_verl.config
from egpo_verl.advantage.options import EgpoOptions
from egpo_verl.integration.config import ConfigError

Compose = Callable[..., Any]
Validate = Callable[[Any], None]
FOLDER = Path(egpo_verl.config.__file__).parent / "egpo"

# What each group changes of `paper`, key by key. A group that is not here fails the test below.
CHANGES: dict[str, dict[str, Any]] = {
    "paper": {},
    "paper_v1": {"actor_rollout_ref.model.path": "Qwen/Qwen2.5-Coder-7B-Instruct"},
    "grpo": {"algorithm.adv_estimator": "grpo"},
    "token_level": {"algorithm.egpo.granularity": "token"},
    "whole_response": {"algorithm.egpo.cot_scope": "response"},
    "positive_only": {"algorithm.egpo.positive_only": True},
    "no_clip": {"algorithm.egpo.clip": False},
    "entropy_advantage": {
        "algorithm.egpo.cot_scope": "response",
        "algorithm.egpo.granularity": "token",
    },
}

# Version 4 of the paper; below the line what it leaves open (Tool-N1's settings).
PAPER = {
    "algorithm.adv_estimator": "egpo",
    "algorithm.norm_adv_by_std_in_grpo": True,
    "algorithm.use_kl_in_reward": False,
    "data.train_batch_size": 1024,
    "data.max_response_length": 8192,
    "actor_rollout_ref.rollout.n": 8,
    "actor_rollout_ref.rollout.temperature": 0.7,
    "actor_rollout_ref.actor.optim.lr": 1e-6,
    "actor_rollout_ref.actor.use_kl_loss": True,
    "actor_rollout_ref.actor.kl_loss_coef": 0.001,
    "actor_rollout_ref.actor.entropy_coeff": 0,
    "trainer.total_epochs": 5,
    "reward.custom_reward_function.path": "pkg://egpo_verl.reward",
    "reward.custom_reward_function.name": "compute_score",
    # ----
    "data.max_prompt_length": 4096,
    "actor_rollout_ref.actor.ppo_mini_batch_size": 256,
    "actor_rollout_ref.actor.clip_ratio": 0.2,
    "actor_rollout_ref.actor.kl_loss_type": "low_var_kl",
    # what verl's engine reads, so that Eq. 4 is computed in float32
    "actor_rollout_ref.actor.fsdp_config.entropy_from_logits_with_chunking": True,
    "actor_rollout_ref.model.use_remove_padding": True,
}


def flat(node: Any, prefix: str = "") -> dict[str, Any]:
    """Every leaf of a resolved configuration by its dotted name."""
    if not isinstance(node, dict):
        return {prefix: node}
    leaves: dict[str, Any] = {}
    for key, value in node.items():
        leaves |= flat(value, f"{prefix}.{key}" if prefix else key)
    return leaves


@pytest.fixture
def leaves_of(composed: Compose) -> Callable[[str], dict[str, Any]]:
    """`leaves_of(group)` gives every leaf of a group's configuration by its dotted name."""
    return lambda group: flat(OmegaConf.to_container(composed(f"+egpo={group}"), resolve=False))


def test_every_shipped_group_is_known_here() -> None:
    assert {file.stem for file in FOLDER.glob("*.yaml")} == set(CHANGES)


def test_the_papers_settings_are_resolved(composed: Compose) -> None:
    config = composed("+egpo=paper")
    assert {key: OmegaConf.select(config, key) for key in PAPER} == PAPER
    options = OmegaConf.to_container(config.algorithm.egpo)
    assert options == dataclasses.asdict(EgpoOptions()), "every option, each with its default"


@pytest.mark.parametrize("group", sorted(set(CHANGES) - {"paper"}))
def test_a_group_changes_what_its_name_says_and_nothing_else(
    leaves_of: Callable[[str], dict[str, Any]], group: str
) -> None:
    paper, other = leaves_of("paper"), leaves_of(group)
    assert set(paper) == set(other)
    assert {key: other[key] for key in other if other[key] != paper[key]} == CHANGES[group]


@pytest.mark.parametrize("group", sorted(CHANGES))
def test_a_group_can_train(composed: Compose, validate: Validate, group: str) -> None:
    validate(composed(f"+egpo={group}"))


@pytest.mark.parametrize(
    ("engine", "entropy", "in_blocks"),
    [("dp", "as_logits", False), ("megatron", "float32", True), ("veomni", "as_logits", None)],
)
def test_every_engine_of_verl_can_train_with_the_papers_group(
    composed: Compose, validate: Validate, engine: str, entropy: str, in_blocks: bool | None
) -> None:
    config = composed(f"model_engine={engine}", "+egpo=paper", f"entropy={entropy}")
    validate(config)
    actor = config.actor_rollout_ref.actor
    assert actor.get("entropy_from_logits_with_chunking") is in_blocks


def test_the_twin_by_group_is_the_twin_by_estimator(composed: Compose) -> None:
    assert composed("+egpo=grpo") == composed("+egpo=paper", "algorithm.adv_estimator=grpo")


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("+algorithm.egpo.lambda=0.4", "lambda is not an option of EGPO; did you mean 'lam'"),
        ("+algorithm.egpo.cot_scop=response", "did you mean 'cot_scope'"),
        ("+algorithm.egpo.token_level=true", "token_level is not an option of EGPO"),
        ("algorithm.egpo.clip=never", "clip='never' must be true or false"),
        ("algorithm.egpo.granularity=tokens", "must be one of response, turn, token"),
    ],
)
def test_an_option_that_is_none_is_refused_by_name(
    composed: Compose, validate: Validate, override: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        validate(composed("+egpo=paper", override))


def test_a_group_that_is_none_is_refused_with_the_list(composed: Compose) -> None:
    with pytest.raises(ConfigCompositionException, match=r"(?s)papre.*no_clip.*paper.*token_level"):
        composed("+egpo=papre")
