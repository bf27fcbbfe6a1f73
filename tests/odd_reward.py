"""A reward of somebody else: keys and types that verl allows and this package does not know."""

from __future__ import annotations

from typing import Any


def compute_score(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None
) -> dict[str, Any]:
    return {
        "score": float(len(solution_str) % 2),
        "reason": "timeout" if "a" in solution_str else "ok",
        "tool": None,
        "code": 7,
    }
