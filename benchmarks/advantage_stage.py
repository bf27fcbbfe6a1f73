"""EGPO's whole advantage stage beside verl's GRPO: `python benchmarks/advantage_stage.py`.

The stage is what `algorithm.adv_estimator=egpo` adds and replaces between the fetched batch and the
advantages: thought mask, Eq. 4, Eq. 5, metrics. Beside it stand verl's `grpo` and `grpo_vectorized`
on the identical batch, in the same process, in turns; the best of several turns counts, since other
work on the machine only adds time.

Rows are words of a byte-level vocabulary in Zipf's proportions, one in a thousand a stray `>`:
`<think>`, a thought of about half of the response, `</think>`, an answer, the end of the turn; a
tenth of the rows is cut off in its thought. Eight rows form a group, and half of them are right.

`--device cuda` has all of it on a GPU, which is waited for in every turn.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import uuid
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from verl.trainer.ppo.core_algos import (
    compute_grpo_outcome_advantage,
    compute_grpo_vectorized_outcome_advantage,
)

from egpo_verl.advantage import egpo_advantage
from egpo_verl.advantage.options import EgpoOptions
from egpo_verl.compare.run_log import read_run
from egpo_verl.cot import cot_mask

Work = Callable[[], object]

SIZES = ((1024, 1024), (4096, 2048), (16384, 2048), (16384, 8192))
GROUP = 8
VOCABULARY = 50_000
END = "<|end|>"


def make_tokenizer() -> PreTrainedTokenizerFast:
    """All bytes, tags in four pieces each as in Qwen2.5, and numbered words up to VOCABULARY."""
    pieces = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "th", "in", "ink", "</", "<th", ">Ċ"]
    words = [f"Ġw{n}" for n in range(VOCABULARY - len(pieces))]
    merges = [("t", "h"), ("i", "n"), ("in", "k"), ("<", "/"), ("<", "th"), (">", "Ċ")]
    vocabulary = {piece: i for i, piece in enumerate(pieces + words)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=END)


def make_batch(
    tokenizer: PreTrainedTokenizerFast, rows: int, length: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and response mask, both (rows, length) int64 as verl hands them over."""
    draw = torch.Generator().manual_seed(0)
    first_word = tokenizer.convert_tokens_to_ids("Ġw0")
    words = VOCABULARY - first_word
    ids = (
        torch.rand(rows, length, generator=draw)
        .mul_(math.log(words))
        .exp_()
        .long()
        .add_(first_word - 1)
    )
    stray = torch.rand(rows, length, generator=draw) < 0.001
    ids[stray] = tokenizer.convert_tokens_to_ids(">")
    ends = torch.randint(length // 2, length + 1, (rows,), generator=draw)
    closes = (ends * (0.35 + 0.3 * torch.rand(rows, generator=draw))).long()
    opening, closing = (
        torch.tensor(tokenizer.encode(tag, add_special_tokens=False))
        for tag in ("<think>\n", "</think>\n")
    )
    ids[:, : len(opening)] = opening
    closed = (torch.rand(rows, generator=draw) < 0.9).nonzero()
    ids[closed, closes[closed] + torch.arange(len(closing))] = closing
    ids[closed, ends[closed] - 1] = tokenizer.eos_token_id
    generated = torch.arange(length) < ends[:, None]
    return ids.masked_fill_(~generated, tokenizer.pad_token_id), generated.long()


def make_stage(
    tokenizer: PreTrainedTokenizerFast, rows: int, length: int, device: str
) -> dict[str, Work]:
    """The jobs to compare, on one batch with the dtypes that verl's trainer hands over."""
    ids, generated = make_batch(tokenizer, rows, length)
    draw = torch.Generator().manual_seed(1)
    rewards = torch.zeros(rows, length)
    right = torch.randint(0, 2, (rows,), generator=draw).float()
    rewards[torch.arange(rows), generated.sum(dim=1) - 1] = right
    entropy = torch.rand(rows, length, generator=draw)
    ids, generated, rewards, entropy = (
        tensor.to(device) for tensor in (ids, generated, rewards, entropy)
    )
    prompts = [str(uuid.UUID(int=n, version=4)) for n in range(rows // GROUP)]
    uids = np.repeat(np.array(prompts, dtype=object), GROUP)
    thought = cot_mask(tokenizer, ids, generated)
    options = EgpoOptions()

    def estimator(mask: torch.Tensor) -> object:
        return egpo_advantage(rewards, generated, uids, entropy, mask, options)

    return {
        "mask": lambda: cot_mask(tokenizer, ids, generated),
        "estimator": lambda: estimator(thought),
        "stage": lambda: estimator(cot_mask(tokenizer, ids, generated)),
        "grpo": lambda: compute_grpo_outcome_advantage(rewards, generated, uids),
        "vectorized": lambda: compute_grpo_vectorized_outcome_advantage(rewards, generated, uids),
        "read": lambda: (ids.sum(), generated.sum(), rewards.sum(), entropy.sum()),
    }


def best_times(jobs: dict[str, Work], turns: int, device: str) -> dict[str, float]:
    """Milliseconds on the wall's clock of each job's fastest turn, its work on a GPU included."""
    best = dict.fromkeys(jobs, math.inf)
    wait = torch.cuda.synchronize if device == "cuda" else torch.cpu.synchronize
    for _ in range(turns):
        for name, job in jobs.items():
            wait()
            start = time.perf_counter()
            job()
            wait()
            best[name] = min(best[name], (time.perf_counter() - start) * 1e3)
    return best


def step_shares(log: Path) -> str:
    """What verl's `adv` timer takes of a real step, from the log of a run."""
    run = read_run(log)
    _, stage = run.series("timing_s/adv")
    _, step = run.series("timing_s/step")
    shares = [part / whole for part, whole in zip(stage, step, strict=True)]
    return (
        f"{run.name}: timing_s/adv is {median(stage) * 1e3:.0f} ms of a step of "
        f"{median(step):.1f} s, {median(shares):.2%} of it (medians of {len(step)} steps)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--sizes", type=int, default=len(SIZES), help="only the first N sizes")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--json", type=Path, help="add the figures to this file, a line a size")
    parser.add_argument("--run", type=Path, help="a run's log: what the stage takes of its steps")
    parser.add_argument(
        "--whole",
        action="store_true",
        help="the whole of verl's _compute_advantage with its transfer (advantage_transfer.py)",
    )
    arguments = parser.parse_args()
    if arguments.whole:
        import advantage_transfer

        advantage_transfer.main(["--turns", str(arguments.turns)])
        return
    torch.set_num_threads(arguments.threads)
    tokenizer = make_tokenizer()
    device = arguments.device
    one = torch.tensor([[tokenizer.eos_token_id]], device=device)
    analysis = best_times(
        {"": lambda: cot_mask(tokenizer, one, torch.ones_like(one))}, turns=1, device=device
    )
    hardware = "" if device == "cpu" else f"{torch.cuda.get_device_name()}, "
    table = Table(
        title=f"Advantage stage in ms, {hardware}{arguments.threads} threads, "
        f"torch {torch.__version__}, verl {version('verl')}",
        caption=f"analysis of the vocabulary of {len(tokenizer):,}, once: {analysis['']:.0f} ms",
    )
    headings = ("rows x tokens", "mask", "estimator", "stage", "grpo", "grpo_vectorized")
    for heading in (*headings, "stage / grpo", "stage / vectorized", "ns a token", "read inputs"):
        table.add_column(heading, justify="right")
    for rows, length in SIZES[: arguments.sizes]:
        ms = best_times(make_stage(tokenizer, rows, length, device), arguments.turns, device)
        if arguments.json:
            with arguments.json.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps({"rows": rows, "tokens": length, **ms}) + "\n")
        names = ("mask", "estimator", "stage", "grpo", "vectorized")
        table.add_row(
            f"{rows} x {length}",
            *(f"{ms[name]:.1f}" for name in names),
            f"{ms['stage'] / ms['grpo']:.2f}",
            f"{ms['stage'] / ms['vectorized']:.2f}",
            f"{ms['stage'] * 1e6 / (rows * length):.2f}",
            f"{ms['read']:.1f}",
        )
    console = Console(width=150)
    console.print(table)
    if arguments.run:
        console.print(step_shares(arguments.run), highlight=False)


if __name__ == "__main__":
    main()
