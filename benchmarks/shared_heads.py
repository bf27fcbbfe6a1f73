"""How long one sampled token takes with and without copies of shared keys and values.

    python benchmarks/shared_heads.py MODEL [ROWS] [PROMPT_TOKENS] [NEW_TOKENS] [RESPONSES]

Heads share them, and so do the RESPONSES to each prompt (1: heads alone do). Both ways take the
likeliest tokens, which are the same, in turns; the ratio is of the medians.
"""

from __future__ import annotations

import copy
import statistics
import sys
import time

import torch
from transformers import AutoModelForCausalLM

from egpo_verl.cli import say
from egpo_verl.sampling.attention import share_heads
from egpo_verl.sampling.sampler import Sampling, generate

TURNS = 3


def main(
    name: str, rows: int = 64, prompt_tokens: int = 500, new_tokens: int = 8, responses: int = 1
) -> None:
    plain = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32).eval()
    sharing = copy.deepcopy(plain)
    share_heads(sharing)
    draw = torch.Generator().manual_seed(0)
    vocabulary = plain.config.vocab_size
    # One is shorter, so that there is padding and with it a mask.
    lengths = [prompt_tokens - 1, *[prompt_tokens] * (rows // responses - 1)]
    drawn = [torch.randint(10, vocabulary, (each,), generator=draw).tolist() for each in lengths]
    prompts = [prompt for prompt in drawn for _ in range(responses)]
    seconds: dict[str, list[float]] = {"copies": [], "shared": []}
    tokens = []
    one = Sampling(1, temperature=0, ignore_eos=True)
    more = Sampling(1 + new_tokens, temperature=0, ignore_eos=True)
    for _ in range(TURNS):
        for way, model in (("copies", plain), ("shared", sharing)):
            begun = time.perf_counter()
            short = generate(model, prompts, range(len(prompts)), one, [0], 0)
            middle = time.perf_counter()
            long = generate(model, prompts, range(len(prompts)), more, [0], 0)
            seconds[way].append(time.perf_counter() - middle - (middle - begun))
            tokens.append([response.token_ids for response in (*short, *long)])
    same = all(turn == tokens[0] for turn in tokens)
    each = {way: statistics.median(times) / new_tokens for way, times in seconds.items()}
    say(
        f"{name}, {rows} rows of {prompt_tokens} tokens, {responses} to a prompt, "
        f"{torch.get_num_threads()} threads"
    )
    for way, time_of_one in each.items():
        say(f"{way}: {1000 * time_of_one:,.0f} ms for a token of every row")
    say(f"ratio: {each['copies'] / each['shared']:.1f}; the same tokens: {same}")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
