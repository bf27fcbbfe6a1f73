"""What live episodes are logged by: `env/...`, means over rollouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from egpo_verl.envs.play import EPISODE_COUNTS


def episode_metrics(extra_fields: Sequence[Any]) -> dict[str, float]:
    """The figures of rollouts, each by the `extra_fields` of one of its rows.

    Rollouts of a single turn have none and stay out.
    """
    counts = [fields.get(EPISODE_COUNTS) for fields in extra_fields if isinstance(fields, Mapping)]
    episodes = [one for one in counts if one]
    if not episodes:
        return {}
    return {
        "env/turns": fmean(one["messages"] for one in episodes),
        "env/calls": fmean(one["calls"] for one in episodes),
        "env/tool_errors": fmean(one["tool_errors"] for one in episodes),
        "env/turns_solved": fmean(one["turns_solved"] for one in episodes),
        "env/no_room_frac": fmean(float(one["no_room"]) for one in episodes),
    }
