"""Runs in a fresh process with one release of verl: `probe.py RESULT.json`.

Everything is verl's own but what GPUs and a cluster would have computed. With `--without`, and no
plugin loaded, it tells how the release looks and what `grpo` gives without this package.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import configs
import legacy_step
import pristine
from rows import expected, make_rows

SEPARATE = "verl.experimental.separation.ray_trainer:SeparateRayPPOTrainer"
TRAINERS = {
    "legacy": "verl.trainer.ppo.ray_trainer:RayPPOTrainer",
    "fully_async": "verl.experimental.fully_async_policy.fully_async_trainer:FullyAsyncTrainer",
    "one_step_off": "verl.experimental.one_step_off_policy.ray_trainer:OneStepOffRayTrainer",
    "separate": SEPARATE,
}
CONFIGS = {
    "fully_async": ("verl.experimental.fully_async_policy", "fully_async_ppo_trainer"),
    "one_step_off": ("verl.experimental.one_step_off_policy", "one_step_off_ppo_trainer"),
}
NO_BYPASS = "algorithm.rollout_correction.bypass_mode=False"


def is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def config_of(trainer: str, *overrides: str) -> Any:
    package, name = CONFIGS.get(trainer, ("verl.trainer", "ppo_trainer"))
    return configs.composed(configs.folder_of(package), name, "+egpo=paper", *overrides)


def trained(trainer: str, *overrides: str) -> dict[str, Any]:
    """One step with `egpo`: whether it gave what the public function gives, and its metrics."""
    rows, config = make_rows(), config_of(trainer, *overrides)
    advantages, metrics = legacy_step.step(TRAINERS[trainer], config, rows)
    return {
        "equal": advantages.equal(expected(rows, config.algorithm)),
        "metrics": sorted(name for name in metrics if name.startswith("egpo/")),
    }


def of_v1() -> dict[str, Any]:
    import queue_step

    one = "transfer_queue.backend.SimpleStorage.num_data_storage_units=1"
    rows, config = make_rows(), config_of("v1", one)
    advantages, metrics = queue_step.step(config, rows)
    return {
        "equal": advantages.equal(expected(rows, config.algorithm)),
        "metrics": sorted(name for name in metrics if name.startswith("egpo/")),
    }


def refusal(act: Callable[[], Any]) -> str:
    """What a user reads; empty where nothing is refused."""
    try:
        act()
    except (ValueError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def validated(config: Any) -> None:
    """What `main_ppo` does first, in the driver or in its `TaskRunner`."""
    from verl.utils.config import validate_config

    validate_config(config, use_reference_policy=False, use_critic=False)


def sync_main() -> None:
    """verl 0.8.0's `python -m verl.trainer.main_ppo_sync`."""
    script = importlib.import_module("verl.trainer.main_ppo_sync")
    script.main.__wrapped__(configs.main_ppo("+egpo=paper"))


def loaded() -> dict[str, Any]:
    from verl.trainer.ppo import core_algos

    heavy = [name for name in sys.modules if name.startswith("egpo_verl.integration.cpu")]
    return {"estimator": "egpo" in core_algos.ADV_ESTIMATOR_REGISTRY, "cpu": heavy}


def bypassed(trainer: str) -> dict[str, str]:
    """What a user of the trainer's stock configuration reads, from the check and in a step."""
    return {
        "check": refusal(lambda: validated(config_of(trainer))),
        "step": refusal(lambda: trained(trainer)),
    }


def sections(with_plugin: bool) -> dict[str, Callable[[], Any]]:
    always: dict[str, Callable[[], Any]] = {"looks": pristine.looks, "grpo": pristine.grpo}
    if not with_plugin:
        return always
    there = {name for name, path in TRAINERS.items() if is_there(path.partition(":")[0])}
    egpo: dict[str, Callable[[], Any]] = {
        "loaded": loaded,
        "pickled": pristine.pickled,
        "config": configs.report,
    }
    for trainer in sorted(there):
        keys = legacy_keys() if trainer == "legacy" else [NO_BYPASS]
        egpo[trainer] = lambda trainer=trainer, keys=keys: trained(trainer, *keys)
    for trainer in sorted(there & set(CONFIGS)):
        egpo[f"{trainer} as configured"] = lambda trainer=trainer: bypassed(trainer)
    if "use_legacy_worker_impl" in configs.main_ppo().trainer:
        engine = "trainer.use_legacy_worker_impl=disable"
        egpo["legacy with engine workers"] = lambda: trained("legacy", engine)
    if is_there("verl.trainer.main_ppo_sync"):
        egpo["main_ppo_sync"] = lambda: refusal(sync_main)
    if is_there("verl.trainer.ppo.v1"):
        egpo["v1"] = of_v1
    return always | egpo


def legacy_keys() -> list[str]:
    return ["trainer.use_v1=False"] if "use_v1" in configs.main_ppo().trainer else []


def probe(with_plugin: bool) -> dict[str, Any]:
    """One entry a section; a section that fails says why and hides no other."""
    import verl

    packages = ("numpy", "transformers", "torch", "ray")
    results: dict[str, Any] = {
        "version": verl.__version__,
        "packages": {name: importlib.import_module(name).__version__ for name in packages},
    }
    for name, section in sections(with_plugin).items():
        try:
            results[name] = section()
        except Exception:
            results[name] = {"failed": traceback.format_exc()}
    return results


if __name__ == "__main__":
    result, *options = sys.argv[1:]
    Path(result).write_text(json.dumps(probe("--without" not in options), default=str))
