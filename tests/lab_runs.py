"""Run folders as verl and the laboratory leave them, with numbers that a test chooses."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

OVERRIDES = [
    "+egpo=paper",
    "+machine=cpu",
    "data.train_batch_size=4",
    "actor_rollout_ref.actor.ppo_mini_batch_size=4",
]


def study_file(folder: Path, rows: Path, **changes: Any) -> Path:
    """A study of two arms and two seeds on `rows`, a folder of `egpo_verl.preprocess`."""
    study: dict[str, Any] = {
        "name": "pairs",
        "question": "Does the bonus help?",
        "folder": str(folder / "runs"),
        "model": "egpo_verl/toolworld/model",
        "data": {
            "train": str(rows / "train.parquet"),
            "val": [str(rows / "test.parquet")],
            "final": {
                "values": str(rows / "test.parquet"),
                "tools": str(rows / "test_hard.parquet"),
            },
        },
        "steps": 4,
        "test_every": 2,
        "seeds": [1, 2],
        "baseline": "grpo",
        "overrides": OVERRIDES,
        "arms": {"grpo": {"overrides": ["algorithm.egpo.lam=0"]}, "egpo": {}},
        "final": {"responses": 2},
        "level": 0.5,
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study | changes, sort_keys=False), encoding="utf-8")
    return path


def write_run(
    study: Path, arm: str, seed: int, right: float, never: str = "", **record: Any
) -> Path:
    """A finished run whose share of right responses is `right`, and none on the part `never`;
    `record` goes to its run.json."""
    content = yaml.safe_load(study.read_text(encoding="utf-8"))
    steps = 0 if arm == "start" else content["steps"]
    folder = Path(content["folder"]) / f"{arm}-seed{seed}"
    (folder / "final").mkdir(parents=True)
    if steps:
        write_log(folder / "steps-0001.jsonl", range(1, steps + 1), right)
    overrides = content["arms"].get(arm, {}).get("overrides", [])
    about: dict[str, Any] = {
        "arm": arm,
        "seed": seed,
        "steps": steps,
        "arm_overrides": content["overrides"] + overrides,
        "versions": {"verl": "0.9.1", "torch": "2.13.0"},
        "machine": {"processor": "a processor", "cores": 2},
        "starts": [{"phase": "train", "exit": 0}, {"phase": "final", "exit": 0}],
        "done": True,
    }
    (folder / "run.json").write_text(json.dumps(about | record), encoding="utf-8")
    write_dump(folder / "final" / f"{steps}.jsonl", content, right, seed, never)
    return folder


def write_log(path: Path, steps: range, reward: float) -> None:
    """What verl's file logger writes."""
    with path.open("w", encoding="utf-8") as file:
        for step in steps:
            data = {
                "critic/score/mean": reward * step / len(steps),
                "actor/kl_loss": 0.001 * step,
                "response_length/mean": 40.0,
                "egpo/silent_group_frac": 0.25,
                "timing_s/step": 2.0,
                "training/global_step": step,
            }
            if step % 2 == 0:
                data["val-core/toolworld/acc/mean@1"] = reward * step / len(steps)
            file.write(json.dumps({"step": step, "data": data}) + "\n")


def write_dump(path: Path, study: dict[str, Any], right: float, seed: int, never: str) -> None:
    """What verl writes of a validation on files that are named several times, in no order."""
    draw = random.Random(seed)
    lines = []
    for part, name in study["data"]["final"].items():
        for number, row in enumerate(pq.read_table(name).to_pylist()):
            for copy in range(study["final"]["responses"]):
                acc = float(part != never and draw.random() < right)
                lines.append(
                    {
                        "input": "system\n" + "\n".join(turn["content"] for turn in row["prompt"]),
                        "output": "<think>So.</think>\n[]",
                        "gts": row["reward_model"]["ground_truth"],
                        "score": acc,
                        "acc": acc,
                        "uid": f"{Path(name).stem}-{number}-{copy}_0_0",
                    }
                )
    draw.shuffle(lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def measured(page: str, arm: str) -> list[str]:
    """The cells of an arm in the table of measures."""
    table = page.partition("| arm | pass@")[2]
    line = next(line for line in table.splitlines() if line.startswith(f"| {arm} |"))
    return line.split("|")[1:-1]
