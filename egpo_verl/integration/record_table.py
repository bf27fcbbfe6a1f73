"""The table of a step's recorded responses, token by token (`egpo_verl.inspect.schema.SCHEMA`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from egpo_verl.cli import write_file_aside
from egpo_verl.inspect.schema import EPISODE, SCHEMA
from egpo_verl.integration.token_text import token_texts

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

    from egpo_verl.advantage import EgpoAdvantage

ENTROPY_DIGITS = 3
"""Of a token, in nats: few distinct values, which parquet packs into less than two bytes each."""
SCALARS = ("base", "entropy", "bonus", "clipped", "cot_tokens")
"""One number a row of `egpo_verl.advantage.EgpoAdvantage`."""


@dataclass(frozen=True)
class Responses:
    """What an adapter knows of the rows that are recorded, in their order.

    Attributes:
        keys: verl's `{uid}_{session}_{output}`.
        tokens: `responses`, `response_mask` and `rm_scores`, a tensor for each row.
        fields: an object for each row, by the name of verl's column; a data set may lack any.
        reward: what the reward function returned for each row.
    """

    keys: list[str]
    tokens: dict[str, list[torch.Tensor]]
    fields: dict[str, list[Any]]
    reward: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Recorded:
    """EGPO's numbers for the recorded rows.

    Attributes:
        entropy: (rows, len) float32, nats.
        thought: (rows, len) bool.
        scalars: columns of `SCHEMA` with one number a row, by name.
    """

    entropy: np.ndarray
    thought: np.ndarray
    scalars: dict[str, np.ndarray]

    @classmethod
    def of(
        cls,
        entropy: torch.Tensor,
        thought: torch.Tensor,
        advantage: EgpoAdvantage,
        rows: Sequence[int],
    ) -> Recorded:
        """Copies of `rows` of a batch's (bs, len) tensors and (bs,) advantage."""
        return cls(
            entropy[rows].float().numpy(),
            thought[rows].numpy(),
            {name: getattr(advantage, name)[rows].numpy() for name in SCALARS},
        )


def responses_table(
    step: int, responses: Responses, recorded: Recorded, tokenizer: PreTrainedTokenizerBase
) -> pa.Table:
    """One row a response: what the adapter knows of it, and EGPO's numbers."""
    token_ids = [ids.tolist() for ids in responses.tokens["responses"]]
    lengths = np.array([len(ids) for ids in token_ids], dtype=np.int64)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    inside = np.arange(recorded.entropy.shape[1]) < lengths[:, np.newaxis]
    generated = [mask.bool().numpy() for mask in responses.tokens["response_mask"]]

    def per_token(values: np.ndarray) -> pa.ListArray:
        return pa.ListArray.from_arrays(offsets, pa.array(values))

    def per_row(name: str) -> list[Any]:
        return responses.fields.get(name) or [None] * len(token_ids)

    truths = [(model or {}).get("ground_truth") for model in per_row("reward_model")]
    return pa.table(
        {
            "step": [step] * len(token_ids),
            "key": responses.keys,
            "data_source": per_row("data_source"),
            "ability": per_row("ability"),
            "prompt": [as_json(messages) for messages in per_row("raw_prompt")],
            "response": tokenizer.batch_decode(token_ids, skip_special_tokens=True),
            "ground_truth": [t if t is None or isinstance(t, str) else as_json(t) for t in truths],
            "extra_info": [as_json(info or {}) for info in per_row("extra_info")],
            "reward": [as_json(dict(reward)) for reward in responses.reward],
            "score": [float(scores.sum()) for scores in responses.tokens["rm_scores"]],
            "tokens": pa.ListArray.from_arrays(offsets, token_texts(tokenizer, token_ids)),
            "token_entropy": per_token(recorded.entropy[inside].round(ENTROPY_DIGITS)),
            "thought": per_token(recorded.thought[inside]),
            "generated": per_token(np.concatenate(generated)),
            **recorded.scalars,
            EPISODE: [one and as_json(one) for one in per_row(EPISODE)],
        },
        schema=SCHEMA,
    )


def write(table: pa.Table, path: Path) -> None:
    """Write the whole file or none.

    Raises:
        OSError: naming the file, where it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_file_aside(path) as part:
        pq.write_table(table, part, compression="zstd")


def as_json(value: Any) -> str:
    """JSON text of what verl hands around; arrays become lists, anything else its `str`."""
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)
