"""Episodes that were played without a training, as a record that `egpo_verl.inspect` opens."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from egpo_verl.cli import write_file_aside
from egpo_verl.envs.prove import Proof
from egpo_verl.inspect.schema import EPISODE, SCHEMA


def write_episodes(path: Path, rows: Sequence[Mapping[str, Any]], proofs: Sequence[Proof]) -> int:
    """Write those that could be played, and give their number.

    Args:
        rows: as verl reads them, one for each proof.
    """
    played = [
        (row, proof) for row, proof in zip(rows, proofs, strict=True) if proof.outcome is not None
    ]
    messages = [message for row, proof in played for message in _messages(row, proof)]
    with write_file_aside(path) as part:
        pq.write_table(pa.Table.from_pylist(messages, schema=SCHEMA), part, compression="zstd")
    return len(played)


def _messages(row: Mapping[str, Any], proof: Proof) -> Iterator[dict[str, Any]]:
    """The rows of one episode; what only a training knows of tokens is left out."""
    if proof.outcome is None or proof.history is None:
        return
    score, last = dict(proof.outcome.score), len(proof.texts) - 1
    for number, text in enumerate(proof.texts):
        yield {
            "step": 0,
            "key": f"{row['extra_info']['index']}_0_{number}",
            "data_source": row["data_source"],
            "ability": row["ability"],
            "prompt": _json(row["prompt"]),
            "response": text,
            "ground_truth": row["reward_model"]["ground_truth"],
            "extra_info": _json(row["extra_info"]),
            "reward": _json(score),
            "score": score["score"],
            EPISODE: _json(proof.history.data) if number == last else None,
        }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
