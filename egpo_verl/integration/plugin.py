"""What verl loads in every process: one estimator registered, and hooks that wait.

verl imports this module through the entry point group `verl.plugins`, or through
`VERL_USE_EXTERNAL_MODULES=egpo_verl` (verl/__init__.py:49-77). No module of verl is imported here:
each hook runs when verl itself has imported the module that it belongs to.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

import wrapt

from egpo_verl.integration.hooks import AGENT_LOOP, ESTIMATOR, HOOKS

ROLLOUT = "transformers"
"""`actor_rollout_ref.rollout.name` of the sampler that is transformers' `generate`."""


def register() -> None:
    """Attach to verl; calling it again changes nothing."""
    wrapt.register_post_import_hook(_register_estimator, "verl.trainer.ppo.core_algos")
    wrapt.register_post_import_hook(_register_loop, "verl.experimental.agent_loop.agent_loop")
    wrapt.register_post_import_hook(_register_replica, "verl.workers.rollout.replica")
    wrapt.register_post_import_hook(_register_adapter, "verl.workers.rollout.base")
    for hook in HOOKS:
        wrapt.register_post_import_hook(hook.attach, hook.module)
    if os.environ.get("VERL_PLATFORM", "").strip().lower() == "cpu":
        from egpo_verl.integration import cpu

        cpu.register()


def _register_estimator(core_algos: ModuleType) -> None:
    def egpo(*args: Any, **kwargs: Any) -> Any:
        from egpo_verl.integration.estimator import estimator

        return estimator(*args, **kwargs)

    if ESTIMATOR not in core_algos.ADV_ESTIMATOR_REGISTRY:
        core_algos.register_adv_est(ESTIMATOR)(egpo)


def _register_loop(agent_loop: ModuleType) -> None:
    # What verl's `register` writes, without importing the class for runs that do not use it.
    registry: dict[str, Any] = getattr(agent_loop, "_agent_loop_registry", {})
    registry.setdefault(AGENT_LOOP, {"_target_": "egpo_verl.envs.loop.EnvLoop"})


def _register_replica(replica: ModuleType) -> None:
    def load() -> type:
        from egpo_verl.integration.cpu.rollout import TransformersReplica

        return TransformersReplica

    registry = getattr(replica, "RolloutReplicaRegistry", None)
    # `register` would replace what somebody else calls so, a later verl for one.
    if registry is not None and ROLLOUT not in getattr(registry, "_registry", ()):
        registry.register(ROLLOUT, load)


def _register_adapter(base: ModuleType) -> None:
    # verl has a public registry for replicas but only this table for their training-side half.
    table: dict[tuple[str, str], str] = getattr(base, "_ROLLOUT_REGISTRY", {})
    table.setdefault((ROLLOUT, "async"), "egpo_verl.integration.cpu.rollout.ServerAdapter")


register()
