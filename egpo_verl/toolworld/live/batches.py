"""Demonstrations of dialogues as token ids: an endless, seeded stream of batches of trees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from random import Random

from transformers import PreTrainedTokenizerFast

from egpo_verl.toolworld.encode import Batch
from egpo_verl.toolworld.live.demonstrate import Demonstration, demonstrations
from egpo_verl.toolworld.tokenizer import END
from egpo_verl.toolworld.tree import Line, tree_batch, trees

POOL = 128
"""Demonstrations for each row of a batch that are drawn together, so that a tree finds several with
the same tools."""


def batches(
    tokenizer: PreTrainedTokenizerFast,
    seed: str,
    rows: int,
    length: int,
    kinds: Sequence[str],
    slips: float,
    max_turns: int,
) -> Iterator[Batch]:
    """Batches of `rows` trees of fresh demonstrations, without end; the same for the same seed.

    Args:
        length: most tokens of a tree; messages that do not fit into one are left out.
        kinds, slips, max_turns: see `demonstrations`.
    """
    for pool in count():
        drawn = demonstrations(
            rows * POOL, f"{seed}:{pool}", "train", kinds, slips, max_turns=max_turns
        )
        lines = _encoded(tokenizer, list(drawn))
        fitting = [line for line in lines if len(line[0]) + len(line[1]) <= length]
        rest = list(trees(fitting, length))  # a third as many as demonstrations
        Random(f"order:{seed}:{pool}").shuffle(rest)
        for start in range(0, len(rest) - rows + 1, rows):
            yield tree_batch(rest[start : start + rows], tokenizer.pad_token_id)


def _encoded(tokenizer: PreTrainedTokenizerFast, drawn: Sequence[Demonstration]) -> list[Line]:
    messages = [message for one in drawn for message in one.messages]
    prompts = tokenizer.apply_chat_template(
        [prompt for prompt, _ in messages], add_generation_prompt=True, tokenize=False
    )
    responses = [response + END for _, response in messages]
    ids = (tokenizer(texts)["input_ids"] for texts in (prompts, responses))
    return list(zip(*ids, strict=True))
