"""Which checkpoint a run goes on from, and what it has to do next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from lab_runs import write_log

from egpo_verl.lab.resume import best_checkpoint, next_phase, remove_others
from egpo_verl.lab.run_folder import FINAL, TRAIN, RunFolder

FILES = (
    "actor/model_world_size_1_rank_0.pt",
    "actor/optim_world_size_1_rank_0.pt",
    "actor/extra_state_world_size_1_rank_0.pt",
    "data.pt",
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Of a run of six steps, with checkpoints of steps 2, 4 and 6 as verl leaves them."""
    run = RunFolder(tmp_path, "grpo", 1, steps=6)
    for step in (2, 4, 6):
        actor = run.checkpoints / f"global_step_{step}" / "actor"
        (actor / "huggingface").mkdir(parents=True)
        (actor / "huggingface" / "config.json").write_text("{}")
        (actor / "fsdp_config.json").write_text('{"world_size": 1}')
        for name in FILES:
            torch.save({"weight": torch.randn(500)}, actor.parent / name)
    (run.checkpoints / "latest_checkpointed_iteration.txt").write_text("6")
    return run


def log(folder: RunFolder, steps: int) -> None:
    write_log(folder.path / "steps-0001.jsonl", range(1, steps + 1), 0.5)


def resumed(folder: RunFolder) -> int | None:
    checkpoint = best_checkpoint(folder)
    return None if checkpoint is None else checkpoint.step


@pytest.mark.parametrize(("steps", "step"), [(6, 6), (5, 4), (4, 4), (3, 2), (1, None), (0, None)])
def test_no_step_is_skipped_that_was_saved_but_not_logged(
    folder: RunFolder, steps: int, step: int | None
) -> None:
    if steps:
        log(folder, steps)
    assert resumed(folder) == step
    assert next_phase(folder) == (FINAL if steps == 6 else TRAIN)


def test_a_damaged_checkpoint_is_passed_over_and_its_steps_are_trained_again(
    folder: RunFolder,
) -> None:
    log(folder, 6)
    weights = folder.checkpoints / "global_step_6" / FILES[0]
    weights.write_bytes(weights.read_bytes()[:900])
    assert resumed(folder) == 4
    assert next_phase(folder) == TRAIN


def test_a_run_that_is_done_has_nothing_to_do(folder: RunFolder) -> None:
    log(folder, 6)
    (folder.path / "run.json").write_text(json.dumps({"done": True}))
    assert next_phase(folder) is None


def test_a_start_removes_what_it_does_not_go_on_from(folder: RunFolder) -> None:
    log(folder, 5)
    remove_others(folder, best_checkpoint(folder))
    assert [path.name for path in folder.checkpoints.iterdir()] == ["global_step_4"]
    remove_others(folder, None)
    assert not list(folder.checkpoints.iterdir())


def test_logs_are_numbered_by_start_and_a_lock_is_held_once(folder: RunFolder) -> None:
    assert folder.next_log().name == "steps-0001.jsonl"
    log(folder, 1)
    assert folder.next_log().name == "steps-0002.jsonl"
    assert not folder.is_locked()
    assert folder.lock() is not None
    assert folder.is_locked()
    assert folder.lock() is None
