"""What validation logs beside verl's own means: the share of each reason why answers fail.

verl logs the mean of every number that the reward returns, for each data source; the mean of a
code says nothing, so `reason` is replaced by shares. All trainer modes share the hooked method
(verl/trainer/ppo/v1/trainer_base.py:1342).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import wrapt

from egpo_verl.calls import Reason

METHOD = "_val_metrics_update"


def hook(trainer_base: ModuleType) -> None:
    """Wrap verl's v1 `PPOTrainer`; a second call changes nothing."""
    if not isinstance(trainer_base.PPOTrainer.__dict__[METHOD], wrapt.FunctionWrapper):
        wrapt.wrap_function_wrapper(trainer_base, f"PPOTrainer.{METHOD}", _with_reasons)


def _with_reasons(wrapped: Callable[..., Any], trainer: Any, args: Any, kwargs: Any) -> Any:
    metrics = wrapped(*args, **kwargs)
    sources, _, infos, *_ = args
    codes = infos.get("reason", [])
    if len(codes) == len(sources):
        for source in set(map(str, sources)):
            for name in [name for name in metrics if name.startswith(f"val-aux/{source}/reason/")]:
                del metrics[name]
        metrics.update(reason_shares(sources, codes))
    return metrics


def reason_shares(sources: Sequence[Any], codes: Sequence[Any]) -> Mapping[str, float]:
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
    known = {int(reason): reason.name.lower() for reason in Reason}
    return {
        f"val-aux/{source}/reason/{known.get(code, code)}": number / len(found)
        for source, found in by_source.items()
        for code, number in sorted(Counter(found).items())
        if code != Reason.OK
    }
