"""Whether a verl configuration can train with EGPO, said before the first rollout."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

from egpo_verl.advantage.options import EgpoOptions, OptionError
from egpo_verl.errors import USER_ERROR, UserError

TESTED_VERL = ("0.9.1",)
PLUGIN_MODULE = "egpo_verl"


class ConfigError(UserError):
    """A configuration under which EGPO cannot train; the message names the cure."""


def check_config(config: Any) -> None:
    """Refuse what cannot work, given verl's whole configuration (an OmegaConf node).

    Raises:
        ConfigError: an untested verl, the legacy trainer, bypass mode, or a wrong option.
    """
    import verl

    if verl.__version__ not in TESTED_VERL:
        raise ConfigError(
            f"egpo_verl hooks into verl {' or '.join(TESTED_VERL)}, but verl {verl.__version__} is "
            f"installed: run pip install verl=={TESTED_VERL[-1]}, or use another adv_estimator."
        )
    if not config.trainer.use_v1:
        raise ConfigError(
            "adv_estimator=egpo needs verl's v1 trainer, because the legacy one drops the "
            "entropies: set trainer.use_v1=True."
        )
    correction = config.algorithm.get("rollout_correction") or {}
    if correction.get("bypass_mode", False):
        raise ConfigError(
            "adv_estimator=egpo needs the entropy of the old policy, and "
            "algorithm.rollout_correction.bypass_mode=True skips the pass that computes it: "
            "set algorithm.rollout_correction.bypass_mode=False."
        )
    try:
        EgpoOptions.from_mapping(_plain(config.algorithm.get("egpo")))
    except OptionError as error:
        raise ConfigError(str(error)) from None


def check_trl() -> None:
    """Refuse a trl that verl cannot live beside.

    Where trl is installed, verl 0.9.1 patches one of its classes while it loads a model, whether it
    needs it or not (verl/models/transformers/monkey_patch.py:352); trl 1.16 no longer has it.

    Raises:
        ConfigError: trl is installed without that class.
    """
    if importlib.util.find_spec("trl") is None:
        return
    for module in ("trl.experimental.ppo", "trl"):
        try:
            importlib.import_module(module).AutoModelForCausalLMWithValueHead  # noqa: B018
        except (ImportError, AttributeError):
            continue
        return
    raise ConfigError(
        "verl 0.9.1 imports AutoModelForCausalLMWithValueHead from trl wherever trl is installed, "
        "and the trl here has none: run pip uninstall trl, or train in an environment without it."
    )


def check_workers(config: Any) -> None:
    """Refuse an existing Ray cluster with a node whose workers cannot import the plugin.

    A cluster that the job starts itself inherits the driver's environment and needs no check.

    Raises:
        ConfigError: with what the worker said.
    """
    import ray

    started_here = not ray.is_initialized()
    if started_here and not _connect(config):
        return
    try:
        probe = ray.remote(num_cpus=0)(_estimator_is_known)
        nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
        ray.get([probe.options(scheduling_strategy=_on(node)).remote() for node in nodes])
    except (ray.exceptions.RayError, ImportError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise ConfigError(
            f"the workers of this Ray cluster cannot load egpo_verl ({reason}): install it on "
            "every node (pip install egpo-verl) and start Ray again."
        ) from None
    finally:
        if started_here:
            ray.shutdown()


def load_in_workers(config: Any) -> None:
    """Have every worker of the job import the plugin by name, so that a missing one is an error.

    verl loads plugins by entry point too, but hides a failure there at log level DEBUG.
    """
    from omegaconf import OmegaConf

    name = "VERL_USE_EXTERNAL_MODULES"
    modules = [module for module in os.environ.get(name, "").split(",") if module]
    if PLUGIN_MODULE not in modules:
        path = f"ray_kwargs.ray_init.runtime_env.env_vars.{name}"
        modules = [*(OmegaConf.select(config, path) or ",".join(modules)).split(","), PLUGIN_MODULE]
        wanted = ",".join(dict.fromkeys(module for module in modules if module))
        OmegaConf.update(config, path, wanted, force_add=True)


def refuse(error: Exception) -> NoReturn:
    """End the command line with one sentence and exit code 2."""
    sys.stderr.write(f"egpo_verl: {error}\n")
    raise SystemExit(USER_ERROR)


def cluster_address(config: Any) -> str | None:
    """The cluster that `ray.init` would join under verl's configuration, which may be empty; None
    where it would start a new one."""
    from omegaconf import OmegaConf
    from ray._private.services import canonicalize_bootstrap_address

    given = OmegaConf.select(config, "ray_kwargs.ray_init.address")
    address: str | None = canonicalize_bootstrap_address(given)
    return address


def _connect(config: Any) -> bool:
    """Join the cluster of `cluster_address`, if there is one."""
    import ray

    address = cluster_address(config)
    if address is None:
        return False
    modules = {"VERL_USE_EXTERNAL_MODULES": PLUGIN_MODULE}
    ray.init(address=address, runtime_env={"env_vars": modules}, log_to_driver=False)
    return True


def _on(node: str) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node_id=node, soft=False)


def _estimator_is_known() -> None:
    import verl  # noqa: F401
    from verl.trainer.ppo.core_algos import get_adv_estimator_fn

    try:
        get_adv_estimator_fn("egpo")
    except ValueError:
        # Raises what verl has hidden at DEBUG, if that is why.
        import egpo_verl.integration.plugin  # noqa: F401

        raise


def _plain(node: Any) -> Mapping[str, Any] | None:
    from omegaconf import OmegaConf

    plain: Any = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
    return plain  # type: ignore[no-any-return]
