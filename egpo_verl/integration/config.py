"""What verl's configuration says of a run with EGPO, before its first rollout.

Only what cannot work is refused. What is merely doubted is one warning.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

from egpo_verl.advantage import EgpoOptions, OptionError
from egpo_verl.envs.settings import Settings
from egpo_verl.errors import UserError
from egpo_verl.integration import hooks
from egpo_verl.integration.precision import CHUNKING, in_float32, reader_of_chunking
from egpo_verl.integration.record import RecordOptions
from egpo_verl.integration.support import level_of

PLUGIN = "egpo_verl"
MODULES = "VERL_USE_EXTERNAL_MODULES"

log = logging.getLogger("verl.egpo")


class ConfigError(ValueError):
    """A configuration under which EGPO cannot train; the message says how to fix it."""


def before_training(stock: Callable[..., Any], config: Any, *args: Any, **kwargs: Any) -> Any:
    """In place of verl's `validate_config`, which every `main_ppo` calls before it trains, and of
    `run_ppo`, by which scripts beside it start (fully_async, one_step_off) that validate nothing,
    or only in a worker.

    Raises:
        ConfigError: see `check` and `check_live`.
    """
    if hooks.is_live(config):
        check_live(config)
    if hooks.is_egpo(config):
        check(config)
        _warn(config)
    load_in_workers(config)
    return stock(config, *args, **kwargs)


def check_live(config: Any) -> None:
    """Refuse what live episodes cannot work under, whatever the estimator.

    Raises:
        ConfigError: a wrong option under `env`, or a trainer that takes one output a rollout.
    """
    if trainer_of(config) != hooks.V1:
        raise ConfigError(
            "live episodes (+env=own) have an output for each message, and verl's legacy trainer "
            "takes one a rollout: set trainer.use_v1=True, and run python -m verl.trainer.main_ppo."
        )
    try:
        Settings.of(config.get("env"))
    except UserError as error:
        raise ConfigError(str(error)) from None


def _warn(config: Any) -> None:
    """Each doubt once: since 0.9.0, which knows `use_v1`, the driver has spoken for its workers."""
    import ray

    if ray.is_initialized() and "use_v1" in config.trainer:
        return
    for doubt in doubts(config):
        log.warning("egpo_verl: %s", doubt)


def check(config: Any) -> None:
    """Refuse what cannot work, given verl's whole configuration (an OmegaConf node).

    Raises:
        ConfigError: a wrong option, bypass mode, or a trainer of verl without the doors of
            `egpo_verl.integration`.
    """
    try:
        EgpoOptions.from_mapping(config.algorithm.get("egpo"))
        RecordOptions.of(config.algorithm)
    except OptionError as error:
        raise ConfigError(str(error)) from None
    correction = config.algorithm.get("rollout_correction") or {}
    if correction.get("bypass_mode", False):
        raise ConfigError(
            "adv_estimator=egpo needs the entropy of the old policy, and "
            "algorithm.rollout_correction.bypass_mode=True skips the pass that computes it: "
            "set algorithm.rollout_correction.bypass_mode=False."
        )
    try:
        _check_actor_knows_chunking(config.actor_rollout_ref.actor)
        missing = hooks.missing(trainer_of(config))
    except ImportError as error:
        # The trainer runs in another process, perhaps with more installed than this one.
        log.warning("egpo_verl: verl's trainer does not import here (%s).", error)
        return
    if missing:
        raise ConfigError(
            f"adv_estimator=egpo cannot reach the entropies of verl {_version()}: "
            f"{', '.join(missing)} is not there or was imported before egpo_verl. Use a verl that "
            "docs/versions.md lists, and let verl load the plugin (python -m egpo_verl.doctor)."
        )


def _check_actor_knows_chunking(actor: Any) -> None:
    """verl builds the actor's dataclass from its node, and some engines' lack the key."""
    target = actor.get("_target_")
    if CHUNKING not in actor or not target:
        return
    module, _, name = target.rpartition(".")
    actor_class = getattr(importlib.import_module(module), name, None)
    if not dataclasses.is_dataclass(actor_class):
        return
    known = dataclasses.fields(actor_class)
    if CHUNKING not in {field.name for field in known}:
        raise ConfigError(
            f"verl's {name} has no {CHUNKING}, which +egpo=... sets: add entropy=as_logits after "
            "it, and the entropy of Eq. 4 is computed in the logits' precision."
        )


def trainer_of(config: Any) -> str:
    """`hooks.V1` or `hooks.LEGACY`.

    Raises:
        ConfigError: verl 0.8.0's `main_ppo_sync`, whose trainer is defined in the script itself.
    """
    if config.get("async_training") is not None:  # fully_async, whatever `use_v1` says
        return hooks.LEGACY
    if config.trainer.get("use_v1", False):
        return hooks.V1
    has_script = importlib.util.find_spec("verl.trainer.main_ppo_sync") is not None
    if has_script and (config.get("transfer_queue") or {}).get("enable", False):
        raise ConfigError(
            "adv_estimator=egpo cannot reach the trainer of verl.trainer.main_ppo_sync, which is "
            "part of that script: run python -m verl.trainer.main_ppo instead."
        )
    return hooks.LEGACY


def doubts(config: Any) -> Iterator[str]:
    """What a user should know and may have meant, a sentence each."""
    if level_of(_version()) == "unknown":
        yield (
            f"verl {_version()} is not among the versions that were tested "
            "(docs/versions.md); all that EGPO needs of it was found."
        )
    if not in_float32(config):
        yield (
            "the entropy of Eq. 4 is computed in the logits' precision, not in float32: set "
            f"{'.'.join(reader_of_chunking(config))}.{CHUNKING}=True and "
            "actor_rollout_ref.model.use_remove_padding=True, as +egpo=paper does, and leave "
            "actor_rollout_ref.model.use_fused_kernels=False."
        )


def load_in_workers(config: Any) -> None:
    """Have every worker of the job import the plugin by name, so that a missing one is an error.

    verl loads plugins by entry point too, but logs a failure there at DEBUG only. This is the one
    thing that is added to a user's configuration.
    """
    from omegaconf import OmegaConf

    path = f"ray_kwargs.ray_init.runtime_env.env_vars.{MODULES}"
    names = OmegaConf.select(config, path) or os.environ.get(MODULES, "")
    modules = [name for name in names.split(",") if name]
    if PLUGIN not in modules:
        OmegaConf.update(config, path, ",".join([*modules, PLUGIN]), force_add=True)


def _version() -> str:
    import verl

    return str(verl.__version__)
