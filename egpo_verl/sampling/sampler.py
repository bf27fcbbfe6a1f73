"""Batched sampling by transformers' `generate`, with the log probabilities that RL needs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import pad
from transformers import (
    DynamicCache,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
    StoppingCriteriaList,
)

from egpo_verl.sampling.attention import can_share_prompts
from egpo_verl.sampling.cache import holds, roomy_cache
from egpo_verl.sampling.draws import Draw, filters, uniform
from egpo_verl.sampling.processors import Abort, LogProbRecorder, Thinned, ended
from egpo_verl.sampling.shared import share_prompts, sharing_pays


@dataclass(frozen=True)
class Sampling:
    """How to sample; prompts with equal settings can share a batch.

    `temperature` 0 is greedy; `top_k` <= 0 and `top_p` 1 switch these filters off.
    """

    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = -1
    ignore_eos: bool = False


@dataclass
class Generated:
    """The tokens of one response, its end-of-sequence token included, and their log
    probabilities under the model at the sampling temperature (1 where that is 0), before any
    filter."""

    token_ids: list[int]
    log_probs: list[float]
    aborted: bool = False


@dataclass(frozen=True)
class _How:
    """What all responses of a batch share; `width` is the length of its padded prompts."""

    sampling: Sampling
    ends: tuple[int, ...]
    pad_token_id: int
    width: int
    event: threading.Event


@dataclass
class _Growing:
    """Responses that have not ended.

    Attributes:
        places: (bs,) which responses these are.
        ids: (bs, len) prompts, padded on the left, and the tokens so far.
        attention: (bs, len) 0 where `ids` is padding.
        cache: keys and values of all tokens but the last.
    """

    places: torch.Tensor
    ids: torch.Tensor
    attention: torch.Tensor
    cache: DynamicCache

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with the rows that `rows` (n,) names."""
        self.places, self.ids = self.places[rows], self.ids[rows]
        self.attention = self.attention[rows]
        self.cache.reorder_cache(rows)


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

    A prompt that comes several times is read once, and responses that have ended leave the batch.
    A response depends on its prompt and its seed, and on the others of the batch as far as they
    change how sums are rounded: in float32 that changes hardly any token, in bfloat16 it does.

    What `model.generation_config` says beyond `sampling` holds too, so give it an empty one.

    Raises:
        ValueError: a prompt without a token, a diverged model, or one that lets go of its cache.
    """
    if not all(prompts):
        raise ValueError("A prompt has no token.")
    ends = () if sampling.ignore_eos else tuple(eos_token_ids)
    growing = _read(model, prompts, pad_token_id)
    width = growing.ids.shape[1]
    how = _How(sampling, ends, pad_token_id, width, abort or threading.Event())
    numbers = uniform(seeds, sampling.max_tokens).to(model.device)
    tokens: list[list[int]] = [[] for _ in prompts]
    logs: list[list[float]] = [[] for _ in prompts]
    while True:
        new, new_logs = _go_on(model, growing, how, numbers[growing.places])
        for place, row, row_logs in zip(
            growing.places.tolist(), new.tolist(), new_logs.tolist(), strict=True
        ):
            tokens[place] += row
            logs[place] += row_logs
        left = (~ended(new, ends)).nonzero()[:, 0]
        limit = width + sampling.max_tokens
        if not len(left) or how.event.is_set() or growing.ids.shape[1] == limit:
            break
        growing.keep(left)
    return [
        _cut(row, row_logs, ends, sampling.max_tokens)
        for row, row_logs in zip(tokens, logs, strict=True)
    ]


def _read(model: PreTrainedModel, prompts: Sequence[Sequence[int]], pad_token_id: int) -> _Growing:
    """The prompts with their cache, which each distinct one has filled once."""
    rows: dict[tuple[int, ...], int] = {}
    places = [rows.setdefault(tuple(prompt), len(rows)) for prompt in prompts]
    width = max(len(prompt) for prompt in rows)
    ids = [[pad_token_id] * (width - len(prompt)) + list(prompt) for prompt in rows]
    attention = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in rows]
    device = model.device
    growing = _Growing(
        places=torch.arange(len(rows), device=device),
        ids=torch.tensor(ids, device=device),
        attention=torch.tensor(attention, device=device),
        cache=roomy_cache(model),
    )
    if width > 1:
        # `generate` reads the last token of what it continues. What it adds here is not used.
        model.generate(
            input_ids=growing.ids[:, :-1],
            attention_mask=growing.attention[:, :-1],
            past_key_values=growing.cache,
            generation_config=_generation_config(1, (), pad_token_id),
        )
        _check_cache(model, growing.cache, width - 1)
    owners = torch.tensor(places, device=device)
    if width > 1 and sharing_pays(places) and can_share_prompts(model):
        share_prompts(growing.cache, owners)
    else:
        growing.cache.reorder_cache(owners)
    growing.ids, growing.attention = growing.ids[owners], growing.attention[owners]
    growing.places = torch.arange(len(prompts), device=device)
    return growing


def _go_on(
    model: PreTrainedModel, growing: _Growing, how: _How, numbers: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The tokens and log probabilities, (bs, len) each, that come next, until all end, a quarter
    has ended, there is no more room, or the event is set; `growing` then holds them too."""
    start = growing.ids.shape[1]
    sampling = how.sampling
    recorder = LogProbRecorder(sampling.temperature or 1.0, start)
    drawn: list[LogitsProcessor] = []
    if sampling.temperature:
        drawn = [*filters(sampling.temperature, sampling.top_k, sampling.top_p)]
        drawn.append(Draw(numbers, how.width))
    sequences: Any = model.generate(
        input_ids=growing.ids,
        attention_mask=growing.attention,
        past_key_values=growing.cache,
        generation_config=_generation_config(
            how.width + sampling.max_tokens - start, how.ends, how.pad_token_id
        ),
        logits_processor=LogitsProcessorList([recorder, *drawn]),
        stopping_criteria=StoppingCriteriaList([Abort(how.event), Thinned(start, how.ends)]),
    )
    recorder.settle(sequences)
    _check_cache(model, growing.cache, sequences.shape[1] - 1)
    growing.ids = sequences
    growing.attention = pad(growing.attention, (0, sequences.shape[1] - start), value=1)
    return sequences[:, start:], torch.cat(recorder.columns, dim=1)


def _generation_config(max_tokens: int, ends: Sequence[int], pad_token_id: int) -> GenerationConfig:
    # An empty list of ends and not None, for which transformers takes the model's.
    return GenerationConfig(
        do_sample=False,
        max_new_tokens=max_tokens,
        eos_token_id=list(ends),
        pad_token_id=pad_token_id,
    )


def _check_cache(model: PreTrainedModel, cache: DynamicCache, tokens: int) -> None:
    # Phi-3's rotary embeddings change at a length, where it reads without the cache that it is
    # given; the next token would be drawn from a text of one token.
    if not holds(cache, tokens):
        raise ValueError(
            f"{type(model).__name__} does not keep the keys and values of {tokens} tokens in its "
            "cache, so nothing of that length can be sampled here: use shorter prompts and "
            "responses, or another rollout."
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
