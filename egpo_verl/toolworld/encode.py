"""Demonstrations as token ids: an endless, seeded stream of batches of similar length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from random import Random

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from egpo_verl.datasets.parquet.rows import to_row
from egpo_verl.datasets.sample import Sample
from egpo_verl.toolworld.derived.levels import DERIVED_LEVELS
from egpo_verl.toolworld.generate import demonstrations, derivations
from egpo_verl.toolworld.teachers import CAREFUL
from egpo_verl.toolworld.tokenizer import END

IGNORED = -100
DRILL = 128
"""Tokens of a row of drills."""
POOL = 32
"""Batches that are drawn together, sorted by length, cut, and shuffled."""
ROUND = 32
"""Lengths are multiples of this: bfloat16 kernels are compiled, and cached, for every new shape."""


@dataclass(frozen=True)
class Batch:
    """Rows padded on the right; causal attention never looks there, so there is no mask.

    `targets` holds the next token where it is one of the response's (its end included), and
    `IGNORED` elsewhere. Rows that are trees (`tree`) have positions, and a mask that is true where
    a token sees another.
    """

    ids: Tensor  # (rows, length) int64, prompt and response
    targets: Tensor  # (rows, length) int64
    positions: Tensor | None = None  # (rows, length) int64
    mask: Tensor | None = None  # (rows, 1, length, length) bool


def prompt_text(tokenizer: PreTrainedTokenizerBase, sample: Sample) -> str:
    """The prompt as the model reads it, ending where its response begins."""
    messages = to_row(sample, 0)["prompt"]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return str(text)


def brief_text(tokenizer: PreTrainedTokenizerBase, sample: Sample) -> str:
    """The prompt without instructions and schemas: names and descriptions of the tools alone.

    Where values are to be derived, this holds all that the derivation needs.
    """
    told = [message["content"] for message in sample.messages if message["role"] == "system"]
    dialogue = [dict(message) for message in sample.messages if message["role"] != "system"]
    tools = [f"{tool['name']}: {tool['description']}" for tool in sample.tools]
    system = {"role": "system", "content": "\n".join([*tools, *told])}
    text = tokenizer.apply_chat_template(
        [system, *dialogue], add_generation_prompt=True, tokenize=False
    )
    return str(text)


@dataclass(frozen=True)
class Lessons:
    """What demonstrations are drawn from: see `generate.demonstrations`.

    With `brief` the prompt is a third as long: see `brief_text`.
    """

    levels: Sequence[int]
    noise: float = 0.0
    teachers: Mapping[str, float] = field(default_factory=lambda: CAREFUL)
    brief: bool = False

    def drawn(self, rows: int, seed: str) -> Iterator[tuple[Sample, str]]:
        """`rows` demonstrations."""
        return demonstrations(rows, seed, "train", self.levels, self.noise, self.teachers)


def training_texts(rows: int, seed: str, lessons: Lessons) -> Iterator[str]:
    """What the tokenizer learns from: system prompts, questions and responses."""
    for sample, response in lessons.drawn(rows, seed):
        yield from (message["content"] for message in to_row(sample, 0)["prompt"])
        yield response


def batches(
    tokenizer: PreTrainedTokenizerFast,
    seed: str,
    rows: int,
    lessons: Lessons,
) -> Iterator[Batch]:
    """Batches of `rows` fresh demonstrations, without end; the same for the same seed."""
    pool = 0
    while True:
        drawn = list(lessons.drawn(rows * POOL, f"{seed}:{pool}"))
        lines = _encoded(tokenizer, drawn, brief_text if lessons.brief else prompt_text)
        lines.sort(key=lambda line: len(line[0]) + len(line[1]))
        cuts = [lines[start : start + rows] for start in range(0, len(lines), rows)]
        Random(f"order:{seed}:{pool}").shuffle(cuts)
        yield from (_batch(cut, tokenizer.pad_token_id) for cut in cuts)
        pool += 1


def drills(
    tokenizer: PreTrainedTokenizerFast, seed: str, rows: int, levels: Sequence[int]
) -> Iterator[Batch]:
    """Batches of derivations without their tasks, one after the other, without end.

    They hold five times as many derivations as demonstrations of the same length do. All tokens
    count, though what a derivation starts from cannot be known.
    """
    chosen = [level for level in levels if level in DERIVED_LEVELS]
    for pool in count():
        texts = derivations(rows * POOL, f"drill:{seed}:{pool}", levels=chosen)
        ids = list(chain(*tokenizer([text + END for text in texts])["input_ids"]))
        lines = torch.tensor(ids[: len(ids) // DRILL * DRILL]).view(-1, DRILL)
        following = torch.cat([lines[:, 1:], torch.full((len(lines), 1), IGNORED)], 1)
        for start in range(0, len(lines) - rows + 1, rows):
            yield Batch(lines[start : start + rows], following[start : start + rows])


def _encoded(
    tokenizer: PreTrainedTokenizerFast,
    drawn: Sequence[tuple[Sample, str]],
    text: Callable[[PreTrainedTokenizerBase, Sample], str],
) -> list[tuple[list[int], list[int]]]:
    prompts = tokenizer([text(tokenizer, sample) for sample, _ in drawn])["input_ids"]
    responses = tokenizer([response + END for _, response in drawn])["input_ids"]
    return list(zip(prompts, responses, strict=True))


def _batch(lines: Sequence[tuple[list[int], list[int]]], pad: int) -> Batch:
    longest = max(len(prompt) + len(response) for prompt, response in lines)
    length = longest + -longest % ROUND
    ids = torch.full((len(lines), length), pad)
    targets = torch.full((len(lines), length), IGNORED)
    for row, (prompt, response) in enumerate(lines):
        end = len(prompt) + len(response)
        ids[row, :end] = torch.tensor(prompt + response)
        targets[row, len(prompt) - 1 : end - 1] = torch.tensor(response)
    return Batch(ids, targets)
