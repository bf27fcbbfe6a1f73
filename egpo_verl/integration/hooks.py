"""Every attribute of verl that is replaced, and how.

A replacement is a plain function made by `functools.wraps`: it has the name and module of what it
replaces, so Ray pickles it by reference, as it pickles verl's own. While verl loads, nothing of
this package is imported but this module, and nothing is raised: a door that a version of verl lacks
is refused by `config.check`, and only where a run asks for EGPO. Any other run calls verl's
function with the arguments as they came.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

ESTIMATOR = "egpo"
AGENT_LOOP = "egpo_env"
"""The agent loop of live episodes (egpo_verl/envs/loop.py)."""
REPLACED = "__egpo_verl_replaced__"
V1, LEGACY = "v1", "legacy"


@dataclass(frozen=True)
class Hook:
    """One attribute of verl that is replaced.

    Attributes:
        module: of verl; replaced right after verl has imported it.
        owner: the class in it; None for a function of the module.
        name: the attribute.
        target: `module:function` of `egpo_verl.integration`, called with verl's function or
            bound method and then its arguments, the instance first.
        asks: from the call's arguments, whether this run is EGPO's.
        needed_by: the trainer that cannot train with EGPO without it; None where only words or
            metrics would be missing.
    """

    module: str
    owner: str | None
    name: str
    target: str
    asks: Callable[..., bool]
    needed_by: str | None = None

    @property
    def path(self) -> str:
        return ".".join(part for part in (self.module, self.owner, self.name) if part)

    def attach(self, module: ModuleType) -> None:
        """Replace the attribute; where it is missing or replaced already, nothing happens."""
        owner: Any = getattr(module, self.owner, None) if self.owner else module
        if not hasattr(owner, self.name) or self.is_attached(module):
            return
        original = _as_defined(owner, self.name) if self.owner else getattr(owner, self.name)
        replacement = functools.wraps(original)(_replacement(original, self))
        setattr(replacement, REPLACED, True)
        setattr(owner, self.name, replacement)
        # verl imports `verl.utils` before its plugins, and that had taken the function by name.
        package = sys.modules.get(self.module.rpartition(".")[0])
        if self.owner is None and getattr(package, self.name, None) is original:
            setattr(package, self.name, replacement)

    def is_attached(self, module: ModuleType) -> bool:
        """Whether verl calls our replacement, or something that wraps it."""
        owner: Any = getattr(module, self.owner, None) if self.owner else module
        return bool(getattr(getattr(owner, self.name, None), REPLACED, False))


def is_egpo(config: Any) -> bool:
    """Whether verl's whole configuration asks for this estimator; False for anything else."""
    algorithm = _member(config, "algorithm")
    return bool(_member(algorithm, "adv_estimator") == ESTIMATOR)


def is_live(config: Any) -> bool:
    """Whether verl's whole configuration asks for live episodes, whatever its estimator."""
    rollout = _member(_member(config, "actor_rollout_ref"), "rollout")
    return bool(_member(_member(rollout, "agent"), "default_agent_loop") == AGENT_LOOP)


def _member(node: Any, name: str) -> Any:
    return node.get(name) if hasattr(node, "get") else getattr(node, name, None)


def _trainer_asks(trainer: Any, *_: Any, **__: Any) -> bool:
    return is_egpo(getattr(trainer, "config", None))


def _v1_trainer_asks(trainer: Any, *_: Any, **__: Any) -> bool:
    config = getattr(trainer, "config", None)
    return is_egpo(config) or is_live(config)


def _config_asks(config: Any, *_: Any, **__: Any) -> bool:
    return is_egpo(config) or is_live(config)


def _estimator_asks(data: Any, adv_estimator: Any, *_: Any, **__: Any) -> bool:
    return bool(adv_estimator == ESTIMATOR)


def _legacy_has_run(*_: Any, **__: Any) -> bool:
    return "egpo_verl.integration.legacy" in sys.modules


_BASE = "verl.trainer.ppo.v1.trainer_base"
_RAY = "verl.trainer.ppo.ray_trainer"

HOOKS = (
    Hook("verl.utils.config", None, "validate_config", "config:before_training", _config_asks),
    Hook("verl.trainer.main_ppo", None, "run_ppo", "config:before_training", _config_asks),
    Hook(_BASE, "PPOTrainer", "_compute_advantage", "v1:compute_advantage", _v1_trainer_asks, V1),
    Hook(_BASE, "PPOTrainer", "_val_metrics_update", "metrics:val_metrics_update", _trainer_asks),
    Hook(_BASE, "PPOTrainer", "_save_checkpoint", "saving:save_checkpoint", _trainer_asks),
    Hook(
        _RAY,
        "RayPPOTrainer",
        "_compute_old_log_prob",
        "legacy:compute_old_log_prob",
        _trainer_asks,
        LEGACY,
    ),
    Hook(_RAY, None, "compute_advantage", "legacy:compute_advantage", _estimator_asks, LEGACY),
    Hook(
        "verl.trainer.ppo.metric_utils",
        None,
        "compute_data_metrics",
        "legacy:compute_data_metrics",
        _legacy_has_run,
        LEGACY,
    ),
    Hook(_RAY, "RayPPOTrainer", "_val_metrics_update", "metrics:val_metrics_update", _trainer_asks),
    Hook(_RAY, "RayPPOTrainer", "_save_checkpoint", "saving:save_checkpoint", _trainer_asks),
)


def missing(trainer: str) -> list[str]:
    """What EGPO needs of `V1` or `LEGACY` and this verl does not have, by its path.

    Raises:
        ImportError: the trainer's module does not import in this process.
    """
    needed = [hook for hook in HOOKS if hook.needed_by == trainer]
    return [h.path for h in needed if not h.is_attached(importlib.import_module(h.module))]


def _replacement(original: Any, hook: Hook) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        stock = _bound(original, args[0]) if hook.owner else original
        rest = args[1:] if hook.owner else args
        if not hook.asks(*args, **kwargs):
            return stock(*rest, **kwargs)
        module, _, name = hook.target.partition(":")
        ours = getattr(importlib.import_module(f"egpo_verl.integration.{module}"), name)
        return ours(stock, *args, **kwargs)

    return function


def _bound(original: Any, instance: Any) -> Any:
    """A method as Python binds it, whatever a third party made of it."""
    if instance is None:  # called on the class, by hand
        return functools.partial(original, None)
    return original.__get__(instance, type(instance))


def _as_defined(owner: type, name: str) -> Any:
    return next(base.__dict__[name] for base in owner.__mro__ if name in base.__dict__)
