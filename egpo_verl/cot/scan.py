"""The pass over all tokens, in blocks that fit the cache: the turns, and what may end a tag."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from egpo_verl.cot.vocabulary import Vocabulary

BLOCK = 1 << 19  # tokens scanned at once; their flags take half a megabyte


class Turns(NamedTuple):
    """Stretches that the policy generated, in order; `end` is exclusive. Both (turns,) int64."""

    begin: Tensor
    end: Tensor


def scan(vocabulary: Vocabulary, ids: Tensor, response_mask: Tensor) -> tuple[Turns, Tensor]:
    """The turns, and the positions of generated tokens that may end a tag or a thought."""
    length = ids.shape[1]
    rows = max(1, BLOCK // length)
    borders, candidates = [], []
    for top in range(0, len(ids), rows):
        generated = response_mask[top : top + rows].bool()
        padded = torch.nn.functional.pad(generated, (1, 1))
        row, column = (padded[:, 1:] ^ padded[:, :-1]).nonzero(as_tuple=True)
        borders.append((top + row) * length + column)
        marking = _look_up(vocabulary, ids[top : top + rows]).logical_and_(generated)
        candidates.append(top * length + marking.view(-1).nonzero().squeeze(1))
    begin, end = torch.cat(borders).view(-1, 2).T.contiguous()
    return Turns(begin, end), torch.cat(candidates)


def _look_up(vocabulary: Vocabulary, ids: Tensor) -> Tensor:
    try:
        return vocabulary.marking.index_select(0, ids.view(-1)).view_as(ids)
    except IndexError as error:
        raise ValueError(
            f"responses hold token ids from {int(ids.min())} to {int(ids.max())}, but the "
            f"tokenizer knows none above {vocabulary.marking.numel() // 2} or below 0: pass the "
            "policy's own tokenizer"
        ) from error
