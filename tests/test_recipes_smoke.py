"""`SMOKE=1`: the scripts themselves train two steps on this CPU, through verl's `main_ppo`.

With the tiny model in place of the real one, many scripts end in the same commands; of those, one
is run.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from egpo_verl.compare.run_log import Run, read_run
from egpo_verl.evaluate.model import resolve
from egpo_verl.sizing.scripts import commands

EXAMPLES = Path(__file__).parent.parent / "examples"
RECIPES = sorted([*EXAMPLES.glob("run_*_fsdp.sh"), *EXAMPLES.glob("run_*_megatron.sh")])

Smoke = Callable[..., Run]


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Smoke:
    """Runs a recipe and reads its log; all share the made data, and nothing is run twice."""
    runs = tmp_path_factory.mktemp("runs")
    folder = tmp_path_factory.mktemp("asked")
    logs: dict[str, Run] = {}

    def trained(recipe: str, **knobs: str) -> Run:
        script, smoking = EXAMPLES / f"run_{recipe}.sh", {**knobs, "SMOKE": "1"}
        name = str(len(logs))
        alike = commands(script, RUNS_DIR=str(folder), EXPERIMENT_NAME="any", **smoking)
        key = str([[word for word in words if "FILE_LOGGER_PATH" not in word] for words in alike])
        if key not in logs:
            environment = {**os.environ, **smoking, "RUNS_DIR": str(runs), "EXPERIMENT_NAME": name}
            ran = subprocess.run(
                ["bash", str(script)],
                cwd=runs,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=1200,
            )
            assert ran.returncode == 0, ran.stdout[-6000:]
            logs[key] = read_run(runs / f"smoke-{name}")
        return logs[key]

    return trained


def column(run: Run, metric: str) -> list[float]:
    steps, values = run.series(metric)
    assert steps == [1, 2], f"{metric} was logged at {steps}"
    return values


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [script.stem.removeprefix("run_") for script in RECIPES])
def test_every_script_trains(smoke: Smoke, recipe: str) -> None:
    """The tiny model was taught neither the answer tag nor to act in worlds: there, all its groups
    fail alike, without a bonus."""
    run = smoke(recipe)
    assert min(column(run, "egpo/cot_entropy")) > 0
    silent = [share == 1 for share in column(run, "egpo/silent_group_frac")]
    assert [bonus == 0 for bonus in column(run, "egpo/bonus")] == silent
    assert any(silent) == (recipe in ("qwen2_5_coder_7b_fsdp", "qwen3_4b_live_fsdp"))


@pytest.mark.slow
def test_a_template_that_opens_the_thought_earns_and_gets_its_bonus(smoke: Smoke) -> None:
    """The complaint of others: with such a template the reward is 0 for ever, in silence."""
    run = smoke("qwen3_4b_thinking_fsdp")
    assert max(column(run, "reward/format_ok")) > 0
    assert max(column(run, "egpo/no_cot_frac")) < 1
    assert min(column(run, "egpo/cot_tokens")) > 0


@pytest.mark.slow
def test_the_live_recipe_acts_in_worlds(smoke: Smoke) -> None:
    run = smoke("qwen3_4b_live_fsdp")
    assert min(column(run, "env/turns")) > 1
    assert max(column(run, "env/calls")) > 0
    assert column(run, "egpo/failed_rollouts") == [0, 0]


@pytest.mark.slow
def test_the_cold_starts_checkpoint_goes_into_rl_and_evaluation(
    tmp_path: Path, train: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    ran = subprocess.run(
        ["bash", str(EXAMPLES / "run_cold_start.sh")],
        cwd=tmp_path,
        env={**os.environ, "SMOKE": "1", "RUNS_DIR": str(tmp_path), "EXPERIMENT_NAME": "cold"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1200,
    )
    assert ran.returncode == 0, ran.stdout[-6000:]
    log = read_run(tmp_path / "smoke-cold")
    assert min(column(log, "train/grad_norm")) > 0
    assert log.series("val/loss")[1][-1] > 0
    model = re.search(r"^Start RL from it: MODEL_PATH=(.*)$", ran.stdout, re.MULTILINE)
    assert model is not None
    folder = tmp_path / "rl"
    folder.mkdir()
    start = (f"actor_rollout_ref.model.path={model[1]}", "trainer.total_training_steps=1")
    trained = train(folder, *start)
    assert trained.returncode == 0, trained.stdout[-6000:]
    assert max(read_run(folder).series("reward/format_ok")[1]) > 0
    assert resolve(model[1], tmp_path).source == model[1]


@pytest.mark.slow
def test_adapters_train_and_reach_the_rollout(smoke: Smoke) -> None:
    run = smoke("qwen3_8b_lora_fsdp")
    # verl merges adapters in bfloat16, so the rollout's probabilities agree to its precision.
    assert max(column(run, "training/rollout_probs_diff_max")) < 0.1
    assert column(run, "actor/kl_loss")[0] == pytest.approx(0, abs=1e-5), "no adapter, no distance"
