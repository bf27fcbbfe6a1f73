"""Every mode of verl's trainer trains with EGPO on the CPU."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from egpo_verl.compare.run_log import Run, read_run

pytestmark = pytest.mark.slow

EGPO = ("egpo/cot_entropy", "egpo/cot_tokens", "egpo/bonus", "egpo/clip_frac")
DIFFERENCE = "training/rollout_probs_diff_max"
Train = Callable[..., "subprocess.CompletedProcess[str]"]


def trained(train: Train, folder: Path, steps: int, *overrides: str) -> Run:
    ran = train(folder, f"trainer.total_training_steps={steps}", *overrides)
    assert ran.returncode == 0, ran.stdout[-6000:]
    run = read_run(folder)
    for metric in EGPO:
        assert run.series(metric)[0] == list(range(1, steps + 1)), metric
    assert min(run.series("egpo/cot_entropy")[1]) > 0
    return run


def test_a_sampler_of_its_own_gets_the_trainers_weights(train: Train, tmp_path: Path) -> None:
    """`separate_async` with two updates a step: the second one's old policy is the first's."""
    run = trained(
        train,
        tmp_path,
        2,
        "trainer.v1.trainer_mode=separate_async",
        "trainer.v1.separate_async.parameter_sync_step=2",
        "actor_rollout_ref.actor.ppo_mini_batch_size=2",
        "actor_rollout_ref.rollout.nnodes=1",
        "actor_rollout_ref.rollout.n_gpus_per_node=1",
    )
    assert max(run.series("actor/grad_norm")[1]) > 1e-3
    assert run.series(DIFFERENCE)[1][0] < 1e-4


def test_adapters_are_sampled_from_in_the_colocated_asynchronous_mode(
    train: Train, tmp_path: Path
) -> None:
    run = trained(
        train,
        tmp_path,
        4,
        "trainer.v1.trainer_mode=colocate_async",
        "trainer.v1.colocate_async.num_warmup_batches=0",
        "actor_rollout_ref.model.lora_rank=8",
        "actor_rollout_ref.actor.optim.lr=1e-2",
    )
    # Rollouts come as they end, so a step may hold no answer that earns and move nothing.
    moved = max(run.series("actor/kl_loss")[1])
    assert moved > 1e-3, "the adapters have moved the policy away from the model they sit on"
    # verl merges them in bfloat16 on their way to the sampler.
    assert max(run.series(DIFFERENCE)[1]) < 0.05


def test_two_processes_train_as_one(
    train: Train, tmp_path: Path, undisturbed: tuple[Run, Path, str]
) -> None:
    """Data parallel over gloo; both processes share a sampler, so the answers are the same."""
    run = trained(
        train,
        tmp_path,
        2,
        "trainer.n_gpus_per_node=2",
        "actor_rollout_ref.rollout.tensor_model_parallel_size=2",
    )
    assert max(run.series(DIFFERENCE)[1]) < 1e-4
    for metric in (*EGPO, "actor/grad_norm", "actor/kl_loss", "critic/score/mean"):
        alone = undisturbed[0].series(metric)[1][:2]
        assert run.series(metric)[1] == pytest.approx(alone, rel=1e-4, abs=1e-6), metric
