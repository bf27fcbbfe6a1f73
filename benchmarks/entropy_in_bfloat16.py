"""Eq. 4's mean entropy of a row in bfloat16 beside float32, by the tiny model.

python -m egpo_verl.preprocess toolworld --local_save_dir runs/data/toolworld
python benchmarks/entropy_in_bfloat16.py runs/data/toolworld/test.parquet --device cuda
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pyarrow.parquet as pq
import torch
from rich.console import Console
from transformers import AutoModelForCausalLM, AutoTokenizer
from verl.utils.torch_functional import entropy_from_logits

MODEL = Path(__file__).resolve().parents[1] / "egpo_verl" / "toolworld" / "model"
ROWS = 32


def token_ids(rows: Path) -> list[torch.Tensor]:
    """The prompts of the first rows of a parquet file of ours, each (1, tokens)."""
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    prompts = [row["prompt"] for row in pq.read_table(rows).to_pylist()[:ROWS]]
    options = {"add_generation_prompt": True, "return_tensors": "pt", "return_dict": False}
    return [tokenizer.apply_chat_template(prompt, **options) for prompt in prompts]


@torch.no_grad()
def mean_entropies(ids: list[torch.Tensor], dtype: torch.dtype, device: str) -> torch.Tensor:
    """(rows,) float32, in nats: verl's entropy of each token, its mean over the row."""
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=dtype).to(device).eval()
    entropies = [entropy_from_logits(model(row.to(device)).logits) for row in ids]
    return torch.tensor([entropy.float().mean().item() for entropy in entropies])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=Path, help="a parquet file of preprocess")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--json", type=Path, help="add the figures to this file, one line")
    arguments = parser.parse_args()
    ids = token_ids(arguments.rows)
    exact, rounded = (
        mean_entropies(ids, dtype, arguments.device) for dtype in (torch.float32, torch.bfloat16)
    )
    figures = {
        "rows": len(ids),
        "mean_entropy": exact.mean().item(),
        "largest_relative_difference": ((rounded - exact).abs() / exact).max().item(),
    }
    Console().print(
        f"{arguments.device}: entropy in bfloat16 differs from float32 by at most "
        f"{figures['largest_relative_difference']:.2%} of a row's mean ({len(ids)} rows)",
        soft_wrap=True,
        highlight=False,
    )
    if arguments.json:
        with arguments.json.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
