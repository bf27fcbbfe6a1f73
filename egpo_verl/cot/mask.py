"""From token ids to the mask of thought tokens, vectorised over the batch.

Two passes touch every token: the scan, in blocks that fit the cache, for the few tokens that may
end a tag and for the borders of turns; and the painting of the thoughts. All between them works on
short lists. Positions are flat: `row * length + column`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from egpo_verl.cot.scan import Turns, scan
from egpo_verl.cot.vocabulary import BLANK, DEAD, OPEN, Vocabulary, vocabulary_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class _Marks(NamedTuple):
    """Tags and control tokens, in order: turn, first and last token, and whether it opens."""

    turn: Tensor
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
        responses: (bs, len) token ids, int64 if they are not to be copied. Padding is any id.
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
    turns, candidates = scan(vocabulary, ids, response_mask)
    opened = _opened_in_gap(vocabulary, ids, turns)
    if prompts is not None:
        first = (turns.begin % ids.shape[1] == 0).nonzero().squeeze(1)
        rows = turns.begin[first] // ids.shape[1]
        in_prompt = _opened_in_prompt(vocabulary, prompts, tokenizer.pad_token_id, len(ids))
        opened[first] = in_prompt[rows]
    marks = _find_marks(vocabulary, ids, turns, candidates)
    return _paint(*_find_thoughts(turns, marks, opened), ids.shape)


def _opened_in_gap(vocabulary: Vocabulary, ids: Tensor, turns: Turns) -> Tensor:
    """(turns,) bool: the template, inside the response, left `<think>` open before the turn."""
    gap_begin = turns.begin - turns.begin % ids.shape[1]
    gap_begin[1:] = torch.maximum(gap_begin[1:], turns.end[:-1])
    return _left_open(vocabulary, ids.view(-1), turns.begin, gap_begin)


def _opened_in_prompt(
    vocabulary: Vocabulary, prompts: Tensor | Sequence[Tensor], pad: int | None, rows: int
) -> Tensor:
    """(bs,) bool: nothing but blanks follows an open tag at the prompt's end."""
    if isinstance(prompts, Tensor) and prompts.layout == torch.strided and prompts.is_nested:
        prompts = prompts.unbind()
    if not isinstance(prompts, Tensor):
        prompts = torch.nested.as_nested_tensor(list(prompts), layout=torch.jagged)
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
    return _left_open(vocabulary, flat, end, begin)


def _length_without_right_padding(prompts: Tensor, pad: int | None) -> Tensor:
    length = prompts.new_full((prompts.shape[0],), prompts.shape[1], dtype=torch.long)
    if pad is None or not prompts.shape[1] or bool((prompts[:, -1] != pad).all()):
        return length
    return length - (prompts != pad).flip(1).to(torch.uint8).argmax(1)


def _find_marks(vocabulary: Vocabulary, ids: Tensor, turns: Turns, candidates: Tensor) -> _Marks:
    entry = torch.searchsorted(vocabulary.mark_id, ids.view(-1)[candidates])
    past = torch.searchsorted(vocabulary.mark_id, ids.view(-1)[candidates], right=True)
    count = past - entry  # more than one for a token such as "</think><think>"
    last = candidates.repeat_interleave(count)
    nth = torch.arange(len(last), device=ids.device)
    nth -= (count.cumsum(0) - count).repeat_interleave(count)
    state = vocabulary.mark_state[entry.repeat_interleave(count) + nth]
    turn = torch.searchsorted(turns.begin, last, right=True) - 1
    state, first = _walk_back(vocabulary, ids.view(-1), last, state, turns.begin[turn])
    real = state != DEAD
    return _Marks(turn[real], first[real], last[real], state[real] == OPEN)


def _left_open(vocabulary: Vocabulary, ids: Tensor, end: Tensor, begin: Tensor) -> Tensor:
    """Whether each stretch of ids from `begin` up to `end` ends in `<think>` and blanks."""
    state, _ = _walk_back(vocabulary, ids, end, torch.full_like(end, BLANK), begin)
    return state == OPEN


def _walk_back(
    vocabulary: Vocabulary, ids: Tensor, at: Tensor, state: Tensor, stop: Tensor
) -> tuple[Tensor, Tensor]:
    """Reads tokens leftwards, from the one before each `at` down to `stop`, for a tag's rest.

    Returns the final states (OPEN, CLOSE or DEAD) and the position of the last token read, which
    holds the tag's `<`.
    """
    state, at = state.clone(), at.clone()
    walking = (state < OPEN).nonzero().squeeze(1)
    while walking.numel():
        before = at[walking] - 1
        read = vocabulary.step[state[walking], ids[before.clamp(min=0)]].long()
        state[walking] = torch.where(before < stop[walking], DEAD, read)
        at[walking] = before
        walking = walking[state[walking] < OPEN]
    return state, at


def _find_thoughts(turns: Turns, marks: _Marks, opened: Tensor) -> tuple[Tensor, Tensor]:
    """Begins and ends (exclusive) of the thoughts, none of them empty."""
    inside = opened[marks.turn]  # before each mark, as the mark before it left things
    same_turn = marks.turn[1:] == marks.turn[:-1]
    inside[1:] = torch.where(same_turn, marks.opens[:-1], inside[1:])
    opening = (marks.opens & ~inside).nonzero().squeeze(1)
    begin = torch.cat([turns.begin[opened], marks.last[opening] + 1])
    turn_end = torch.cat([turns.end[opened], turns.end[marks.turn[opening]]])
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
