"""Batched sampling by transformers' `generate`, with the log probabilities that RL needs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
    StoppingCriteria,
    StoppingCriteriaList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from egpo_verl.integration.cpu.draws import Draw, uniform


@dataclass(frozen=True)
class Sampling:
    """How to sample; prompts with equal settings can share a batch.

    `temperature` 0 is greedy; `top_k` <= 0 and `top_p` 1 switch these filters off.
    """

    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = -1
    repetition_penalty: float = 1.0
    ignore_eos: bool = False


@dataclass
class Generated:
    """The tokens of one response, its end-of-sequence token included, and their log
    probabilities under the model at the sampling temperature, before any filter."""

    token_ids: list[int]
    log_probs: list[float]
    aborted: bool = False


@dataclass
class LogProbRecorder(LogitsProcessor):
    """Records the log probability of each sampled token, holding one step's logits at a time.

    It stands before temperature and filters, so the logits seen here are the model's; the token
    that came of them is the last one of the next call's `input_ids`.
    """

    temperature: float
    prompt_length: int
    columns: list[torch.Tensor] = field(default_factory=list)
    previous: torch.Tensor | None = None

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        if input_ids.shape[1] > self.prompt_length:
            self.settle(input_ids)
        self.previous = torch.log_softmax(scores.float() / self.temperature, dim=-1)
        return scores

    def settle(self, input_ids: torch.Tensor) -> None:
        """Read off the log probability of the newest token."""
        if self.previous is not None:
            self.columns.append(self.previous.gather(1, input_ids[:, -1:]))
            self.previous = None


@dataclass
class Abort(StoppingCriteria):
    """Ends all sequences once `event` is set."""

    event: threading.Event

    def __call__(
        self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **kwargs: Any
    ) -> torch.BoolTensor:
        stop: Any = input_ids.new_full((len(input_ids),), self.event.is_set(), dtype=torch.bool)
        return stop  # type: ignore[no-any-return]


@torch.no_grad()
def generate(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    seeds: Sequence[int],
    sampling: Sampling,
    eos_token_ids: Sequence[int],
    pad_token_id: int,
    abort: threading.Event | None = None,
) -> list[Generated]:
    """Sample one response to each prompt (token ids), all in one batch, padded on the left.

    A response depends on its prompt and its seed, not on the others of the batch.
    """
    width = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[pad_token_id] * (width - len(p)) + list(p) for p in prompts])
    attention = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    draws = _draws(sampling, seeds, width, model.device)
    recorder = LogProbRecorder(temperature=sampling.temperature or 1.0, prompt_length=width)
    event = abort or threading.Event()
    sequences: Any = model.generate(
        input_ids=ids.to(model.device),
        attention_mask=attention.to(model.device),
        generation_config=_generation_config(sampling, eos_token_ids, pad_token_id),
        logits_processor=LogitsProcessorList([recorder, *draws]),
        stopping_criteria=StoppingCriteriaList([Abort(event)]),
    )
    recorder.settle(sequences)
    log_probs = torch.cat(recorder.columns, dim=1)
    ends = () if sampling.ignore_eos else tuple(eos_token_ids)
    return [
        _cut(tokens, logs, ends, sampling.max_tokens)
        for tokens, logs in zip(sequences[:, width:].tolist(), log_probs.tolist(), strict=True)
    ]


def _draws(
    sampling: Sampling, seeds: Sequence[int], width: int, device: torch.device
) -> list[LogitsProcessor]:
    """Temperature, filters and the draw; nothing where sampling is greedy."""
    if sampling.temperature == 0:
        return []
    steps: list[LogitsProcessor] = [TemperatureLogitsWarper(sampling.temperature)]
    if sampling.top_k > 0:
        steps.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        steps.append(TopPLogitsWarper(sampling.top_p))
    return [*steps, Draw(uniform(seeds, sampling.max_tokens).to(device), width)]


def _generation_config(
    sampling: Sampling, eos_token_ids: Sequence[int], pad_token_id: int
) -> GenerationConfig:
    return GenerationConfig(
        do_sample=False,
        max_new_tokens=sampling.max_tokens,
        eos_token_id=None if sampling.ignore_eos else list(eos_token_ids),
        pad_token_id=pad_token_id,
        repetition_penalty=sampling.repetition_penalty,
    )


def _cut(
    tokens: list[int], log_probs: list[float], ends: Sequence[int], max_tokens: int
) -> Generated:
    """Drop the padding behind the end of one response."""
    stop = next((place for place, token in enumerate(tokens) if token in ends), None)
    length = len(tokens) if stop is None else stop + 1
    aborted = stop is None and length < max_tokens
    return Generated(tokens[:length], log_probs[:length], aborted)


def end_tokens(model: Any, tokenizer: Any) -> tuple[list[int], int]:
    """The ids that end a response (the model's and the tokenizer's) and the id for padding."""
    of_model = model.generation_config.eos_token_id
    ends = list(of_model) if isinstance(of_model, list) else [of_model]
    tokens = sorted({token for token in [*ends, tokenizer.eos_token_id] if token is not None})
    if not tokens:
        raise ValueError("The model names no end-of-sequence token: set one in its tokenizer.")
    pad = tokenizer.pad_token_id
    return tokens, pad if pad is not None else tokens[0]
