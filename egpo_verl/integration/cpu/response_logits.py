"""Logits of responses alone.

verl computes logits, log probabilities and entropies of every token of a row, and takes those of
the response out of them (verl/workers/utils/padding.py). A prompt of function calls is several
times as long as its response. Here all rows of a micro-batch start where the first response does,
and what stands before is zero.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch.nn.functional import pad
from verl.utils import tensordict_utils as tu

SETTLED = {"use_remove_padding": True, "use_fused_kernels": False, "distillation_use_topk": False}
"""Settings, with verl's defaults, that read all logits or lay them out otherwise."""


def first_logit(micro_batch: Any) -> int:
    """The first position that any row of `micro_batch` (verl's TensorDict of nested rows) needs
    logits of, which predict the token after it; 0 where all are to be computed."""
    if any(tu.get_non_tensor_data(micro_batch, key, usual) for key, usual in SETTLED.items()):
        return 0
    prompts = micro_batch.get("prompts", None)
    if prompts is None or not prompts.is_nested:
        return 0
    return max(0, int(prompts.offsets().diff().min()) - 1)


def takes_window(module: torch.nn.Module) -> bool:
    """Whether the model's `forward` can compute its last logits alone."""
    # peft's wrapper takes anything
    base: Any = getattr(module, "get_base_model", lambda: module)()
    return "logits_to_keep" in inspect.signature(base.forward).parameters


def cut(values: torch.Tensor, offsets: torch.Tensor, first: int) -> torch.Tensor:
    """`values` (tokens, ...) of rows that end at `offsets`, as nested rows from `first` on."""
    rows = [row[first:] for row in values.tensor_split(offsets[1:-1].cpu())]
    return torch.nested.as_nested_tensor(rows, layout=torch.jagged)


def put_back(windows: torch.Tensor, offsets: torch.Tensor, first: int) -> torch.Tensor:
    """Nested rows from `first` on as whole rows that end at `offsets`, zero before `first`."""
    rows = [pad(row, (first, 0)) for row in windows.unbind()]
    return torch.nested.nested_tensor_from_jagged(torch.cat(rows), offsets)
