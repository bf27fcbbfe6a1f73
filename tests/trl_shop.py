"""A step of TRL's `GRPOTrainer` in examples/shop.py, for a policy whose messages are known.

`python trl_shop.py OUT`, with trl and the example on PYTHONPATH. Writes what the reward function
saw of the environments, and what TRL logged, to OUT/seen.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from shop import Shop
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer
from trl import __file__ as TRL

OUT = sys.argv[1]
ROOT = Path(__file__).parents[1]
MODEL = ROOT / "egpo_verl" / "toolworld" / "model"
CALL = '<tool_call>\n{"name": "add", "arguments": {"item": "lamp", "count": 2}}\n</tool_call>'
MESSAGES = iter([CALL, "Done."])

tokenizer = AutoTokenizer.from_pretrained(MODEL)
template = Path(TRL).parent / "chat_templates" / "qwen3.jinja"
tokenizer.chat_template = template.read_text()
seen: list[dict[str, Any]] = []


class Scripted(GRPOTrainer):
    def _generate_single_turn(self, prompt_ids: list[Any], *args: Any, **kwargs: Any) -> Any:
        ids = tokenizer(f"{next(MESSAGES)}<|im_end|>")["input_ids"]
        return [list(ids) for _ in prompt_ids], None


def bought(environments: list[Shop], **kwargs: Any) -> list[float]:
    seen.extend(dict(vars(environment)) for environment in environments)
    return [float(environment.cart == {"lamp": 2}) for environment in environments]


stock = {"lamp": {"price": 20, "left": 5}}
ask = [{"role": "user", "content": "Two lamps, please."}]
trainer = Scripted(
    model=AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32),
    processing_class=tokenizer,
    train_dataset=Dataset.from_list([{"prompt": ask, "stock": stock, "budget": 60}]),
    reward_funcs=[bought],
    environment_factory=Shop,
    args=GRPOConfig(
        output_dir=OUT,
        max_steps=1,
        num_generations=2,
        per_device_train_batch_size=2,
        max_completion_length=200,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        bf16=False,
    ),
)
trainer.train()
log = trainer.state.log_history[0]
Path(OUT, "seen.json").write_text(json.dumps({"seen": seen, "log": log}))
