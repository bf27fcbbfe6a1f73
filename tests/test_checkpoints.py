"""A run resumes from a whole checkpoint, or is told in one sentence why it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from egpo_verl.integration.checkpoints import (
    TRACKER,
    CheckpointError,
    check_resume,
    keep_two,
    not_written,
    recorded_step,
)


def configured(root: Path, **trainer: Any) -> Any:
    """The part of verl's configuration that is about checkpoints."""
    own = {
        "default_local_dir": str(root),
        "resume_mode": "auto",
        "resume_from_path": None,
        "nnodes": 1,
        "n_gpus_per_node": 1,
        "save_freq": 1,
        "max_actor_ckpt_to_keep": None,
    }
    actor = {"strategy": "fsdp2", "checkpoint": {"load_contents": ["model", "optimizer", "extra"]}}
    return OmegaConf.create({"trainer": own | trainer, "actor_rollout_ref": {"actor": actor}})


def saved(root: Path, *steps: int, processes: int = 1) -> Path:
    """Checkpoints as verl leaves them, the last one recorded."""
    for step in steps:
        actor = root / f"global_step_{step}" / "actor"
        actor.mkdir(parents=True)
        for part in ("model", "optim", "extra_state"):
            for rank in range(processes):
                name = f"{part}_world_size_{processes}_rank_{rank}.pt"
                torch.save({"weight": torch.randn(500)}, actor / name)
        torch.save({"step": step}, actor.parent / "data.pt")
        (root / TRACKER).write_text(str(step))
    return root


def cut(file: Path) -> None:
    """What a process killed while writing leaves."""
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def test_whole_checkpoints_need_no_word(tmp_path: Path) -> None:
    assert check_resume(configured(saved(tmp_path, 1, 2))) == []
    assert (
        check_resume(configured(saved(tmp_path / "two", 1, processes=2), n_gpus_per_node=2)) == []
    )


def test_a_new_folder_and_a_run_that_does_not_resume_need_no_word(tmp_path: Path) -> None:
    assert check_resume(configured(tmp_path / "new")) == []
    (saved(tmp_path, 1) / TRACKER).write_text("")
    assert check_resume(configured(tmp_path, resume_mode="disable")) == []


def test_a_checkpoint_killed_half_way_is_named_and_passed_over(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2)
    begun = saved(tmp_path / "other", 3) / "global_step_3"
    cut(begun / "actor" / "optim_world_size_1_rank_0.pt")
    begun.rename(tmp_path / "global_step_3")
    (said,) = check_resume(configured(tmp_path))
    assert "global_step_3 was not finished" in said
    assert "optim_world_size_1_rank_0.pt is cut off" in said
    assert "goes on from step 2" in said
    assert recorded_step(tmp_path) == 2


@pytest.mark.parametrize("broken", ["", "\x00\x00", "x"])
def test_a_record_that_was_not_written_out_is_mended(tmp_path: Path, broken: str) -> None:
    (saved(tmp_path, 1, 12, 3) / TRACKER).write_text(broken)
    (said,) = check_resume(configured(tmp_path))
    assert "holds no number" in said
    assert "goes on from step 12" in said
    assert (tmp_path / TRACKER).read_text() == "12"
    assert check_resume(configured(tmp_path)) == []


@pytest.mark.parametrize(
    "part",
    [
        "actor/model_world_size_1_rank_0.pt",
        "actor/optim_world_size_1_rank_0.pt",
        "actor/extra_state_world_size_1_rank_0.pt",
        "data.pt",
    ],
)
@pytest.mark.parametrize(("harm", "says"), [(cut, "is cut off"), (Path.unlink, "is missing")])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path, part: str, harm: Any, says: str
) -> None:
    harm(saved(tmp_path, 1, 2) / "global_step_2" / part)
    (said,) = check_resume(configured(tmp_path))
    assert f"{part} {says}" in said
    assert "goes on from step 1" in said
    assert recorded_step(tmp_path) == 1


def test_without_any_whole_checkpoint_the_run_is_refused(tmp_path: Path) -> None:
    cut(saved(tmp_path, 1) / "global_step_1" / "data.pt")
    with pytest.raises(CheckpointError, match=r"data\.pt is cut off.*resume_mode=disable"):
        check_resume(configured(tmp_path))
    assert recorded_step(tmp_path) == 1


def test_another_number_of_processes_is_refused_with_both_ways_out(tmp_path: Path) -> None:
    saved(tmp_path, 1, processes=2)
    with pytest.raises(
        CheckpointError, match=r"2 training process.es. saved it and this run has 1.*model_merger"
    ):
        check_resume(configured(tmp_path))


def test_of_several_machines_only_the_files_at_hand_are_judged(tmp_path: Path) -> None:
    actor = saved(tmp_path, 1, 2, processes=4) / "global_step_2" / "actor"
    for part in ("model", "optim", "extra_state"):
        for rank in (2, 3):
            (actor / f"{part}_world_size_4_rank_{rank}.pt").unlink()
    config = configured(tmp_path, nnodes=2, n_gpus_per_node=2)
    assert check_resume(config) == []
    cut(actor / "model_world_size_4_rank_1.pt")
    (said,) = check_resume(config)
    assert "goes on from step 1" in said


def test_parts_that_the_run_does_not_load_may_be_missing(tmp_path: Path) -> None:
    actor = saved(tmp_path, 1) / "global_step_1" / "actor"
    (actor / "optim_world_size_1_rank_0.pt").unlink()
    config = configured(tmp_path)
    config.actor_rollout_ref.actor.checkpoint.load_contents = ["model", "extra"]
    assert check_resume(config) == []


def test_of_another_engine_only_what_is_common_is_judged(tmp_path: Path) -> None:
    shard = tmp_path / "global_step_1" / "actor" / "dist_ckpt" / "shard"
    shard.parent.mkdir(parents=True)
    shard.write_bytes(b"\x00")
    torch.save({}, tmp_path / "global_step_1" / "data.pt")
    (tmp_path / TRACKER).write_text("1")
    config = configured(tmp_path)
    config.actor_rollout_ref.actor.strategy = "megatron"
    assert check_resume(config) == []
    cut(tmp_path / "global_step_1" / "data.pt")
    with pytest.raises(CheckpointError, match=r"data\.pt is cut off"):
        check_resume(config)


def test_a_given_checkpoint_is_checked_too(tmp_path: Path) -> None:
    folder = saved(tmp_path, 1, 2) / "global_step_1"
    given = {"resume_mode": "resume_path", "resume_from_path": str(folder)}
    assert check_resume(configured(tmp_path, **given)) == []
    cut(folder / "data.pt")
    with pytest.raises(CheckpointError, match=r"resume_from_path=.*data\.pt is cut off"):
        check_resume(configured(tmp_path, **given))


def test_one_checkpoint_to_keep_becomes_two(tmp_path: Path) -> None:
    config = configured(tmp_path, max_actor_ckpt_to_keep=1)
    (said,) = keep_two(config)
    assert "max_actor_ckpt_to_keep=1" in said
    assert config.trainer.max_actor_ckpt_to_keep == 2
    assert keep_two(config) == []
    config = configured(tmp_path, remove_previous_ckpt_in_save=True)
    assert keep_two(config)
    assert (config.trainer.max_actor_ckpt_to_keep, keep_two(config)) == (2, [])


@pytest.mark.parametrize(
    "settings", [{}, {"max_actor_ckpt_to_keep": 3}, {"max_actor_ckpt_to_keep": 1, "save_freq": -1}]
)
def test_other_settings_are_the_users(tmp_path: Path, settings: dict[str, Any]) -> None:
    config = configured(tmp_path, **settings)
    before = OmegaConf.to_container(config)
    assert keep_two(config) == []
    assert OmegaConf.to_container(config) == before


def test_a_save_that_failed_is_cleared_away_and_explained(tmp_path: Path) -> None:
    saved(tmp_path, 1)
    part = tmp_path / "global_step_2" / "actor" / "model_world_size_1_rank_0.pt"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"half")
    reason = "OSError: [Errno 28] No space left on device"
    said = str(not_written(configured(tmp_path), 2, reason))
    assert "step 2 could not be written" in said
    assert "[Errno 28] No space left on device" in said
    assert "the last whole one is of step 1" in said
    assert not (tmp_path / "global_step_2").exists()
    assert check_resume(configured(tmp_path)) == []


def test_what_torch_says_of_a_full_disk_is_put_in_words(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as full:
        torch.save({"weight": torch.randn(100_000)}, "/dev/full")
    said = str(not_written(configured(tmp_path), 2, str(full.value)))
    assert "the disk is full" in said
    assert "inline_container" not in said


def test_a_first_save_that_failed_leaves_nothing(tmp_path: Path) -> None:
    root = tmp_path / "never" / "made"
    assert "none is there yet" in str(not_written(configured(root), 1, "OSError: read-only"))
