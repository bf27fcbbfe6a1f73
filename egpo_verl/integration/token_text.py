"""The text of every token of a response, whole characters only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NOT_TEXT = "\ufffd"
MOST_PIECES = 16
"""Tokens that are taken together in search of a whole text; only bytes that are none need more."""


def token_texts(tokenizer: PreTrainedTokenizerBase, rows: Sequence[Sequence[int]]) -> pa.Array:
    """The text of every token, one row after the other: (tokens,) strings.

    Where characters are cut across tokens, the last of these has them and the others are empty.
    """
    flat = np.fromiter((token for row in rows for token in row), dtype=np.int64)
    ids, places = np.unique(flat, return_inverse=True)
    decode = _decoder(tokenizer)
    texts = [decode((token,)) for token in ids.tolist()]
    pieces = np.array([_is_piece(text) for text in texts], dtype=bool)
    cut = np.flatnonzero(pieces[places])
    ends = {end - 1 for end in np.cumsum([len(row) for row in rows]).tolist()}
    empty, held = len(texts), list[int]()
    texts.append("")
    for place in cut.tolist():
        held.append(place)
        text = decode(tuple(flat[held].tolist()))
        follows = pieces[places[place + 1]] if place + 1 < len(flat) else False
        if _is_piece(text) and follows and place not in ends and len(held) < MOST_PIECES:
            continue
        places[held] = empty
        places[place] = len(texts)
        texts.append(text)
        held = []
    return pa.array(texts, pa.string()).take(pa.array(places))


def _is_piece(text: str) -> bool:
    """Of a character: decoders write U+FFFD for it, or nothing."""
    return not text or NOT_TEXT in text


def _decoder(tokenizer: PreTrainedTokenizerBase) -> Callable[[tuple[int, ...]], str]:
    """Gives the text of ids where they do not begin a sequence: there, some drop a space."""
    anchor = tokenizer("a", add_special_tokens=False)["input_ids"][-1:]

    def whole(ids: Sequence[int]) -> str:
        text: str = tokenizer.decode(
            ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text

    start = len(whole(anchor))
    return lru_cache(maxsize=None)(lambda ids: whole([*anchor, *ids])[start:])
