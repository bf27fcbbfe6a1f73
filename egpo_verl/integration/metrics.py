"""What a training logs of the reward: means in training, shares of reasons in validation.

verl logs the numbers that a reward returns in validation only, and of a code it logs the mean,
which says nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from egpo_verl.calls.reasons import Reason

REWARD = "egpo_verl.reward"


def reward_metrics(returned: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Means over responses of the numbers that the reward returned, as `reward/<key>`.

    `reason` is a code, so its shares are logged instead, as `reward/reason_<code>`; a reason that
    is no whole number is left out. `score` is left out too: it is verl's `critic/score/mean`.
    """
    values: dict[str, list[float]] = defaultdict(list)
    for info in returned:
        for key, value in info.items():
            if isinstance(value, (bool, int, float, np.number, np.bool_)):
                values[key].append(float(value))
    means = {
        f"reward/{key}": sum(numbers) / len(numbers)
        for key, numbers in values.items()
        if key not in ("score", "reason")
    }
    codes = [int(code) for code in values.get("reason", []) if code.is_integer()]
    shares = {f"reward/reason_{code}": codes.count(code) / len(codes) for code in set(codes)}
    return means | shares


def returned_by_reward(extra_fields: Any) -> Mapping[str, Any]:
    """What the reward returned for a row, out of the row's `extra_fields`; empty where nothing."""
    info = extra_fields.get("reward_extra_info") if isinstance(extra_fields, Mapping) else None
    return info if isinstance(info, Mapping) else {}


def index_of(extra_info: Any) -> Any:
    """The `index` of a row's `extra_info`, None where it has none."""
    return extra_info.get("index") if isinstance(extra_info, Mapping) else None


def val_metrics_update(
    stock: Callable[..., Any],
    trainer: Any,
    data_sources: Sequence[Any],
    sample_uids: Any,
    reward_extra_infos_dict: Mapping[str, Sequence[Any]],
    *args: Any,
    **kwargs: Any,
) -> Any:
    """In place of a trainer's `_val_metrics_update`: shares for the mean of our reward's codes.

    What any other reward calls `reason` is left as verl logs it.
    """
    metrics = stock(data_sources, sample_uids, reward_extra_infos_dict, *args, **kwargs)
    codes = reward_extra_infos_dict.get("reason", [])
    if not uses_our_reward(trainer.config) or len(codes) != len(data_sources):
        return metrics
    means = tuple(f"val-aux/{source}/reason/" for source in set(map(str, data_sources)))
    others = {name: value for name, value in metrics.items() if not name.startswith(means)}
    return others | reason_shares(data_sources, codes)


def uses_our_reward(config: Any) -> bool:
    """Whether verl's configuration names this package's reward, by either key of its releases."""
    for node in (config.get("reward") or {}, config):
        function = node.get("custom_reward_function") or {}
        if str(function.get("path") or "").removeprefix("pkg://") == REWARD:
            return True
    return False


def reason_shares(sources: Sequence[Any], codes: Sequence[Any]) -> dict[str, float]:
    """`val-aux/<data source>/reason/<reason>`: the share of its answers that fail for it.

    >>> reason_shares(["bfcl_multiple", "bfcl_multiple"], [0, 64])
    {'val-aux/bfcl_multiple/reason/wrong_argument': 0.5}

    Args:
        sources: data source of each answer.
        codes: `reason` of each answer, None where it has none (its rollout failed).
    """
    by_source: dict[str, list[int]] = defaultdict(list)
    for source, code in zip(sources, codes, strict=True):
        if code is not None:
            by_source[str(source)].append(int(code))
    names = {int(reason): reason.name.lower() for reason in Reason}
    return {
        f"val-aux/{source}/reason/{names.get(code, code)}": number / len(of_source)
        for source, of_source in by_source.items()
        for code, number in sorted(Counter(of_source).items())
        if code != Reason.OK
    }
