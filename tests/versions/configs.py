"""A release's configuration with this package's groups, by every way that we document."""

from __future__ import annotations

import importlib
import logging
import re
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

ROOT = Path(__file__).parents[2]
MODULES = "ray_kwargs.ray_init.runtime_env.env_vars.VERL_USE_EXTERNAL_MODULES"
ENGINE = "actor_rollout_ref.actor.fsdp_config.entropy_from_logits_with_chunking"
SAME = (
    "algorithm.adv_estimator",
    "algorithm.egpo",
    "algorithm.norm_adv_by_std_in_grpo",
    "actor_rollout_ref.actor.entropy_from_logits_with_chunking",
    ENGINE,
    "actor_rollout_ref.model.use_remove_padding",
    "reward.custom_reward_function.path",
    "reward.custom_reward_function.name",
)
"""What must not depend on the way."""


def composed(folder: str | Path, name: str, *overrides: str) -> Any:
    with initialize_config_dir(str(folder), version_base=None):
        return compose(name, overrides=list(overrides))


def main_ppo(*overrides: str) -> Any:
    """What `python -m verl.trainer.main_ppo` composes."""
    return composed(folder_of("verl.trainer"), "ppo_trainer", *overrides)


def folder_of(package: str) -> Path:
    """The folder `config` beside a script of verl."""
    return Path(str(importlib.import_module(package).__path__[0])) / "config"


def script(*overrides: str) -> Any:
    """What examples/common.sh composes, hardware aside."""
    from egpo_verl.sizing.scripts import commands

    (command,) = commands(
        ROOT / "examples" / "run_qwen3_4b_fsdp.sh", *overrides, LOGGER="[console]"
    )
    return main_ppo(*command[2:])


def recipe(*overrides: str) -> Any:
    return composed(ROOT / "recipe" / "egpo" / "config", "egpo_trainer", *overrides)


WAYS = {"+egpo=paper": lambda: main_ppo("+egpo=paper"), "recipe": recipe, "script": script}


def ways() -> dict[str, dict[str, Any]]:
    """The values of SAME, resolved, by every way. The scripts set keys that came with 0.9.0."""
    has_seed = "seed" in main_ppo().actor_rollout_ref.rollout
    return {name: values_of(way()) for name, way in WAYS.items() if has_seed or name != "script"}


def values_of(config: Any) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value

    return {key: plain(OmegaConf.select(config, key)) for key in SAME}


def reward_of(config: Any) -> str:
    """The function that the release calls for a score, by its loader."""
    reward_loop = importlib.import_module("verl.experimental.reward_loop")
    main = importlib.import_module("verl.trainer.main_ppo")
    if hasattr(main, "migrate_legacy_reward_impl"):
        config = reward_loop.migrate_legacy_reward_impl(config)
    function = importlib.import_module("verl.trainer.ppo.reward").get_custom_reward_fn(config)
    raw = function.args[0]
    return f"{raw.__module__}.{raw.__qualname__}"


def migrated(config: Any) -> str | None:
    """The reward's path after verl has moved its old keys, as fully_async does in every release."""
    reward_loop = importlib.import_module("verl.experimental.reward_loop")
    if not hasattr(reward_loop, "migrate_legacy_reward_impl"):
        return None
    return str(reward_loop.migrate_legacy_reward_impl(config).reward.custom_reward_function.path)


def sent_to_workers(*overrides: str) -> str | None:
    """VERL_USE_EXTERNAL_MODULES as the release's `run_ppo` asks Ray to set it in every worker."""
    import ray

    main = importlib.import_module("verl.trainer.main_ppo")
    init_arguments: dict[str, Any] = {}

    class Stopped(Exception):
        pass

    def init(**arguments: Any) -> None:
        init_arguments.update(arguments)
        raise Stopped

    real, ray.init = ray.init, init
    try:
        main.run_ppo(main_ppo("+egpo=paper", *overrides), task_runner_class=None)
    except Stopped:
        pass
    finally:
        ray.init = real
    return dict(init_arguments["runtime_env"]["env_vars"]).get("VERL_USE_EXTERNAL_MODULES")


def read_by_workers(config: Any) -> bool:
    """What the release's FSDP workers take for `entropy_from_logits_with_chunking`."""
    from verl.utils.config import omega_conf_to_dataclass

    actor = omega_conf_to_dataclass(config.actor_rollout_ref.actor)
    has_legacy_actor = config.trainer.get("use_legacy_worker_impl", "disable") != "disable"
    reader = actor if has_legacy_actor else actor.engine
    return bool(reader.entropy_from_logits_with_chunking)


def warnings_of(config: Any) -> list[str]:
    """What the release's validation makes this package warn of."""
    from verl.utils.config import validate_config

    words: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: words.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("verl").addHandler(handler)
    try:
        validate_config(config, use_reference_policy=False, use_critic=False)
    finally:
        logging.getLogger("verl").removeHandler(handler)
    return [text for text in words if text.startswith("egpo_verl")]


def bare() -> dict[str, Any]:
    """An estimator without its group, and the same after doing what the warning says."""
    keys = ["algorithm.adv_estimator=egpo", "actor_rollout_ref.actor.use_dynamic_bsz=True"]
    warned = " ".join(warnings_of(main_ppo(*keys)))
    cure = re.findall(r"actor_rollout_ref\.[\w.]+=True", warned)
    return {
        "warned": warned,
        "read": read_by_workers(main_ppo(*keys)),
        "warned after the cure": warnings_of(main_ppo(*keys, *cure)),
        "read after the cure": read_by_workers(main_ppo(*keys, *cure)),
    }


def report() -> dict[str, Any]:
    paper = main_ppo("+egpo=paper")
    other = "reward.custom_reward_function.path=pkg://json"
    return {
        "ways": ways(),
        "reward": reward_of(paper),
        "migrated": migrated(main_ppo("+egpo=paper")),
        "a user's reward": reward_path(main_ppo("+egpo=paper", other)),
        "bare": bare(),
        "read by workers": read_by_workers(paper),
        "warned": warnings_of(main_ppo("+egpo=paper")),
        "entropy as logits": values_of(main_ppo("+egpo=paper", "entropy=as_logits"))[ENGINE],
        "modules": sent_to_workers(f"+{MODULES}=egpo_verl"),
    }


def reward_path(config: Any) -> str:
    """Where the release looks for the reward."""
    moved = migrated(config)
    if moved is not None:
        return moved
    old = OmegaConf.select(config, "custom_reward_function.path")
    return str(old or config.reward.custom_reward_function.path)
