"""The reward of a model on toolworld, sampled as a rollout samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from egpo_verl.datasets.parquet.rows import to_row
from egpo_verl.datasets.sample import Sample
from egpo_verl.reward import compute_score
from egpo_verl.toolworld.encode import prompt_text
from egpo_verl.toolworld.generate import generate

MAX_NEW_TOKENS = 160
STAGES = ("score", "format_ok", "parse_ok", "schema_ok", "match_ok")
"""Keys of `compute_score` that a table shows."""

Scores = Mapping[str, float]


@dataclass(frozen=True)
class Sampling:
    """How responses are drawn.

    Attributes:
        temperature: 0 means the likeliest token at every step.
        seed: of torch's generator.
        rows: prompts answered at a time.
    """

    temperature: float = 0.7
    seed: int = 0
    rows: int = 64


def fresh_tasks(n: int, seed: int, split: str, levels: Sequence[int]) -> list[Sample]:
    """Tasks to measure on, drawn under another seed than any training data of the same number."""
    return list(generate(n, f"measure-{seed}", split, levels))


def score(sample: Sample, response: str) -> Scores:
    """What `egpo_verl.reward.compute_score` returns for a response to a sample."""
    row = to_row(sample, 0)
    truth = row["reward_model"]["ground_truth"]
    scores: Scores = compute_score(row["data_source"], response, truth, row["extra_info"])
    return scores


def measure(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    samples: Sequence[Sample],
    sampling: Sampling,
) -> list[Scores]:
    """The score of one response to each sample, in their order.

    The state of torch's generator is put back afterwards, so measuring changes no training.
    """
    scores: list[Scores] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(sampling.seed)
        for start in range(0, len(samples), sampling.rows):
            part = samples[start : start + sampling.rows]
            responses = respond(model, tokenizer, part, sampling.temperature)
            scores += [score(*pair) for pair in zip(part, responses, strict=True)]
    return scores


def respond(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    samples: Sequence[Sample],
    temperature: float,
) -> list[str]:
    """One response to each sample, all at once, without the special tokens."""
    texts = [prompt_text(tokenizer, sample) for sample in samples]
    prompts = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left")
    how = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
    with torch.no_grad():
        output = model.generate(
            input_ids=prompts["input_ids"],
            attention_mask=prompts["attention_mask"],
            max_new_tokens=MAX_NEW_TOKENS,
            **(how if temperature else {"do_sample": False}),
        )
    new = output[:, prompts["input_ids"].shape[1] :]
    return list(tokenizer.batch_decode(new, skip_special_tokens=True))


def means(scores: Iterable[Scores]) -> dict[str, float]:
    """Mean of every stage; `scores` must not be empty."""
    rows = list(scores)
    return {stage: sum(row[stage] for row in rows) / len(rows) for stage in STAGES}


def groups(samples: Sequence[Sample]) -> Iterator[tuple[str, list[int]]]:
    """`(name, positions)` of all samples, of each difficulty and of each kind."""
    yield "all", list(range(len(samples)))
    for key, word in (("difficulty", "level "), ("kind", "")):
        for value in sorted({sample.extra[key] for sample in samples}):
            positions = [at for at, sample in enumerate(samples) if sample.extra[key] == value]
            yield f"{word}{value}", positions
