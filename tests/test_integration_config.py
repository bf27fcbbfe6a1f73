"""What is refused before a run, what is only doubted, and that nothing else of it is touched."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import verl
from omegaconf import OmegaConf

from egpo_verl.integration.config import ConfigError

Compose = Callable[..., Any]
Validate = Callable[[Any], None]
MODULES = "ray_kwargs.ray_init.runtime_env.env_vars.VERL_USE_EXTERNAL_MODULES"
BARE = ["algorithm.adv_estimator=egpo", "actor_rollout_ref.actor.use_dynamic_bsz=True"]


@pytest.fixture
def paper(composed: Compose) -> Compose:
    """`paper(*overrides)` gives the paper's group on the CPU."""
    return partial(composed, "+egpo=paper", "+machine=cpu")


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (
            ["algorithm.rollout_correction.bypass_mode=True"],
            r"set algorithm\.rollout_correction\.bypass_mode=False",
        ),
        (["algorithm.egpo.alpha=1"], r"algorithm\.egpo\.alpha=1 must be a finite number > 1"),
        (["algorithm.egpo.lam=-0.4"], r"algorithm\.egpo\.lam=-0\.4 must be a finite number >= 0"),
        (["+algorithm.egpo.alhpa=3"], r"alhpa is not an option of EGPO; did you mean 'alpha'"),
        (["algorithm.egpo.cot_scope=thoughts"], "must be one of thought, response"),
        (["+algorithm.egpo.record_groups=0"], "record_groups=0 must be a whole number above 0"),
        (["+algorithm.egpo.record_dir=7"], "record_dir=7 must be the name of a folder"),
        (["model_engine=torchtitan"], "add entropy=as_logits after"),
    ],
)
def test_what_cannot_work_is_refused_with_the_cure(
    paper: Compose, validate: Validate, overrides: list[str], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        validate(paper(*overrides))
    assert issubclass(ConfigError, ValueError), "a library ends no notebook and no sweep"


@pytest.mark.parametrize("use_v1", [True, False])
def test_paths_that_only_workers_see_are_no_concern_of_this_node(
    paper: Compose, validate: Validate, use_v1: bool
) -> None:
    validate(
        paper(
            f"trainer.use_v1={use_v1}",
            "data.train_files=/on/the/workers.parquet",
            "actor_rollout_ref.model.path=/on/the/workers/model",
            "trainer.default_local_dir=/on/the/workers/checkpoints",
        )
    )


def test_an_option_of_the_queue_means_nothing_to_the_legacy_trainer(
    paper: Compose, validate: Validate
) -> None:
    validate(paper("trainer.use_v1=False", "transfer_queue.enable=True"))


def test_an_untested_verl_is_one_warning(
    paper: Compose,
    validate: Validate,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(verl, "__version__", "0.10.0")
    with caplog.at_level("WARNING", logger="verl"):
        validate(paper())
    (record,) = [record for record in caplog.records if "egpo_verl" in record.getMessage()]
    assert "verl 0.10.0 is not among the versions that were tested" in record.getMessage()


@pytest.mark.parametrize(
    ("overrides", "warned"),
    [
        ([], True),
        (["actor_rollout_ref.actor.entropy_from_logits_with_chunking=True"], False),
        (["actor_rollout_ref.actor.fsdp_config.dtype=float32"], False),
        (
            [
                "actor_rollout_ref.actor.entropy_from_logits_with_chunking=True",
                "actor_rollout_ref.model.use_remove_padding=False",
            ],
            True,
        ),
        (
            [
                "actor_rollout_ref.actor.entropy_from_logits_with_chunking=True",
                "actor_rollout_ref.model.use_fused_kernels=True",
            ],
            True,
        ),
    ],
)
def test_an_entropy_in_less_than_float32_is_one_warning(
    composed: Compose,
    validate: Validate,
    overrides: list[str],
    warned: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("WARNING", logger="verl"):
        validate(composed(*BARE, *overrides))
    warnings = [r for r in caplog.records if "logits' precision" in r.getMessage()]
    assert len(warnings) == warned


def test_the_papers_group_gives_no_warning(
    composed: Compose, paper: Compose, validate: Validate, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("WARNING", logger="verl"):
        validate(composed("+egpo=paper"))
        validate(paper())
    assert not [r for r in caplog.records if "egpo_verl" in r.getMessage()]


def test_only_the_workers_modules_are_added_to_a_configuration(
    paper: Compose, validate: Validate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VERL_USE_EXTERNAL_MODULES", raising=False)
    tracker = tmp_path / "latest_checkpointed_iteration.txt"
    tracker.write_text("20")
    (tmp_path / "global_step_10").mkdir()
    options = [
        "trainer.max_actor_ckpt_to_keep=1",
        "trainer.save_freq=5",
        f"trainer.default_local_dir={tmp_path}",
    ]
    before, config = paper(*options), paper(*options)
    validate(config)
    assert OmegaConf.select(config, MODULES) == "egpo_verl"
    OmegaConf.update(before, MODULES, "egpo_verl", force_add=True)
    assert OmegaConf.to_container(config, resolve=True) == OmegaConf.to_container(
        before, resolve=True
    )
    assert tracker.read_text() == "20", "verl's own record is verl's"


@pytest.mark.parametrize(
    ("inherited", "configured", "expected"),
    [
        ("", None, "egpo_verl"),
        ("mine", None, "mine,egpo_verl"),
        ("egpo_verl,mine", None, "egpo_verl,mine"),
        ("", "theirs", "theirs,egpo_verl"),
        ("mine", "theirs,egpo_verl", "theirs,egpo_verl"),
    ],
)
def test_workers_are_told_to_import_the_plugin(
    paper: Compose,
    validate: Validate,
    inherited: str,
    configured: str | None,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VERL_USE_EXTERNAL_MODULES", inherited)
    config = paper()
    if configured:
        OmegaConf.update(config, MODULES, configured, force_add=True)
    validate(config)
    assert OmegaConf.select(config, MODULES) in (expected, None if inherited else expected)


def test_grpo_is_validated_as_verl_does(composed: Compose, validate: Validate) -> None:
    config = composed(*BARE, "algorithm.adv_estimator=grpo")
    before = OmegaConf.to_container(config)
    validate(config)
    assert OmegaConf.to_container(config) == before
