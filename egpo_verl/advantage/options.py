"""`algorithm.egpo.*`: the options of the estimator, checked by name and range."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from egpo_verl.errors import UserError

COT_SCOPES = ("thought", "response")
GRANULARITIES = ("response", "turn", "token")
RECORD_OPTIONS = ("record_dir", "record_groups")
"""In `algorithm.egpo` too: what a training records (`egpo_verl.integration.record`)."""


class OptionError(UserError, ValueError):
    """An option that cannot be used; the message says which one and how to fix it."""


@dataclass(frozen=True)
class EgpoOptions:
    """Options of the EGPO advantage; the defaults are the paper's (arXiv:2508.05118v4, Eq. 4, 5).

    Attributes:
        lam: lambda of Eq. 5, the weight of the entropy; >= 0, and 0 is GRPO.
        alpha: alpha of Eq. 5; the bonus is at most |A|/alpha. > 1, so that no sign can turn.
        cot_scope: tokens whose entropy counts: "thought" (the paper) or the whole "response".
        granularity: one bonus per "response" (the paper; of a rollout of several turns all thoughts
            together), one per "turn", the mean of that message's thought, or one per "token" as
            in Cheng et al. (arXiv:2506.14758).
        positive_only: give the bonus only where A > 0 (the paper gives it to every response).
        clip: cut the bonus at |A|/alpha (the paper). False leaves lam * E as it is, an ablation:
            signs can turn, and groups of equal rewards get a bonus too.
    """

    lam: float = 0.4
    alpha: float = 2.0
    cot_scope: str = "thought"
    granularity: str = "response"
    positive_only: bool = False
    clip: bool = True

    def __post_init__(self) -> None:
        _check_number("lam", self.lam, self.lam >= 0, "a finite number >= 0 (0 is plain GRPO)")
        _check_number("alpha", self.alpha, self.alpha > 1, "a finite number > 1")
        _check_choice("cot_scope", self.cot_scope, COT_SCOPES)
        _check_choice("granularity", self.granularity, GRANULARITIES)
        _check_switch("positive_only", self.positive_only)
        _check_switch("clip", self.clip)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any] | None) -> EgpoOptions:
        """Options from `algorithm.egpo`, which may be absent; `RECORD_OPTIONS` are left alone.

        Raises:
            OptionError: an unknown name (the nearest known one is named) or a value out of range.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        values = {k: v for k, v in (mapping or {}).items() if k not in RECORD_OPTIONS}
        for name in values:
            if name not in known:
                names = [*known, *RECORD_OPTIONS]
                near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.4)
                hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(names)}."
                raise OptionError(f"algorithm.egpo.{name} is not an option of EGPO; {hint}")
        for name in ("lam", "alpha"):
            value = values.get(name, 0.0)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise OptionError(f"algorithm.egpo.{name}={value!r} must be a number.")
        return cls(**values)


def settings_of(config: Mapping[str, Any] | None) -> tuple[EgpoOptions, bool]:
    """What verl's `algorithm` node says: the options, and `norm_adv_by_std_in_grpo`."""
    node = config or {}
    norm_by_std = node.get("norm_adv_by_std_in_grpo", True)
    return EgpoOptions.from_mapping(node.get("egpo")), norm_by_std


def _check_number(name: str, value: float, in_range: bool, expected: str) -> None:
    if not (math.isfinite(value) and in_range):
        raise OptionError(f"algorithm.egpo.{name}={value} must be {expected}.")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise OptionError(f"algorithm.egpo.{name}={value!r} must be one of {', '.join(choices)}.")


def _check_switch(name: str, value: bool) -> None:
    if not isinstance(value, bool):
        raise OptionError(f"algorithm.egpo.{name}={value!r} must be true or false.")
