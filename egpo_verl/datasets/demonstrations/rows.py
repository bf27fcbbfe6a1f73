"""The demonstration of a row: its prompt, and a response that earns the whole reward."""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random
from typing import Any

import pyarrow as pa

from egpo_verl.calls import ToolSet, render
from egpo_verl.calls.thought import THINK_CLOSE, THINK_OPEN
from egpo_verl.datasets.demonstrations.no_call import refusal_of
from egpo_verl.datasets.demonstrations.reasons import Unexplained
from egpo_verl.datasets.demonstrations.thought import thought_of
from egpo_verl.datasets.parquet.rows import MESSAGE, SCHEMA, from_row
from egpo_verl.reward import compute_score

RULES = "rules"
"""Where a thought comes from that this package worded."""
DEMONSTRATIONS = pa.schema(
    [
        SCHEMA.field("data_source"),
        ("messages", pa.list_(MESSAGE)),
        ("thought_from", pa.string()),
        SCHEMA.field("reward_model"),
        SCHEMA.field("extra_info"),
    ]
)
"""Columns of the files for SFT: `messages` is the row's prompt and the assistant's response."""


def demonstration(row: Mapping[str, Any], seed: int = 0) -> dict[str, Any]:
    """A row of `DEMONSTRATIONS` from one of `SCHEMA`; raises `Unexplained`."""
    sample, info = from_row(row), row["extra_info"]
    tools = ToolSet.from_json(info["tools"])
    rng = Random(f"{seed}:{row['data_source']}:{info['index']}:{sample.extra.get('turn')}")
    if sample.calls:
        thought, answer = thought_of(sample, tools, rng), render(sample.calls, info["call_form"])
    else:
        thought, answer = refusal_of(sample, tools, rng)
    return with_thought(row, thought, answer, RULES)


def with_thought(
    row: Mapping[str, Any], thought: str, answer: str, thought_from: str
) -> dict[str, Any]:
    """The row as a demonstration; raises `Unexplained` where that would not earn the reward."""
    response = f"{THINK_OPEN}{thought}{THINK_CLOSE}\n{answer}"
    info = row["extra_info"]
    generated = response.removeprefix(THINK_OPEN) if info["think_in_prompt"] else response
    truth = row["reward_model"]["ground_truth"]
    if compute_score(row["data_source"], generated, truth, info)["score"] != 1:
        raise Unexplained("no_reward", json.dumps(response, ensure_ascii=False)[-80:])
    return {
        "data_source": row["data_source"],
        "messages": [*row["prompt"], {"role": "assistant", "content": response}],
        "thought_from": thought_from,
        "reward_model": row["reward_model"],
        "extra_info": info,
    }
