"""A run without EGPO cannot tell that the package is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.slow

SEEN = """
import hashlib, importlib, inspect, json, re, sys
import numpy as np, torch
from ray import cloudpickle
from types import SimpleNamespace
from omegaconf import OmegaConf

names = [
    "verl.trainer.ppo.v1",
    "verl.trainer.main_ppo",
    "verl.trainer.main_ppo_v0",
    "verl.trainer.ppo.metric_utils",
    "verl.workers.engine_workers",
    "verl.experimental.agent_loop.agent_loop",
    "verl.experimental.one_step_off_policy.ray_trainer",
    "verl.experimental.separation.ray_trainer",
]
for name in names:
    importlib.import_module(name)

def described(thing):
    if inspect.isfunction(thing):
        text = [type(thing).__name__, thing.__module__, thing.__qualname__]
        text.append(re.sub(" at 0x[0-9a-f]+", "", str(inspect.signature(thing))))
        by_reference = getattr(sys.modules.get(thing.__module__), thing.__name__, None) is thing
        if by_reference:
            text.append(hashlib.sha256(cloudpickle.dumps(thing)).hexdigest())
        return text
    return type(thing).__name__

seen = {}
for name, module in sorted(sys.modules.items()):
    if name.split(".")[0] != "verl":
        continue
    for key, value in sorted(vars(module).items()):
        if inspect.isclass(value) and value.__module__ == name:
            for attribute, member in sorted(vars(value).items()):
                seen[f"{name}.{key}.{attribute}"] = described(member)
        elif not inspect.ismodule(value) and not key.startswith("__"):
            seen[f"{name}.{key}"] = described(value)

for name in ("verl.trainer.main_ppo", "verl.trainer.main_ppo_v0"):
    module = sys.modules[name]
    cloudpickle.register_pickle_by_value(module)
    for key in ("TaskRunnerV1", "TaskRunner"):
        if hasattr(module, key):
            made = getattr(module, key).__ray_metadata__.modified_class
            seen[f"pickled {key}"] = len(cloudpickle.dumps(made)) > 0

from verl.protocol import DataProto
from verl.trainer.ppo import ray_trainer
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync
torch.manual_seed(0)
data = DataProto.from_dict(
    {"token_level_rewards": torch.rand(8, 3), "response_mask": torch.ones(8, 3)},
    {"uid": np.array(list("aabbccdd"), dtype=object)},
)
for estimator in ("grpo", "grpo_vectorized", "rloo"):
    config = OmegaConf.create({"norm_adv_by_std_in_grpo": True})
    done = ray_trainer.compute_advantage(data, adv_estimator=estimator, config=config)
    seen[f"advantages of {estimator}"] = done.batch["advantages"].tolist()
for owner in (PPOTrainerSync, ray_trainer.RayPPOTrainer):
    this = SimpleNamespace(config=OmegaConf.create({"algorithm": {"adv_estimator": "grpo"}}))
    infos = {"reward": [0.0, 1.0], "reason": ["timeout", "ok"], "code": [3, 4]}
    logged = owner._val_metrics_update(this, np.array(["a", "a"]), ["u", "v"], infos, [])
    seen[f"validation of {owner.__name__}"] = {key: float(value) for key, value in logged.items()}
registry = sys.modules["verl.trainer.ppo.core_algos"].ADV_ESTIMATOR_REGISTRY
seen["estimators"] = sorted(set(registry) - {"egpo"})
seen["ours"] = sorted(name for name in sys.modules if name.startswith("egpo_verl"))
print("SEEN" + json.dumps(seen))
"""


def seen(plugins: str) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SEEN],
        env={**os.environ, "VERL_USE_EXTERNAL_PLUGINS": plugins},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    line = next(line for line in ran.stdout.splitlines() if line.startswith("SEEN"))
    return json.loads(line.removeprefix("SEEN"))


def test_all_of_verl_looks_pickles_and_behaves_as_without_the_package() -> None:
    without, installed = seen("none"), seen("auto")
    assert without.pop("ours") == []
    ours = installed.pop("ours")
    assert ours == [
        "egpo_verl",
        "egpo_verl.integration",
        "egpo_verl.integration.hooks",
        "egpo_verl.integration.plugin",
    ], "nothing else of the package is loaded"
    assert installed["pickled TaskRunnerV1"]
    assert len(installed) > 3000
    different = {key for key in without | installed if without.get(key) != installed.get(key)}
    # What verl remembers of loading plugins, and a signature that shows the environment.
    different -= {f"verl.{name}" for name in ("_allowed", "_discovered", "_entry_points", "_ep")}
    different -= {"verl.utils.ray_utils.ray_noset_visible_devices"}
    assert not different


def process(code: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout


CHANGED_VERL = """
import sys, wrapt
def attach(trainer_base):
    {change}
wrapt.register_post_import_hook(attach, "verl.trainer.ppo.v1.trainer_base")
import verl.trainer.ppo.v1.trainer_base as trainer_base
from hydra import compose, initialize_config_module
from verl.utils.config import validate_config
with initialize_config_module("verl.trainer.config", version_base=None):
    config = compose("ppo_trainer", overrides=["+egpo=paper", "+machine=cpu"])
try:
    validate_config(config, False, False)
except ValueError as error:
    print("REFUSED", type(error).__name__, error)
config.algorithm.adv_estimator = "grpo"
validate_config(config, False, False)
print("grpo passes")
"""


def test_a_method_that_verl_renames_breaks_no_import_and_refuses_egpo_alone() -> None:
    printed = process(CHANGED_VERL.format(change="del trainer_base.PPOTrainer._compute_advantage"))
    assert "REFUSED ConfigError" in printed
    assert "trainer_base.PPOTrainer._compute_advantage is not there" in printed
    assert "grpo passes" in printed


def test_a_method_that_only_words_need_may_be_missing() -> None:
    printed = process(CHANGED_VERL.format(change="del trainer_base.PPOTrainer._save_checkpoint"))
    assert "REFUSED" not in printed
    assert "grpo passes" in printed


def test_a_third_partys_wrapper_neither_counts_as_ours_nor_is_lost() -> None:
    proxy = (
        "wrapt.wrap_function_wrapper(trainer_base, 'PPOTrainer._compute_advantage', "
        "lambda wrapped, trainer, args, kwargs: print('theirs') or wrapped(*args, **kwargs))"
    )
    printed = process(CHANGED_VERL.format(change=proxy))
    assert "REFUSED" not in printed
    assert "grpo passes" in printed
    printed = process(
        CHANGED_VERL.format(change=proxy)
        + "\nfrom types import SimpleNamespace as S\nfrom verl.trainer.ppo.v1 import trainer_base\n"
        "trainer = object.__new__(trainer_base.PPOTrainer.__subclasses__()[0]) "
        "if trainer_base.PPOTrainer.__subclasses__() else None\n"
        "import verl.trainer.ppo.v1.trainer_sync as s\n"
        "trainer = object.__new__(s.PPOTrainerSync)\ntrainer.config = config\n"
        "import transfer_queue as tq\ntq.kv_batch_get = lambda **_: 1 / 0\n"
        "try:\n    trainer._compute_advantage(S(keys=[], partition_id=''), {})\n"
        "except ZeroDivisionError:\n    print('verls own ran')\n"
    )
    assert "theirs" in printed
    assert "verls own ran" in printed
