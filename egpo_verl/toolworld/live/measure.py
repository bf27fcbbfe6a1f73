"""How many dialogues a model gets right, sampled as a rollout samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from egpo_verl.calls import Reason
from egpo_verl.toolworld.live.play import Play
from egpo_verl.toolworld.live.task import Task
from egpo_verl.toolworld.sampling import MAX_NEW_TOKENS, Sampling, sample_copies, sampled

MAX_MESSAGES = 8
"""Of the policy in a user turn; no reference needs more than 5."""


@dataclass(frozen=True)
class Result:
    """What came of an episode.

    Attributes:
        task: that it is of.
        reason: why it earns nothing, `Reason.OK` where it earns 1.
        messages: of the policy.
        entropy: mean entropy of their thoughts, in nats.
    """

    task: Task
    reason: Reason
    messages: int
    entropy: float


def measure(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    tasks: Sequence[Task],
    sampling: Sampling,
) -> list[Result]:
    """`sampling.size` episodes of each task, in their order."""
    return sample_copies(
        tasks, sampling, lambda part: _played(model, tokenizer, part, sampling.temperature)
    )


def solved(results: Sequence[Result]) -> float:
    """Share of episodes that earn 1; `results` must not be empty."""
    return fmean(result.reason is Reason.OK for result in results)


def _played(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    tasks: Sequence[Task],
    temperature: float,
) -> list[Result]:
    """An episode of each task, all at once, message by message."""
    plays = [Play(task, max_messages=MAX_MESSAGES) for task in tasks]
    entropies: dict[Play, list[float]] = {play: [] for play in plays}
    room = model.config.max_position_embeddings - MAX_NEW_TOKENS
    while waiting := [play for play in plays if not play.is_over]:
        texts = tokenizer.apply_chat_template(
            [play.prompt for play in waiting], add_generation_prompt=True, tokenize=False
        )
        lengths = map(len, tokenizer(texts)["input_ids"])
        prompts = {}
        for play, text, length in zip(waiting, texts, lengths, strict=True):
            if length <= room:
                prompts[play] = text
            else:
                play.end(Reason.NO_ROOM)
        answers = sampled(model, tokenizer, list(prompts.values()), temperature)
        for play, (text, entropy) in zip(prompts, answers, strict=True):
            entropies[play].append(entropy)
            play.answer(text)
    return [
        Result(task, play.reason, play.counts.messages, fmean(entropies[play] or [0.0]))
        for task, play in zip(tasks, plays, strict=True)
    ]
