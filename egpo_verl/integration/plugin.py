"""What verl loads in every process: registration only, cheap, and loud where it fails.

verl imports this module through the entry point group `verl.plugins`, or through
`VERL_USE_EXTERNAL_MODULES=egpo_verl` (verl/__init__.py:49-77). Nothing of verl's trainer is
imported here; each part attaches when verl itself imports the module that it belongs to.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import wrapt


def _register_estimator(core_algos: ModuleType) -> None:
    def lazily(*args: Any, **kwargs: Any) -> Any:
        from egpo_verl.integration.v1 import estimator

        return estimator(*args, **kwargs)

    if "egpo" not in core_algos.ADV_ESTIMATOR_REGISTRY:
        core_algos.register_adv_est("egpo")(lazily)


def _hook_trainer(trainer_base: ModuleType) -> None:
    from egpo_verl.integration import faults, v1, validation

    v1.hook(trainer_base)
    faults.hook_trainer(trainer_base)
    validation.hook(trainer_base)


def _hook_rollouts(agent_loop: ModuleType) -> None:
    from egpo_verl.integration import faults

    faults.hook_rollouts(agent_loop)


def _check_in_driver(config_module: ModuleType) -> None:
    if not isinstance(config_module.validate_config, wrapt.FunctionWrapper):
        wrapt.wrap_function_wrapper(config_module, "validate_config", _validate)


def _validate(wrapped: Callable[..., None], instance: Any, args: Any, kwargs: Any) -> None:
    config = kwargs["config"] if "config" in kwargs else args[0]
    if config.algorithm.adv_estimator == "egpo":
        from egpo_verl.errors import UserError
        from egpo_verl.integration import checkpoints, inputs, preflight

        try:
            preflight.check_config(config)
            preflight.check_trl()
            inputs.check_inputs(config)
            preflight.check_workers(config)
            notes = checkpoints.keep_two(config) + checkpoints.check_resume(config)
        except UserError as error:
            preflight.refuse(error)
        for note in notes:
            sys.stderr.write(f"egpo_verl: {note}\n")
        preflight.load_in_workers(config)
    wrapped(*args, **kwargs)


def register() -> None:
    """Attach to verl; calling it again changes nothing."""
    wrapt.register_post_import_hook(_register_estimator, "verl.trainer.ppo.core_algos")
    wrapt.register_post_import_hook(_hook_trainer, "verl.trainer.ppo.v1.trainer_base")
    wrapt.register_post_import_hook(_hook_rollouts, "verl.experimental.agent_loop.agent_loop")
    wrapt.register_post_import_hook(_check_in_driver, "verl.utils.config")
    if os.environ.get("VERL_PLATFORM", "").strip().lower() == "cpu":
        from egpo_verl.integration import cpu

        cpu.register()


register()
