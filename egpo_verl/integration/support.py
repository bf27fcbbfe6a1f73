"""How well this package knows a release of verl."""

from __future__ import annotations

TRAINED = ("0.9.1",)
"""Trained end to end in CI, with the v1 and the legacy trainer."""
HOOK_TESTED = ("0.7.0", "0.7.1", "0.8.0", "0.9.0")
"""The adapters run against the release's real modules in CI."""


def level_of(version: str) -> str:
    """`trained`, `hook-tested` or `unknown`, for the text of `verl.__version__`."""
    if version in TRAINED:
        return "trained"
    return "hook-tested" if version in HOOK_TESTED else "unknown"


def check_registered() -> None:
    """Whether this process's verl knows the estimator.

    Raises:
        ValueError: verl's, naming the estimators that it knows.
    """
    from verl.trainer.ppo.core_algos import get_adv_estimator_fn

    get_adv_estimator_fn("egpo")
