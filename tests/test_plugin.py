"""What is loaded where: everything verl needs, and nothing a machine with a GPU does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPORT = """
import sys
import {first}
import verl.trainer.ppo.core_algos as core_algos
from verl.plugin.platform import get_platform
print("egpo" in core_algos.ADV_ESTIMATOR_REGISTRY)
print(any(name.startswith("egpo_verl.integration.cpu") for name in sys.modules))
print(get_platform().device_name)
print("egpo_verl.integration.v1" in sys.modules, "verl.trainer.ppo.v1.trainer_base" in sys.modules)
"""


def python(code: str, **environment: str) -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return ran.stdout.split()


@pytest.mark.slow
@pytest.mark.parametrize("first", ["verl", "egpo_verl"])
def test_the_entry_point_registers_and_loads_nothing_else(first: str) -> None:
    assert python(REPORT.format(first=first)) == ["True", "False", "cuda", "False", "False"]


@pytest.mark.slow
def test_the_module_by_name_registers_where_plugins_are_off() -> None:
    names = {"VERL_USE_EXTERNAL_PLUGINS": "none", "VERL_USE_EXTERNAL_MODULES": "egpo_verl"}
    assert python(REPORT.format(first="verl"), **names)[0] == "True"


@pytest.mark.slow
def test_the_cpu_is_a_platform_only_where_it_is_asked_for() -> None:
    lines = python(REPORT.format(first="verl"), VERL_PLATFORM="cpu")
    assert lines == ["True", "True", "cpu", "False", "False"]


ROLLOUT = """
import sys
from verl.workers.rollout.base import get_rollout_class
from verl.workers.rollout.replica import get_rollout_replica_class
print(any(name.startswith("egpo_verl.integration.cpu") for name in sys.modules))
print(get_rollout_replica_class("transformers").__name__)
print(get_rollout_class("transformers").__name__)
"""


@pytest.mark.slow
@pytest.mark.parametrize("platform", ["", "cpu"])
def test_the_transformers_rollout_is_there_for_whom_it_is_named(platform: str) -> None:
    """On a GPU too; its classes are loaded by the runs that name it."""
    loaded, *names = python(ROLLOUT, VERL_PLATFORM=platform)
    assert loaded == str(platform == "cpu")
    assert names == ["TransformersReplica", "ServerAdapter"]


STRANGER = """
from verl.workers.rollout import base, replica
class Theirs: pass
replica.RolloutReplicaRegistry.register("transformers", lambda: Theirs)
base._ROLLOUT_REGISTRY["transformers", "async"] = "collections.OrderedDict"
from egpo_verl.integration import plugin
plugin.register()
print(replica.get_rollout_replica_class("transformers").__name__)
print(base.get_rollout_class("transformers").__name__)
"""


@pytest.mark.slow
def test_a_rollout_that_somebody_else_named_so_stays_theirs() -> None:
    assert python(STRANGER) == ["Theirs", "OrderedDict"]


def test_importing_the_package_needs_neither_torch_nor_verl() -> None:
    code = (
        "import egpo_verl, egpo_verl.calls, egpo_verl.reward, egpo_verl.preprocess, sys\n"
        "print(sorted({'torch', 'verl', 'transformers', 'ray'} & set(sys.modules)))"
    )
    assert python(code) == ["[]"]


HOOK = """
from verl.trainer.ppo import ray_trainer
from verl.trainer.ppo.v1 import trainer_base
from egpo_verl.integration import plugin
owners = (trainer_base.PPOTrainer, "_compute_advantage"), (ray_trainer, "compute_advantage")
before = [getattr(*owner) for owner in owners]
plugin.register()
print([getattr(*owner) for owner in owners] == before)
print([hasattr(function.__wrapped__, "__wrapped__") for function in before])
print({type(function).__name__ for function in before})
"""


@pytest.mark.slow
def test_registering_twice_replaces_once_and_by_plain_functions() -> None:
    assert python(HOOK) == ["True", "[False,", "False]", "{'function'}"]


@pytest.mark.slow
def test_groups_are_found_from_any_working_directory(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "verl.trainer.main_ppo", "+egpo=paper", "+machine=cpu"]
    shown = subprocess.run(
        [*command, "--cfg", "job"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    ).stdout
    for line in ("adv_estimator: egpo", "lam: 0.4", "VERL_PLATFORM: cpu", "name: transformers"):
        assert line in shown
