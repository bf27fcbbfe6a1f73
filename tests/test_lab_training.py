"""A real study: two arms, two steps, killed in the middle and started again, twice at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from lab_runs import measured, study_file

from egpo_verl.compare.run_log import read_run

ROOT = Path(__file__).parents[1]
STEPS = 2
OVERRIDES = [
    "+egpo=paper",
    "+machine=cpu",
    "data.train_batch_size=4",
    "data.max_prompt_length=230",
    "data.max_response_length=48",
    "actor_rollout_ref.actor.ppo_mini_batch_size=4",
    "actor_rollout_ref.actor.optim.lr=1e-3",
    "actor_rollout_ref.rollout.n=4",
]
ARMS = {
    "grpo": {"overrides": ["algorithm.egpo.lam=0"]},
    "stock": {"overrides": ["algorithm.adv_estimator=grpo"]},
}


def lab(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "egpo_verl.lab", *map(str, arguments)]


def wait_for(happened: Any, process: subprocess.Popen[bytes], seconds: float = 600) -> None:
    until = time.monotonic() + seconds
    while not happened():
        assert process.poll() is None, "the laboratory ended before"
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.2)


def logged(folder: Path) -> int:
    """Whole lines of all logs of a run."""
    return sum(file.read_text().count("\n") for file in folder.glob("steps-*.jsonl"))


def record(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return content


@pytest.mark.slow
def test_a_study_killed_at_any_moment_goes_on_and_its_arms_are_paired(
    tmp_path: Path, rows: Path
) -> None:
    """At lambda 0 EGPO is verl's GRPO, so that runs that were and were not killed must agree."""
    study = study_file(
        tmp_path,
        rows,
        model=str(ROOT / "egpo_verl" / "toolworld" / "model"),
        overrides=OVERRIDES,
        arms=ARMS,
        seeds=[1],
        expect={"stock": "equal"},
        steps=STEPS,
        save_every=1,
        test_every=1,
        parallel=1,
        records=True,
    )
    runs = tmp_path / "runs"
    killed = runs / "grpo-seed1"
    with subprocess.Popen(lab("run", study), cwd=ROOT) as process:
        wait_for(lambda: logged(killed) >= 1, process)
        process.kill()
    with suppress(ProcessLookupError):  # a machine that is quick may be done with it
        os.kill(record(killed)["starts"][-1]["pid"], signal.SIGKILL)

    with subprocess.Popen(lab("run", study), cwd=ROOT) as other:
        ran = subprocess.run(
            lab("run", study), cwd=ROOT, capture_output=True, text=True, timeout=1800
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert other.returncode == 0
    assert "failed" not in ran.stdout
    names = {f"{arm}-seed1" for arm in ARMS}
    assert {path.name for path in runs.iterdir()} == names | {"start-seed0", "study.json"}
    for name in names:
        assert record(runs / name)["done"]
        assert set(record(runs / name)["versions"]) >= {"egpo_verl", "verl", "torch", "ray"}
        assert read_run(runs / name).series("critic/score/mean")[0] == list(range(1, STEPS + 1))
        assert not list((runs / name / "checkpoints").iterdir()), "weights of a finished run"
        ends = [(one["phase"], one.get("exit")) for one in record(runs / name)["starts"]]
        assert ends.count(("final", 0)) == 1, "two laboratories at once share the runs"
    for metric in ("actor/grad_norm", "actor/kl_loss", "critic/score/mean", "actor/entropy"):
        ours, stock = (read_run(runs / name).series(metric) for name in sorted(names))
        assert ours == stock, metric
    assert not any(name.startswith("egpo/") for name in read_run(runs / "stock-seed1").values)
    assert set(read_run(killed).series("egpo/bonus")[1]) == {0.0}

    starts = record(killed)["starts"]
    assert [one["phase"] for one in starts[:1] + starts[-1:]] == ["train", "final"]
    assert len(starts) >= 2

    again = subprocess.run(lab("run", study), cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert again.returncode == 0, again.stderr
    assert record(killed)["starts"] == starts, "a study that is done is not run again"

    page = tmp_path / "evidence.md"
    subprocess.run(lab("report", study, "--out", page), cwd=ROOT, check=True, timeout=120)
    text = page.read_text()
    assert "The null stock agrees with grpo to the last digit on 1 seed" in text
    thought, call = (cell.strip() for cell in measured(text, "grpo")[3:5])
    assert float(thought) > 0
    assert float(call) > 0
