"""The one command of verl that a start of a run is."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from egpo_verl.lab.hydra_value import value_of
from egpo_verl.lab.run_folder import TRAIN, RunFolder
from egpo_verl.lab.study import Study

MODULES, PLUGIN = "VERL_USE_EXTERNAL_MODULES", "egpo_verl"
START = "start"
"""The pseudo-arm that measures the model before any training: the baseline's overrides."""
SEEDS = (
    "data.seed",
    "actor_rollout_ref.rollout.seed",
    "actor_rollout_ref.actor.data_loader_seed",
)
"""What a run's seed sets: order of the prompts, sampling, order of the mini-batches."""


def arm_overrides(study: Study, arm: str) -> list[str]:
    """The shared overrides and those of an arm."""
    of_arm = study.arms[study.baseline if arm == START else arm]
    return [*study.overrides, *of_arm.changes()]


def overrides_of(study: Study, folder: RunFolder, phase: str) -> list[str]:
    """All overrides of a start but where it resumes from."""
    root = folder.path.resolve()
    of_phase = _training(study, root) if phase == TRAIN else _measurement(study, root)
    of_arm = arm_overrides(study, folder.arm)
    if not any(text.startswith("data.train_files=") for text in of_arm):
        of_phase.append(f"data.train_files={value_of(Path(study.data.train).resolve())}")
    return [
        *of_arm,
        f"actor_rollout_ref.model.path={value_of(_model(study))}",
        *(f"{key}={folder.seed}" for key in SEEDS),
        f"trainer.total_training_steps={study.steps}",
        "trainer.total_epochs=1000000",
        f"trainer.experiment_name={folder.name}",
        "trainer.logger=['console','file']",
        f"trainer.default_local_dir={value_of(root / 'checkpoints')}",
        "++ray_kwargs.ray_init.address=local",
        *of_phase,
    ]


def _model(study: Study) -> str:
    path = Path(study.model)
    return str(path.resolve()) if path.exists() else study.model


def _training(study: Study, root: Path) -> list[str]:
    records = (
        [f"++algorithm.egpo.record_dir={value_of(root / 'rollouts')}"] if study.records else []
    )
    return [
        f"data.val_files={_files(study.data.val)}",
        "trainer.val_before_train=False",
        f"trainer.test_freq={study.test_every}",
        f"trainer.save_freq={study.save_every}",
        # with one to keep, verl removes the last before the next is recorded
        "trainer.max_actor_ckpt_to_keep=2",
        *records,
    ]


def _measurement(study: Study, root: Path) -> list[str]:
    sampling = "actor_rollout_ref.rollout.val_kwargs"
    # Of several responses to a row verl bootstraps every figure, prompt by prompt, for minutes
    # (verl/trainer/ppo/metric_utils.py:835): the rows come several times instead.
    return [
        f"data.val_files={_files(list(study.data.final.values()) * study.final.responses)}",
        "trainer.val_before_train=True",
        "trainer.val_only=True",
        f"trainer.validation_data_dir={value_of(root / 'final')}",
        f"{sampling}.do_sample=True",
        f"{sampling}.n=1",
        f"{sampling}.temperature={study.final.temperature}",
    ]


def _files(names: Sequence[str]) -> str:
    return f"[{','.join(value_of(Path(name).resolve()) for name in names)}]"


def resuming(checkpoint: Path | None) -> list[str]:
    """Where a start goes on from."""
    if checkpoint is None:
        return ["trainer.resume_mode=disable"]
    return [
        "trainer.resume_mode=resume_path",
        f"trainer.resume_from_path={value_of(checkpoint.resolve())}",
    ]


def command_of(overrides: Sequence[str]) -> list[str]:
    """verl's main_ppo, by this interpreter."""
    return [sys.executable, "-m", "verl.trainer.main_ppo", *overrides]


def environment(study: Study, log: Path, devices: str | None) -> Mapping[str, str]:
    """Of a start: a cluster, a log, threads and devices of its own."""
    inherited = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    variables = {
        "VERL_FILE_LOGGER_PATH": str(log.resolve()),
        "OMP_NUM_THREADS": str(study.threads),
        "HYDRA_FULL_ERROR": "1",
    }
    modules = [name for name in inherited.get(MODULES, "").split(",") if name]
    if PLUGIN not in modules:
        variables[MODULES] = ",".join([*modules, PLUGIN])
    if devices is not None:
        variables["CUDA_VISIBLE_DEVICES"] = devices
    return inherited | variables
