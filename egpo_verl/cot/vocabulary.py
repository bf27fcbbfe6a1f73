"""A tokenizer's vocabulary as an automaton that reads tags from right to left, one token a step.

Both tags end in `think>`, so a tag is recognised at its `>` and then followed back to its `<`.
Reading backwards keeps the work small: few tokens hold a `>` that can end a tag, whereas any `<`
could begin one. The text of a token is what the tokenizer decodes after another token; a piece of
a UTF-8 character decodes to U+FFFD, which is harmless because tags are plain ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

import torch

from egpo_verl.calls.thought import THINK_CLOSE, THINK_OPEN

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TAIL = THINK_OPEN[1:]  # what both tags end in

# States of the reader. 0: nothing but blanks was read, 1 to 6: that many characters of TAIL,
# 7: "/think>"; from OPEN on there is nothing left to read.
BLANK, SLASH, OPEN, CLOSE, DEAD = 0, 7, 8, 9, 10

_TAGS = [THINK_OPEN, THINK_CLOSE]
_PROBES = (f"{THINK_OPEN}x{THINK_CLOSE}", f"So {THINK_OPEN}\nx.{THINK_CLOSE}\n\n[f(a=1)]")


class Vocabulary(NamedTuple):
    """What the reader knows about every token id.

    Attributes:
        step: (OPEN, size) uint8; `step[s, id]` is the state after reading that token backwards in
            state `s`. An id without text reads as a letter of its own would.
        marking: (size,) bool; ids that may end a tag, and control tokens.
        mark_id, mark_state: (m,) int64, sorted by id; every mark of every marking id, from left to
            right, with the reader's state once it has read the part of the tag in this token.
    """

    step: torch.Tensor
    marking: torch.Tensor
    mark_id: torch.Tensor
    mark_state: torch.Tensor

    def to(self, device: torch.device) -> Vocabulary:
        return Vocabulary(*(table.to(device) for table in self))


_Version = tuple[int, frozenset[int]]
_cache: WeakKeyDictionary[PreTrainedTokenizerBase, tuple[_Version, Vocabulary]]
_cache = WeakKeyDictionary()


def vocabulary_of(tokenizer: PreTrainedTokenizerBase) -> Vocabulary:
    """Analyses `tokenizer` (under a second for 150,000 tokens), or recalls the last analysis.

    Raises:
        ValueError: the tokenizer does not give the tags back as they were written.
    """
    control = _control_ids(tokenizer)
    # Only added tokens can change a vocabulary; to count all of it takes tens of milliseconds.
    version = (len(tokenizer.added_tokens_decoder), control)
    known = _cache.get(tokenizer)
    if known is None or known[0] != version:
        texts = _token_texts(tokenizer)
        _check(tokenizer, texts)
        known = _cache[tokenizer] = (version, _tabulate(texts, control))
    return known[1]


def read_back(state: int, text: str) -> int:
    """The state after reading `text` from its end to its start, beginning in `state`."""
    for char in reversed(text):
        state = _read_char(state, char)
        if state >= OPEN:
            break
    return state


def _read_char(state: int, char: str) -> int:
    if state == BLANK and char.isspace():
        return BLANK
    if state == SLASH:
        return CLOSE if char == "<" else DEAD
    if state == len(TAIL):
        return {"<": OPEN, "/": SLASH}.get(char, DEAD)
    return state + 1 if char == TAIL[-1 - state] else DEAD


def _control_ids(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Ids that steer the dialogue (end of turn, padding, ...) instead of saying something in it."""
    special = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    special.update(tokenizer.all_special_ids)
    steering = {tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.bos_token_id}
    if tokenizer.unk_token_id not in steering:
        special.discard(tokenizer.unk_token_id)
    return frozenset(special)


def _token_texts(tokenizer: PreTrainedTokenizerBase) -> dict[int, str]:
    """Every id's text where it is not the first of its sequence (there, decoders strip a space)."""
    ids = sorted(set(tokenizer.get_vocab().values()))
    anchor = tokenizer("a", add_special_tokens=False)["input_ids"][-1:]
    decoded = _decode_all(tokenizer, [anchor, *([*anchor, i] for i in ids)])
    return {i: text[len(decoded[0]) :] for i, text in zip(ids, decoded[1:], strict=True)}


def _decode_all(tokenizer: PreTrainedTokenizerBase, rows: list[list[int]]) -> list[str]:
    if tokenizer.is_fast:
        decoded: list[str] = tokenizer.backend_tokenizer.decode_batch(
            rows, skip_special_tokens=False
        )
        return decoded
    return [
        tokenizer.decode(row, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        for row in rows
    ]


def _check(tokenizer: PreTrainedTokenizerBase, texts: Mapping[int, str]) -> None:
    for probe in _PROBES:
        ids = tokenizer(probe, add_special_tokens=False)["input_ids"]
        back = "".join(texts[i] for i in ids)
        if re.findall("|".join(_TAGS), back) != _TAGS:
            raise ValueError(
                f"{type(tokenizer).__name__} cannot say where a thought is: it turns {probe!r} "
                f"into {back!r}; use a tokenizer that keeps text as it is (byte-level BPE, "
                f"SentencePiece with byte fallback), or add {' and '.join(_TAGS)} to its vocabulary"
            )


def _tabulate(texts: Mapping[int, str], control: frozenset[int]) -> Vocabulary:
    # Models round their embedding up, so that ids above the vocabulary may be sampled; twice the
    # next power of two leaves room for them and still refuses ids of another tokenizer.
    size = 2 << max(texts).bit_length()
    step = torch.full((OPEN, size), DEAD, dtype=torch.uint8)
    readable = {i: t for i, t in texts.items() if t and (t[-1] in THINK_CLOSE or t[-1].isspace())}
    for state in range(OPEN):
        moves = {i: read_back(state, text) for i, text in readable.items()}
        step[state, torch.tensor(list(moves))] = torch.tensor(list(moves.values())).to(step.dtype)
    marks = {i: _marks_in(text) for i, text in texts.items() if ">" in text}
    marks = {i: mark for i, mark in marks.items() if mark}
    marks = {i: [CLOSE] for i in control} | marks  # a special token whose text is a tag is a tag
    ids = sorted(marks)
    return Vocabulary(
        step=step,
        marking=torch.zeros(size, dtype=torch.bool).index_fill_(0, torch.tensor(ids), True),
        mark_id=torch.tensor([i for i in ids for _ in marks[i]]),
        mark_state=torch.tensor([state for i in ids for state in marks[i]]),
    )


def _marks_in(text: str) -> list[int]:
    """The state at the start of `text` for each of its `>` that may end a tag."""
    states = (read_back(1, text[:at]) for at, char in enumerate(text) if char == ">")
    return [state for state in states if state != DEAD]
