"""From token ids to the mask of thought tokens, vectorised over the batch.

Only three passes touch every token: a table lookup that finds the few tokens which may end a tag,
the ends of turns in the response mask, and the painting of the spans. All between them works on
lists of marks. Positions are flat: `row * length + column`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from egpo_verl.cot.vocabulary import BLANK, DEAD, OPEN, Vocabulary, vocabulary_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class _Turns(NamedTuple):
    """Stretches that the policy generated, in order; `end` is exclusive. Both (turns,) int64."""

    begin: Tensor
    end: Tensor


class _Marks(NamedTuple):
    """Tags and control tokens, in order: their first and last token, and whether they open."""

    first: Tensor
    last: Tensor
    opens: Tensor


def cot_mask(
    tokenizer: PreTrainedTokenizerBase,
    responses: Tensor,
    response_mask: Tensor,
    prompts: Tensor | Sequence[Tensor] | None = None,
) -> Tensor:
    """Which response tokens are thought; `egpo_verl.cot` has the rules as a table.

    Args:
        tokenizer: the policy's tokenizer; its vocabulary is analysed at the first call.
        responses: (bs, len) integer token ids. Padding may be anything.
        response_mask: (bs, len) 1 where the policy generated, 0 for padding and for the turns of
            tools and users.
        prompts: what stands before the responses, to see whether it leaves `<think>` open at its
            end: (bs, any) ids padded on either side with `tokenizer.pad_token_id`, or unpadded as a
            nested tensor or as bs tensors of ids. None: it does not.

    Returns:
        (bs, len) bool, False wherever `response_mask` is 0.

    Raises:
        ValueError: shapes that do not fit, ids far outside the vocabulary, or a tokenizer that does
            not give the tags back as they were written.
    """
    if responses.dim() != 2 or responses.shape != response_mask.shape:
        raise ValueError(
            "responses and response_mask must share one shape (bs, len), but are "
            f"{tuple(responses.shape)} and {tuple(response_mask.shape)}"
        )
    vocabulary = vocabulary_of(tokenizer).to(responses.device)
    if responses.numel() == 0:
        return torch.zeros_like(responses, dtype=torch.bool)
    ids = responses.long().contiguous()
    generated = response_mask.bool()
    turns = _find_turns(generated)
    marks = _find_marks(vocabulary, ids, generated)
    opened = _opened_in_gap(vocabulary, ids, generated, turns)
    if prompts is not None:
        after_prompt = (turns.begin % ids.shape[1] == 0).nonzero().squeeze(1)
        rows = turns.begin[after_prompt] // ids.shape[1]
        open_rows = _left_open(vocabulary, prompts, tokenizer.pad_token_id, ids.shape[0])
        opened[after_prompt] = open_rows[rows]
    begin, end = _find_thoughts(turns, marks, opened)
    return _paint(begin, end, ids.shape)


def _find_turns(generated: Tensor) -> _Turns:
    first, last = generated.clone(), generated.clone()
    torch.gt(generated[:, 1:], generated[:, :-1], out=first[:, 1:])
    torch.gt(generated[:, :-1], generated[:, 1:], out=last[:, :-1])
    return _Turns(_positions(first), _positions(last) + 1)


def _find_marks(vocabulary: Vocabulary, ids: Tensor, generated: Tensor) -> _Marks:
    try:
        candidates = vocabulary.marking.take(ids).logical_and_(generated)
    except IndexError as error:
        raise ValueError(
            f"responses hold token id {int(ids.max())}, but the tokenizer knows none above "
            f"{vocabulary.marking.numel() // 2}: pass the policy's own tokenizer"
        ) from error
    at = _positions(candidates)
    found = ids.view(-1)[at]
    entry = torch.searchsorted(vocabulary.mark_id, found)
    count = torch.searchsorted(vocabulary.mark_id, found, right=True) - entry
    nth = torch.arange(int(count.sum()), device=ids.device)
    nth -= (count.cumsum(0) - count).repeat_interleave(count)
    state = vocabulary.mark_state[entry.repeat_interleave(count) + nth]
    last = at.repeat_interleave(count)
    row_begin = last - last % ids.shape[1]
    state, first = _walk_back(vocabulary, ids.view(-1), last, state, row_begin, generated.view(-1))
    tag = state != DEAD
    return _Marks(first[tag], last[tag], state[tag] == OPEN)


def _opened_in_gap(vocabulary: Vocabulary, ids: Tensor, generated: Tensor, turns: _Turns) -> Tensor:
    """(turns,) bool: the template, inside the response, left `<think>` open before the turn."""
    row_begin = turns.begin - turns.begin % ids.shape[1]
    blank = torch.full_like(turns.begin, BLANK)
    gap = ~generated.view(-1)
    state, _ = _walk_back(vocabulary, ids.view(-1), turns.begin, blank, row_begin, gap)
    return state == OPEN


def _left_open(
    vocabulary: Vocabulary, prompts: Tensor | Sequence[Tensor], pad: int | None, rows: int
) -> Tensor:
    """(bs,) bool: nothing but blanks follows an open tag at the prompt's end."""
    if not isinstance(prompts, Tensor):
        prompts = torch.nested.as_nested_tensor(list(prompts), layout=torch.jagged)
    elif prompts.is_nested and prompts.layout != torch.jagged:
        prompts = torch.nested.as_nested_tensor(list(prompts.unbind()), layout=torch.jagged)
    if prompts.dim() != 2 or prompts.shape[0] != rows:
        raise ValueError(f"prompts must have {rows} rows of ids, but are {tuple(prompts.shape)}")
    if prompts.is_nested:
        flat = prompts.values()
        begin, end = prompts.offsets().unfold(0, 2, 1).unbind(1)  # type: ignore[attr-defined]
    else:
        flat = prompts.reshape(-1)
        begin = torch.arange(rows, device=flat.device) * prompts.shape[1]
        end = begin + _length_without_right_padding(prompts, pad)
    if not flat.numel():
        return torch.zeros(rows, dtype=torch.bool, device=flat.device)
    anywhere = torch.ones(1, dtype=torch.bool, device=flat.device).expand(flat.numel())
    blank = torch.full_like(end, BLANK)
    state, _ = _walk_back(vocabulary, flat, end, blank, begin, anywhere)
    return state == OPEN


def _length_without_right_padding(prompts: Tensor, pad: int | None) -> Tensor:
    length = prompts.new_full((prompts.shape[0],), prompts.shape[1], dtype=torch.long)
    if pad is None or not prompts.shape[1] or bool((prompts[:, -1] != pad).all()):
        return length
    return length - (prompts != pad).flip(1).to(torch.uint8).argmax(1)


def _walk_back(
    vocabulary: Vocabulary, ids: Tensor, at: Tensor, state: Tensor, stop: Tensor, legible: Tensor
) -> tuple[Tensor, Tensor]:
    """Reads tokens leftwards from before each `at` until its tag is complete or cannot be.

    Only tokens from `stop` on that are `legible` are read. Returns the final states (OPEN, CLOSE or
    DEAD) and the positions of the last token read, which holds the tag's `<`.
    """
    state, at = state.clone(), at.clone()
    walking = (state < OPEN).nonzero().squeeze(1)
    while walking.numel():
        before = at[walking] - 1
        readable = (before >= stop[walking]) & legible[before.clamp(min=0)]
        read = vocabulary.step[state[walking], ids[before.clamp(min=0)]].long()
        state[walking] = torch.where(readable, read, DEAD)
        at[walking] = before
        walking = walking[state[walking] < OPEN]
    return state, at


def _find_thoughts(turns: _Turns, marks: _Marks, opened: Tensor) -> tuple[Tensor, Tensor]:
    """Flat begins and ends (exclusive) of the thoughts, none of them empty."""
    turn = torch.searchsorted(turns.begin, marks.last, right=True) - 1
    inside = opened[turn]
    inside[1:] = torch.where(turn[1:] == turn[:-1], marks.opens[:-1], inside[1:])
    opening = (marks.opens & ~inside).nonzero().squeeze(1)
    begin = torch.cat([turns.begin[opened], marks.last[opening] + 1])
    turn_end = torch.cat([turns.end[opened], turns.end[turn[opening]]])
    from_mark = torch.cat([torch.searchsorted(marks.last, turns.begin[opened]), opening])
    closing = (~marks.opens).nonzero().squeeze(1)
    # Past the last closing mark, a sentinel leaves the end to the turn.
    never = turn_end.new_full((1,), torch.iinfo(torch.long).max)
    close_first = torch.cat([marks.first[closing], never])
    end = torch.minimum(close_first[torch.searchsorted(closing, from_mark)], turn_end)
    full = end > begin
    return begin[full], end[full]


def _paint(begin: Tensor, end: Tensor, shape: torch.Size) -> Tensor:
    """True on the disjoint spans; a running sum of +1 at each begin and -1 at each end."""
    change = torch.zeros(shape, dtype=torch.int8, device=begin.device)
    change.view(-1)[begin] += 1
    change.view(-1)[end[end % shape[1] != 0]] -= 1  # a span to the row's end needs no end
    return change.cumsum_(1).view(torch.bool)


def _positions(flags: Tensor) -> Tensor:
    """Flat positions of the few True, eight flags looked at at once."""
    flat = flags.view(-1)
    padded = torch.nn.functional.pad(flat, (0, -flat.numel() % 8))
    words = padded.view(torch.long).nonzero().squeeze(1)
    word, byte = padded.view(-1, 8)[words].nonzero(as_tuple=True)
    return words[word] * 8 + byte
