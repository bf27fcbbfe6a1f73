"""TRL's half of `cpu_step.py`, run by the Python of TRL's own environment.

Trains as `cpu_step.py` tells it in a JSON file and prints one line of JSON: the seconds of each
step, and the mean tokens of its responses.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from datasets import Dataset
from transformers import TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from egpo_verl.reward import compute_score


class Clock(TrainerCallback):
    """Seconds of each step, its sampling included."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.tokens: list[float] = []
        self.start = 0.0

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
        self.start = time.perf_counter()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        self.seconds.append(time.perf_counter() - self.start)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
        if logs and "completions/mean_length" in logs:
            self.tokens.append(logs["completions/mean_length"])


def reward(prompts: Any, completions: Any, truth: list[str], info: list[str], **_: Any) -> Any:
    """Our reward of each completion."""
    return [
        compute_score("toolworld", completion[0]["content"], answer, json.loads(row))["score"]
        for completion, answer, row in zip(completions, truth, info, strict=True)
    ]


def main(plan: dict[str, Any]) -> None:
    torch.set_num_threads(plan["threads"])
    rows = pq.read_table(plan["rows"]).to_pylist()[: plan["prompts"] * plan["steps"]]
    data = Dataset.from_list(
        [
            {
                "prompt": row["prompt"],
                "truth": row["reward_model"]["ground_truth"],
                "info": json.dumps(row["extra_info"]),
            }
            for row in rows
        ]
    )
    config = GRPOConfig(
        output_dir=plan["folder"],
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        per_device_train_batch_size=plan["prompts"] * plan["responses"],
        num_generations=plan["responses"],
        max_completion_length=plan["response_tokens"],
        temperature=plan["temperature"],
        beta=plan["kl"],
        learning_rate=plan["lr"],
        max_steps=plan["steps"],
        shuffle_dataset=False,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        model_init_kwargs={"dtype": "float32", "attn_implementation": "sdpa"},
    )
    clock = Clock()
    trainer = GRPOTrainer(
        model=plan["model"],
        reward_funcs=reward,
        args=config,
        train_dataset=data,
        callbacks=[clock],
    )
    trainer.train()
    sys.stdout.write("\n" + json.dumps({"seconds": clock.seconds, "tokens": clock.tokens}) + "\n")


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
