"""What a model answers on toolworld, sampled as a rollout samples, and what that earns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from egpo_verl.datasets.parquet.rows import to_row
from egpo_verl.datasets.sample import Sample
from egpo_verl.reward import compute_score
from egpo_verl.toolworld.encode import prompt_text
from egpo_verl.toolworld.generate import generate
from egpo_verl.toolworld.sampling import Sampling, sample_copies, sampled
from egpo_verl.toolworld.teachers import ways

STAGES = ("score", "format_ok", "parse_ok", "schema_ok", "match_ok")
"""Keys of `compute_score` that a table shows."""

Scores = Mapping[str, float]


@dataclass(frozen=True)
class Response:
    """One response.

    Attributes:
        text: without special tokens.
        scores: what `egpo_verl.reward.compute_score` returns for it.
        entropy: mean entropy of the thought's tokens in nats, at the temperature of the sampling;
            0 where there is no thought.
    """

    text: str
    scores: Scores
    entropy: float

    @property
    def ways(self) -> Mapping[str, bool]:
        """How it goes about its values: see `teachers.ways`."""
        return ways(self.text)


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
) -> list[Response]:
    """`sampling.size` responses to each sample, in their order."""
    return sample_copies(
        samples, sampling, lambda part: respond(model, tokenizer, part, sampling.temperature)
    )


def respond(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    samples: Sequence[Sample],
    temperature: float,
) -> list[Response]:
    """One response to each sample, all at once."""
    texts = [prompt_text(tokenizer, sample) for sample in samples]
    return [
        Response(text, score(sample, text), entropy)
        for sample, (text, entropy) in zip(
            samples, sampled(model, tokenizer, texts, temperature), strict=True
        )
    ]


def means(responses: Iterable[Response]) -> dict[str, float]:
    """Mean of every stage; `responses` must not be empty."""
    rows = [response.scores for response in responses]
    return {stage: sum(row[stage] for row in rows) / len(rows) for stage in STAGES}


@dataclass(frozen=True)
class Spread:
    """How a model's groups of responses differ, over some tasks.

    Attributes:
        once: mean reward, which is pass@1.
        best: share of tasks that some response of the group gets right.
        zero_variance: share of groups whose responses all earn the same.
        entropy: mean entropy of the thoughts in nats.
        derives, checks: share of responses whose thought does so.
    """

    once: float
    best: float
    zero_variance: float
    entropy: float
    derives: float
    checks: float


def spread(responses: Sequence[Response], size: int) -> Spread:
    """Of groups of `size` responses, one after the other; `responses` must not be empty."""
    rewards = [response.scores["score"] for response in responses]
    pools = [rewards[start : start + size] for start in range(0, len(rewards), size)]
    return Spread(
        once=fmean(rewards),
        best=fmean(max(pool) for pool in pools),
        zero_variance=fmean(len(set(pool)) == 1 for pool in pools),
        entropy=fmean(response.entropy for response in responses),
        derives=fmean(response.ways["derives"] for response in responses),
        checks=fmean(response.ways["checks"] for response in responses),
    )


def groups(samples: Sequence[Sample]) -> Iterator[tuple[str, list[int]]]:
    """`(name, positions)` of all samples, of each difficulty, kind and skill."""
    yield "all", list(range(len(samples)))
    for key, word in (("difficulty", "level "), ("kind", ""), ("skill", "")):
        for value in sorted({sample.extra[key] for sample in samples if key in sample.extra}):
            positions = [at for at, sample in enumerate(samples) if sample.extra.get(key) == value]
            yield f"{word}{value}", positions
