"""verl's rows of episodes, beside which rows of a single turn may stand in one file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from egpo_verl.envs.episode import Episode
from egpo_verl.envs.script import Script
from egpo_verl.errors import UserError
from egpo_verl.prompt import tools_json

ABILITY = "function_call"


def row_of(
    script: Script,
    tools: Sequence[dict[str, Any]],
    source: str,
    index: int,
    split: str = "train",
    observation: str | None = None,
    call_form: str = "python",
) -> dict[str, Any]:
    """A row as `egpo_verl.datasets.parquet.rows` has them.

    Its prompt is the episode's first, so that verl can leave rows out whose prompt is too long. Its
    ground truth, the calls of the first turn, is not what an episode is judged by.

    Args:
        tools: all that the environment has.
        source: name of the data, for metrics by data source.
    """
    episode = Episode(script, tools, observation, call_form)
    late = script.late_tools
    offered = [tool for tool in tools if tool["name"] not in late]
    truth = [
        {"name": call.name, "arguments": dict(call.arguments)}
        for call in script.turns[0].reference or ()
    ]
    return {
        "data_source": source,
        "prompt": episode.prompt,
        "ability": ABILITY,
        "reward_model": {"style": "rule", "ground_truth": json.dumps(truth, ensure_ascii=False)},
        "extra_info": {
            "index": index,
            "split": split,
            "tools": tools_json(offered),
            "call_form": call_form,
            "think_in_prompt": False,
            "renamed": "{}",
            "facts": "{}",
            "env": script.to_json(),
        },
    }


def script_of(row: Any) -> Script | None:
    """The script of a row: one of verl's, or a script itself; None for a row of a single turn.

    Raises:
        UserError: it is neither.
    """
    if not isinstance(row, Mapping):
        raise UserError(f"a row must be an object: {str(row)[:80]}")
    if "turns" in row:
        _check_json(row)
        return Script.from_mapping(dict(row))
    info = row.get("extra_info")
    if not isinstance(info, Mapping):
        raise UserError("a row needs 'turns', or verl's 'extra_info' with 'env' in it.")
    return Script.from_json(info["env"]) if info.get("env") else None


def _check_json(row: Mapping[str, Any]) -> None:
    """A parquet file holds times and bytes, which neither `extra_info.env` nor a world takes."""
    json.dumps(row, default=_no_json)


def _no_json(value: Any) -> NoReturn:
    raise UserError(
        f"{type(value).__name__} is no JSON ({str(value)[:40]}); write such values as texts."
    )
