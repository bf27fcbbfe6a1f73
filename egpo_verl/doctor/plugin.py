"""Whether verl in this process has loaded the plugin, and would train with it.

verl logs a plugin that fails to load at level DEBUG only, so that people just read of an unknown
estimator; here the failure comes out with its cause.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module, metadata

from egpo_verl.doctor.finding import Finding, described, fail, ok, warn

MODULE = "egpo_verl.integration.plugin"
CHECK = "plugin"


def check_plugin() -> Iterator[Finding]:
    """verl, the plugin in it, its estimator and its hook; later steps rest on earlier ones."""
    try:
        import verl
    except Exception as error:
        yield fail("verl", f"does not import: {described(error)}", "fix the library that it names")
        return
    yield ok("verl", f"verl {verl.__version__} imports")
    loaded_by_verl = MODULE in sys.modules
    try:
        import_module(MODULE)
    except Exception as error:
        yield fail(CHECK, f"{MODULE} does not load: {described(error)}", "fix what it names")
        return
    yield _how_loaded(loaded_by_verl)
    yield from _check_estimator()
    yield from _check_trainer()


def check_config() -> Iterator[Finding]:
    """verl's configuration with `+egpo=paper`, as `main_ppo` composes it."""
    from hydra import compose, initialize_config_module
    from hydra.errors import HydraException

    from egpo_verl.integration import config as verl_config

    try:
        with initialize_config_module("verl.trainer.config", version_base=None):
            config = compose("ppo_trainer", overrides=["+egpo=paper"])
        verl_config.check(config)
    except HydraException as error:
        yield fail(
            "Hydra group",
            f"+egpo=paper is not found: {error}",
            "install egpo-verl again: its package hydra_plugins tells Hydra where the group is",
        )
    except verl_config.ConfigError as error:
        yield fail("configuration", str(error))
    else:
        yield ok("Hydra group", "+egpo=paper composes with verl's configuration and passes")


def _how_loaded(by_verl: bool) -> Finding:
    if not by_verl:
        return fail(CHECK, *_why_not_loaded())
    if not _entry_points():
        return warn(
            CHECK,
            "loaded by VERL_USE_EXTERNAL_MODULES; no entry point is installed",
            "pip install egpo-verl on every node, unless all workers get that variable",
        )
    return ok(CHECK, "verl loaded it in this process")


def _why_not_loaded() -> tuple[str, str]:
    policy = os.environ.get("VERL_USE_EXTERNAL_PLUGINS", "auto")
    if not _entry_points():
        return (
            "verl does not load it: no entry point `egpo` in the group verl.plugins is installed",
            "pip install egpo-verl (or pip install -e . in a checkout) in this environment",
        )
    return (
        f"verl does not load it: VERL_USE_EXTERNAL_PLUGINS={policy} leaves it out",
        "unset VERL_USE_EXTERNAL_PLUGINS, or add egpo to its list",
    )


def _entry_points() -> list[metadata.EntryPoint]:
    return [e for e in metadata.entry_points(group="verl.plugins") if e.value == MODULE]


def _check_estimator() -> Iterator[Finding]:
    from egpo_verl.integration.support import check_registered

    try:
        check_registered()
    except ValueError as error:
        yield fail("estimator", f"egpo is not registered: {error}", "see the plugin's line above")
    else:
        yield ok("estimator", "algorithm.adv_estimator=egpo is registered")


def _check_trainer() -> Iterator[Finding]:
    """What the plugin reaches of each trainer that this verl has."""
    from egpo_verl.integration import hooks

    absent = []
    for trainer in (hooks.V1, hooks.LEGACY):
        try:
            missing = hooks.missing(trainer)
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith("verl."):
                yield _does_not_import(trainer, error)
            absent.append(trainer)
        except Exception as error:
            yield _does_not_import(trainer, error)
        else:
            yield _how_reached(trainer, missing)
    if len(absent) == 2:
        yield fail("trainer", "this verl has no trainer that the plugin knows", "pip install verl")


def _does_not_import(trainer: str, error: Exception) -> Finding:
    return fail(
        "trainer",
        f"verl's {trainer} trainer does not import: {described(error)}",
        "pip install 'TransferQueue>=0.1.10' cachetools uvicorn fastapi, if it names these",
    )


def _how_reached(trainer: str, missing: Sequence[str]) -> Finding:
    if not missing:
        return ok("trainer", f"verl's {trainer} trainer hands the entropies over")
    return fail(
        "trainer",
        f"verl's {trainer} trainer does not hand the entropies over: {', '.join(missing)} is not "
        "there, or was imported before the plugin",
        "let verl load the plugin by its entry point (see the plugin's line)",
    )
