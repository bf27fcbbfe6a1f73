"""Time of `cot_mask` beside reading its inputs once: `python benchmarks/cot_mask.py [--threads N]`.

Rows are words of a byte-level vocabulary in Zipf's proportions, one in a thousand a stray `>`:
`<think>`, a thought of about half of the response, `</think>`, an answer, the end of the turn; a
tenth of the rows is cut off in its thought. The best of several runs counts, since other work on
the machine only adds time; on a busy one, look at the CPU time, which sums over the threads.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from egpo_verl.cot import cot_mask

SIZES = ((1024, 1024), (4096, 2048), (16384, 2048))
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


def best_time(work: Callable[[], object], runs: int = 9) -> tuple[float, float]:
    """Milliseconds of the fastest run: on the wall's clock, and of CPU."""
    times = []
    for _ in range(runs):
        start = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    wall, cpu = zip(*times, strict=True)
    return min(wall) * 1e3, min(cpu) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    torch.set_num_threads(parser.parse_args().threads)
    tokenizer = make_tokenizer()
    one = torch.tensor([[tokenizer.eos_token_id]])
    analysis, _ = best_time(lambda: cot_mask(tokenizer, one, torch.ones_like(one)), runs=1)
    table = Table(
        title=f"cot_mask, {torch.get_num_threads()} threads, torch {torch.__version__}",
        caption=f"analysis of {len(tokenizer):,} tokens, once: {analysis:.0f} ms",
    )
    headings = ("rows x tokens", "thought", "cot_mask ms", "CPU ms", "read ids ms", "ratio")
    for heading in headings:
        table.add_column(heading, justify="right")
    for rows, length in SIZES:
        ids, generated = make_batch(tokenizer, rows, length)
        share = cot_mask(tokenizer, ids, generated).sum() / generated.sum()
        ours, cpu = best_time(lambda i=ids, g=generated: cot_mask(tokenizer, i, g))
        read, _ = best_time(lambda i=ids: i.sum())
        cells = (f"{share:.0%}", f"{ours:.1f}", f"{cpu:.1f}", f"{read:.1f}", f"{ours / read:.1f}")
        table.add_row(f"{rows} x {length}", *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
