"""A reward for the tests: `egpo_verl.reward`, until a chosen training step.

`reward.custom_reward_function.path` names this file, and `reward_kwargs` says what happens in
which step: `nan` gives no number, `break` raises.
"""

from __future__ import annotations

import math
from typing import Any

from egpo_verl.reward import compute_score as honest


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: dict[str, Any],
    fault: str,
    step: int,
) -> dict[str, float]:
    score = honest(data_source, solution_str, ground_truth, extra_info)
    # A step is sampled with the weights of the one before it.
    if extra_info["min_global_steps"] == step - 1:
        if fault == "break":
            raise LookupError("the reward's table lacks this row")
        score["score"] = math.nan
    return score
