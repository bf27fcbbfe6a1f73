"""The quickstart on a GPU with vLLM, EGPO's cost beside GRPO's, and the entropy in bfloat16.

    python -m pytest tests/gpu -q -s

Skips where torch sees no GPU. `-s` shows the figures for docs/performance.md, with the hardware's
name.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest
import torch
from rich.console import Console

from egpo_verl.compare.run_log import Run, read_run

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")
needs_vllm = pytest.mark.skipif(
    importlib.util.find_spec("vllm") is None, reason='needs vLLM: pip install "egpo-verl[gpu]"'
)
pytestmark = [pytest.mark.slow, needs_gpu]

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "egpo_verl" / "toolworld" / "model"
STEPS = 12
WARM = 3  # steps that pay for compilation and caches
SETTINGS = [
    f"actor_rollout_ref.model.path={MODEL}",
    "+actor_rollout_ref.model.override_config.attn_implementation=sdpa",
    "actor_rollout_ref.rollout.name=vllm",
    "actor_rollout_ref.rollout.gpu_memory_utilization=0.3",
    "actor_rollout_ref.rollout.tensor_model_parallel_size=1",
    "actor_rollout_ref.rollout.n=8",
    "actor_rollout_ref.actor.ppo_mini_batch_size=64",
    "actor_rollout_ref.actor.optim.lr=5e-4",
    "data.train_batch_size=64",
    "data.max_prompt_length=512",
    "data.max_response_length=128",
    "trainer.n_gpus_per_node=1",
    "trainer.nnodes=1",
    f"trainer.total_training_steps={STEPS}",
    "trainer.val_before_train=False",
    "trainer.test_freq=-1",
    "trainer.save_freq=-1",
    "trainer.logger=['console','file']",
]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    command = [sys.executable, "-m", "egpo_verl.preprocess", "toolworld", "--num_train", "2048"]
    subprocess.run([*command, "--local_save_dir", str(folder)], check=True, timeout=300)
    return folder


@pytest.fixture(scope="module")
def runs(rows: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """EGPO and GRPO with everything else equal."""
    return {name: train(name, rows, tmp_path_factory.mktemp(name)) for name in ("egpo", "grpo")}


def train(estimator: str, rows: Path, folder: Path) -> Run:
    log = folder / "steps.jsonl"
    files = [
        f"data.{kind}_files={rows / name}.parquet"
        for kind, name in (("train", "train"), ("val", "test"))
    ]
    command = [sys.executable, "-m", "verl.trainer.main_ppo", "+egpo=paper", *SETTINGS, *files]
    ran = subprocess.run(
        [*command, f"algorithm.adv_estimator={estimator}"],
        cwd=folder,
        env={**os.environ, "VERL_FILE_LOGGER_PATH": str(log)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1800,
    )
    assert ran.returncode == 0, ran.stdout[-6000:]
    return read_run(log)


def typical(run: Run, metric: str) -> float:
    """The median over the steps after the first few."""
    return median(run.series(metric)[1][WARM:])


def show(what: str) -> None:
    Console().print(f"{torch.cuda.get_device_name()}: {what}", soft_wrap=True, highlight=False)


@needs_vllm
def test_the_quickstart_trains_on_the_gpu(runs: dict[str, Run]) -> None:
    run = runs["egpo"]
    scores = run.series("critic/score/mean")[1]
    assert len(scores) == STEPS
    assert min(run.series("egpo/cot_entropy")[1]) > 0
    assert max(run.series("training/rollout_probs_diff_mean")[1]) < 0.02
    show(f"reward {scores[0]:.3f} at the first step, {scores[-1]:.3f} at step {STEPS}")


@needs_vllm
def test_a_step_of_egpo_takes_at_most_two_percent_longer(runs: dict[str, Run]) -> None:
    adv, step = (
        {name: typical(run, f"timing_s/{stage}") for name, run in runs.items()}
        for stage in ("adv", "step")
    )
    ratio = step["egpo"] / step["grpo"]
    show(
        f"timing_s/adv {adv['egpo']:.4f} s beside {adv['grpo']:.4f} s, "
        f"timing_s/step {step['egpo']:.3f} s beside {step['grpo']:.3f} s, ratio {ratio:.4f}"
    )
    assert ratio <= 1.02


def test_the_entropy_in_bfloat16_is_that_in_float32(rows: Path, tmp_path: Path) -> None:
    """Eq. 4's mean over a row may differ by what bfloat16 rounds, not more."""
    figures = tmp_path / "entropy.jsonl"
    command = [sys.executable, str(ROOT / "benchmarks" / "entropy_in_bfloat16.py")]
    command += [str(rows / "test.parquet"), "--device", "cuda", "--json", str(figures)]
    subprocess.run(command, check=True, timeout=300)
    relative = json.loads(figures.read_text())["largest_relative_difference"]
    show(f"entropy in bfloat16 differs from float32 by at most {relative:.2%} of a row's mean")
    assert relative < 0.02
