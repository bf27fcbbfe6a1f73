"""A training step on the CPU: ours through verl's trainer beside TRL's `GRPOTrainer`.

The same tiny model, the same prompts in the same order, 8 prompts with 8 responses of at most 128
tokens, a KL term, one update a step. The two take turns; the first step of each start, which warms
up, does not count.

TRL needs an environment of its own, since verl 0.9.1 fails beside it:

    python -m venv trl
    trl/bin/pip install torch==2.13.0 trl==1.16.0 .
    python benchmarks/cpu_step.py --peer trl/bin/python

Without --peer only our steps are measured: alone on all cores and, where the machine has more than
one, as many runs side by side as it has cores, one core each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean, median
from typing import Any

from rich.console import Console
from rich.table import Table

from egpo_verl.compare.run_log import read_run

ROOT = Path(__file__).resolve().parent.parent
PLAN: dict[str, Any] = {
    "model": str(ROOT / "egpo_verl" / "toolworld" / "model"),
    "prompts": 8,
    "responses": 8,
    "prompt_tokens": 512,
    "response_tokens": 128,
    "temperature": 0.7,
    "kl": 0.001,
    "lr": 5e-4,
}
PARTS = ("gen", "old_log_prob", "ref", "adv", "update_actor", "update_weights")
Measured = dict[str, list[float]]


def main() -> None:
    options = arguments()
    plan = {**PLAN, "steps": options.steps, "threads": cores()}
    with tempfile.TemporaryDirectory() as folder:
        plan["rows"] = str(make_rows(Path(folder)))
        ours: list[Measured] = []
        theirs: list[Measured] = []
        for turn in range(options.turns):
            (measured,) = train(plan, Path(folder) / f"alone-{turn}", [None])
            ours.append(measured)
            if options.peer:
                theirs.append(train_peer(plan, Path(folder) / f"peer-{turn}", options.peer))
        beside: list[Measured] = []
        if options.side_by_side and cores() > 1:
            places = [{core} for core in sorted(os.sched_getaffinity(0))]
            beside = train(plan, Path(folder) / "beside", places)
    report(joined(ours), joined(theirs), joined(beside), len(beside))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", type=Path, help="the Python of an environment with TRL")
    parser.add_argument("--steps", type=int, default=8, help="of each start (8)")
    parser.add_argument("--turns", type=int, default=2, help="starts of each (2)")
    parser.add_argument(
        "--side_by_side", action="store_true", help="also as many runs at once as cores"
    )
    return parser.parse_args()


def cores() -> int:
    return len(os.sched_getaffinity(0))


def make_rows(folder: Path) -> Path:
    command = [sys.executable, "-m", "egpo_verl.preprocess", "toolworld"]
    subprocess.run(
        [*command, "--local_save_dir", str(folder / "rows")], check=True, stdout=subprocess.DEVNULL
    )
    return folder / "rows" / "train.parquet"


def train(plan: dict[str, Any], folder: Path, places: list[set[int] | None]) -> list[Measured]:
    """Run verl's trainer once for each of `places` (cores, None for all), all at the same time."""
    running = []
    for number, place in enumerate(places):
        run = folder / str(number)
        run.mkdir(parents=True)
        console = (run / "console.log").open("w")
        running.append(
            subprocess.Popen(
                [*_pinned(place), *_command(plan, run)],
                env={**os.environ, "VERL_FILE_LOGGER_PATH": str(run / "steps.jsonl")},
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        )
    for process, number in zip(running, range(len(places)), strict=True):
        if process.wait():
            sys.exit((folder / str(number) / "console.log").read_text()[-4000:])
    return [_measured(folder / str(number)) for number in range(len(places))]


def _pinned(place: set[int] | None) -> list[str]:
    return [] if place is None else ["taskset", "--cpu-list", ",".join(map(str, sorted(place)))]


def _command(plan: dict[str, Any], run: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "verl.trainer.main_ppo", "+egpo=paper", "+machine=cpu"),
        f"data.train_files={plan['rows']}",
        f"data.val_files={plan['rows']}",
        "data.shuffle=False",
        f"data.train_batch_size={plan['prompts']}",
        f"data.max_prompt_length={plan['prompt_tokens']}",
        f"data.max_response_length={plan['response_tokens']}",
        f"actor_rollout_ref.model.path={plan['model']}",
        f"actor_rollout_ref.rollout.n={plan['responses']}",
        f"actor_rollout_ref.rollout.temperature={plan['temperature']}",
        f"actor_rollout_ref.actor.ppo_mini_batch_size={plan['prompts']}",
        f"actor_rollout_ref.actor.kl_loss_coef={plan['kl']}",
        f"actor_rollout_ref.actor.optim.lr={plan['lr']}",
        f"trainer.total_training_steps={plan['steps']}",
        f"trainer.default_local_dir={run / 'checkpoints'}",
        "trainer.logger=[console,file]",
        "trainer.val_before_train=False",
        "trainer.test_freq=-1",
        "trainer.save_freq=-1",
    ]


def _measured(run: Path) -> Measured:
    log = read_run(run)
    names = ["step", *PARTS]
    measured = {name: log.series(f"timing_s/{name}")[1][1:] for name in names}
    return {**measured, "tokens": log.series("response_length/mean")[1][1:]}


def train_peer(plan: dict[str, Any], folder: Path, python: Path) -> Measured:
    folder.mkdir()
    file = folder / "plan.json"
    file.write_text(json.dumps({**plan, "folder": str(folder)}), encoding="utf-8")
    ran = subprocess.run(
        [str(python), str(ROOT / "benchmarks" / "cpu_step_trl.py"), str(file)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        sys.exit(ran.stderr[-4000:])
    result = json.loads(ran.stdout.splitlines()[-1])
    return {"step": result["seconds"][1:], "tokens": result["tokens"][1:]}


def joined(measured: list[Measured]) -> Measured:
    return {name: [x for each in measured for x in each[name]] for name in (measured or [{}])[0]}


def report(ours: Measured, theirs: Measured, beside: Measured, runs: int) -> None:
    table = Table(title=f"seconds a step, median; {cores()} cores")
    for column in ("", "seconds", "tokens a response"):
        table.add_column(column, justify="left" if not column else "right")
    for name, measured in {"ours": ours, "TRL": theirs, f"{runs} side by side": beside}.items():
        if measured:
            table.add_row(
                name, f"{median(measured['step']):.2f}", f"{mean(measured['tokens']):.0f}"
            )
    for part in PARTS:
        table.add_row(f"  ours, {part}", f"{median(ours[part]):.2f}", "")
    console = Console()
    console.print(table)
    alone = median(ours["step"])
    if theirs:
        console.print(f"ours / TRL: {alone / median(theirs['step']):.2f}")
    if beside:
        console.print(f"{runs} side by side / in turn: {median(beside['step']) / runs / alone:.2f}")


if __name__ == "__main__":
    main()
