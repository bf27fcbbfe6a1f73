"""How a release looks and what its `grpo` gives, to compare with and without this package."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from typing import Any

import configs
import legacy_step
from ray import cloudpickle
from rows import make_rows

SCRIPTS = (
    "verl.trainer.main_ppo",
    "verl.trainer.main_ppo_v0",
    "verl.trainer.main_ppo_sync",
    "verl.experimental.fully_async_policy.fully_async_main",
    "verl.experimental.one_step_off_policy.main_ppo",
)
REACHED = (
    *SCRIPTS,
    "verl.trainer.ppo.ray_trainer",
    "verl.trainer.ppo.metric_utils",
    "verl.trainer.ppo.reward",
    "verl.trainer.ppo.v1",
    "verl.experimental.separation.ray_trainer",
    "verl.experimental.agent_loop",
    "verl.workers.engine_workers",
)


def imported(names: tuple[str, ...]) -> list[str]:
    """Those of the modules that the release has, imported."""
    there = []
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not error.name.startswith("verl"):
                raise
            continue
        there.append(name)
    return there


def looks() -> dict[str, Any]:
    """Every function and every member of a class of verl that a training reaches, by its name."""
    imported(REACHED)
    seen: dict[str, Any] = {}
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] != "verl":
            continue
        for key, value in sorted(vars(module).items()):
            if inspect.isclass(value) and value.__module__ == name:
                for attribute, member in sorted(vars(value).items()):
                    seen[f"{name}.{key}.{attribute}"] = _described(member)
            elif inspect.isfunction(value):
                seen[f"{name}.{key}"] = _described(value)
    return seen


def _described(thing: Any) -> list[str]:
    """Type, home, parameters and, where Ray sends it by reference, what Ray sends."""
    text = [type(thing).__name__]
    if inspect.isfunction(thing):
        text += [thing.__module__, thing.__qualname__]
        for parameter in inspect.signature(thing).parameters.values():
            # A default may be the environment, in which the two processes differ.
            text.append(f"{parameter.kind} {parameter.name}={type(parameter.default).__name__}")
        if getattr(sys.modules.get(thing.__module__), thing.__name__, None) is thing:
            text.append(hashlib.sha256(cloudpickle.dumps(thing)).hexdigest())
    return text


def pickled() -> dict[str, int]:
    """Bytes of every task runner as Ray sends it: by value, since its script runs as `__main__`."""
    sizes: dict[str, int] = {}
    for name in imported(SCRIPTS):
        module = sys.modules[name]
        cloudpickle.register_pickle_by_value(module)
        for key, value in vars(module).items():
            if "TaskRunner" in key and getattr(value, "__module__", name) == name:
                actor = getattr(value, "__ray_metadata__", None)
                sizes[f"{name}:{key}"] = len(
                    cloudpickle.dumps(actor.modified_class if actor else value)
                )
        cloudpickle.unregister_pickle_by_value(module)
    return sizes


def grpo() -> dict[str, Any]:
    """One step with verl's estimator, with every number in full."""
    keys = ["algorithm.adv_estimator=grpo"]
    if "use_v1" in configs.main_ppo().trainer:
        keys.append("trainer.use_v1=False")
    advantages, metrics = legacy_step.step(
        "verl.trainer.ppo.ray_trainer:RayPPOTrainer", configs.main_ppo(*keys), make_rows()
    )
    return {
        "advantages": advantages.tolist(),
        "metrics": {name: repr(float(value)) for name, value in sorted(metrics.items())},
    }
