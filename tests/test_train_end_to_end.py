"""verl's `main_ppo` trains with EGPO on the CPU: real model, real rows, real Ray."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch

from egpo_verl.compare.run_log import Run
from egpo_verl.inspect.files import read_sample

Train = Callable[..., "subprocess.CompletedProcess[str]"]
STEPS = 3
METRICS = {
    "egpo/cot_entropy",
    "egpo/cot_tokens",
    "egpo/bonus",
    "egpo/bonus_over_abs_adv",
    "egpo/clip_frac",
    "egpo/no_cot_frac",
    "egpo/silent_group_frac",
}


@pytest.fixture(scope="module")
def run(undisturbed: tuple[Run, Path, str]) -> Run:
    return undisturbed[0]


@pytest.fixture(scope="module")
def folder(undisturbed: tuple[Run, Path, str]) -> Path:
    return undisturbed[1]


def column(run: Run, metric: str) -> list[float]:
    steps, values = run.series(metric)
    assert steps == list(range(1, STEPS + 1)), f"{metric} was logged at {steps}"
    return values


@pytest.mark.slow
def test_the_metrics_reach_verls_own_logger(run: Run) -> None:
    assert set(run.values) >= METRICS | {"reward/format_ok", "reward/match_ok", "actor/kl_loss"}
    for entropy in column(run, "egpo/cot_entropy"):
        assert 0 < entropy < torch.log(torch.tensor(1e5))
    for tokens, length in zip(
        column(run, "egpo/cot_tokens"), column(run, "response_length/mean"), strict=True
    ):
        assert 0 < tokens < length
    for metric in METRICS - {"egpo/cot_entropy", "egpo/cot_tokens"}:
        assert all(0 <= value <= 1 for value in column(run, metric)), metric


@pytest.mark.slow
def test_prompts_longer_than_the_limit_are_left_out_and_counted(
    run: Run, undisturbed: tuple[Run, Path, str], longest_prompt: int
) -> None:
    assert max(column(run, "prompt_length/max")) <= longest_prompt
    assert "filter dataset len: 58" in undisturbed[2], "six of the 64 rows are longer"


@pytest.mark.slow
def test_every_answer_is_written_with_its_tokens_and_numbers(run: Run, folder: Path) -> None:
    sample = read_sample([folder / "rollouts" / "egpo"], limit=1000, seed=0)
    for step in range(1, STEPS + 1):
        answers = [answer for answer in sample.responses if answer.step == step]
        lines = (folder / "rollouts" / f"{step}.jsonl").read_text().splitlines()
        stock = [json.loads(line) for line in lines]
        assert {line["uid"]: line["output"] for line in stock} == {
            answer.key: answer.text for answer in answers
        }
        traces = [answer.trace for answer in answers if answer.trace is not None]
        assert len(traces) == len(answers) == 16
        thinking = [trace.entropy for trace in traces if trace.cot_tokens]
        logged = {
            "egpo/cot_entropy": fmean(thinking),
            "egpo/bonus": fmean(trace.bonus for trace in traces),
            "egpo/cot_tokens": fmean(trace.cot_tokens for trace in traces),
            "response_length/mean": fmean(len(trace.tokens) for trace in traces),
            "critic/score/mean": fmean(answer.score for answer in answers),
        }
        for metric, value in logged.items():
            assert value == pytest.approx(run.values[metric][step], rel=1e-4, abs=1e-6), metric


@pytest.mark.slow
def test_the_sampler_has_the_log_probabilities_of_the_trainer(run: Run) -> None:
    assert max(column(run, "training/rollout_probs_diff_max")) < 1e-4


@pytest.mark.slow
def test_the_sampler_holds_the_actors_weights_after_every_update(run: Run, folder: Path) -> None:
    before: dict[str, Any] = {}
    for step in range(1, STEPS + 1):
        actor = weights(folder / "checkpoints" / f"global_step_{step}" / "actor")
        sampler = torch.load(folder / "checkpoints" / f"sampler_{step}.pt")
        assert set(actor) == set(sampler)
        assert all(torch.equal(actor[name], sampler[name]) for name in actor)
        assert not before or any(not torch.equal(actor[name], before[name]) for name in actor)
        before = actor


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """The parameters of verl's checkpoint of one rank, as plain tensors."""
    (file,) = folder.glob("model_world_size_1_rank_0.pt")
    stored = torch.load(file, weights_only=False)
    return {name: getattr(value, "_local_tensor", value) for name, value in stored.items()}


@pytest.mark.slow
def test_the_checkpoint_becomes_a_model_that_transformers_loads(run: Run, folder: Path) -> None:
    out = folder / "merged"
    merge = [sys.executable, "-m", "verl.model_merger", "merge", "--backend", "fsdp"]
    source = folder / "checkpoints" / f"global_step_{STEPS}" / "actor"
    subprocess.run(
        [*merge, "--local_dir", str(source), "--target_dir", str(out)],
        check=True,
        capture_output=True,
        timeout=300,
    )
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(out)
    assert model.config.to_dict()["model_type"] == "llama"
    assert len(AutoTokenizer.from_pretrained(out)) == model.config.vocab_size
    assert json.loads((out / "config.json").read_text())["vocab_size"] == model.config.vocab_size
