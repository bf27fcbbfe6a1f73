"""Responses of a model, sampled as a rollout samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from egpo_verl import cli
from egpo_verl.cot import cot_mask

MAX_NEW_TOKENS = 160
Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Sampling:
    """How responses are drawn.

    Attributes:
        temperature: 0 means the likeliest token at every step.
        seed: of torch's generator.
        rows: responses drawn at a time.
        size: responses to each task, one after the other.
    """

    temperature: float = 0.7
    seed: int = 0
    rows: int = 64
    size: int = 1


def sampled(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    temperature: float,
) -> list[tuple[str, float]]:
    """One response to each prompt, all at once, and the entropy of its thought."""
    if not texts:
        return []
    prompts = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left")
    how = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
    with torch.no_grad():
        output = model.generate(
            input_ids=prompts["input_ids"],
            attention_mask=prompts["attention_mask"],
            max_new_tokens=MAX_NEW_TOKENS,
            return_dict_in_generate=True,
            output_logits=True,
            **(how if temperature else {"do_sample": False}),
        )
    new = output.sequences[:, prompts["input_ids"].shape[1] :]
    entropies = thought_entropy(tokenizer, new, torch.stack(output.logits, 1), temperature or 1.0)
    return list(zip(tokenizer.batch_decode(new, skip_special_tokens=True), entropies, strict=True))


def thought_entropy(
    tokenizer: PreTrainedTokenizerBase,
    responses: torch.Tensor,
    logits: torch.Tensor,
    temperature: float,
) -> list[float]:
    """Mean entropy of each thought, as the training sees it.

    Args:
        responses: (bs, len) ids, padded on the right.
        logits: (bs, len, vocabulary) that they were drawn from.
        temperature: what the logits are divided by.
    """
    mask = cot_mask(tokenizer, responses, (responses != tokenizer.pad_token_id).long())
    logs = torch.log_softmax(logits.float() / temperature, -1)
    entropy = -(logs.exp() * logs).sum(-1)
    totals, tokens = (entropy * mask).sum(1), mask.sum(1)
    return [float(value) for value in totals / tokens.clamp(min=1)]


def sample_copies(
    tasks: Sequence[Task], sampling: Sampling, sample: Callable[[Sequence[Task]], list[Result]]
) -> list[Result]:
    """What `sample` gives for `sampling.size` copies of each task, in their order.

    The state of torch's generator is put back afterwards, so measuring changes no training.
    """
    results: list[Result] = []
    copies = [task for task in tasks for _ in range(sampling.size)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(sampling.seed)
        for start in range(0, len(copies), sampling.rows):
            results += sample(copies[start : start + sampling.rows])
    return results


def in_parts(
    tasks: Sequence[Task],
    sampling: Sampling,
    title: str,
    measure: Callable[[Sequence[Task], Sampling], list[Result]],
) -> list[Result]:
    """What `measure` gives for `sampling.rows` tasks at a time, behind a progress bar."""
    results: list[Result] = []
    with cli.progress(title, len(tasks)) as report:
        for start in range(0, len(tasks), sampling.rows):
            part = tasks[start : start + sampling.rows]
            # A seed for each part: the same one would give them all the same luck.
            results += measure(part, replace(sampling, seed=sampling.seed + start))
            report(start + len(part))
    return results
