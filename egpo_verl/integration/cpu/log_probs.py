"""Log probabilities of labels, many tokens at a time."""

from __future__ import annotations

import torch

BLOCK = 1 << 24
"""Logits at a time: 64 MiB of float32."""


def logprobs_from_logits_v2(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """verl's function of this name, which takes one row at a time to save memory
    (verl/utils/torch_functional.py:173); of packed logits a row is a single token.

    Args:
        logits: (..., vocabulary) of any float type; lower ones than float32 keep theirs.
        labels: (...) token ids.

    Returns:
        (...) log probabilities in the type of `logits`.
    """
    flat, targets = logits.flatten(0, -2), labels.flatten()
    blocks = -(-flat.numel() // BLOCK)
    pairs = zip(flat.tensor_split(blocks), targets.tensor_split(blocks), strict=True)
    return torch.cat([_log_probs(rows, ids) for rows, ids in pairs]).view(labels.shape)


def _log_probs(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    if logits.dtype in (torch.float32, torch.float64):
        chosen = logits.gather(-1, labels[:, None])[:, 0]
        return chosen - torch.logsumexp(logits, dim=-1)
    # As verl has it: the difference is unstable in bfloat16.
    return torch.log_softmax(logits, dim=-1).gather(-1, labels[:, None])[:, 0]
