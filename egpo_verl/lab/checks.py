"""What keeps a study from being one, beside its keys and types."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from egpo_verl.errors import UserError
from egpo_verl.lab.study import EXPECTED, Study, load_study

ARM = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
RESERVED_KEYS = (
    "data.train_files",
    "data.val_files",
    "data.seed",
    "actor_rollout_ref.model.path",
    "actor_rollout_ref.actor.data_loader_seed",
    "actor_rollout_ref.rollout.seed",
    "actor_rollout_ref.rollout.val_kwargs",
    "algorithm.egpo.record_dir",
    "ray_kwargs.ray_init.address",
    "trainer.total_training_steps",
    "trainer.total_epochs",
    "trainer.experiment_name",
    "trainer.logger",
    "trainer.default_local_dir",
    "trainer.save_freq",
    "trainer.test_freq",
    "trainer.val_before_train",
    "trainer.val_only",
    "trainer.validation_data_dir",
    "trainer.resume_mode",
    "trainer.resume_from_path",
    "trainer.max_actor_ckpt_to_keep",
)
"""Keys of verl that the laboratory sets for every run."""


def read_study(path: Path) -> Study:
    """The study of a YAML file, checked.

    Raises:
        UserError: the file is no study, or its arms and seeds make no comparison.
    """
    study = load_study(path)
    for problem in problems(study):
        raise UserError(f"{path}: {problem}.")
    return study


def problems(study: Study) -> Iterable[str]:
    """What keeps a study from being one, a phrase each."""
    if not ARM.fullmatch(study.name):
        yield f"name {study.name!r} must be letters, digits, _, - and ."
    for name in study.arms:
        if not ARM.fullmatch(name) or name == "start":
            yield f"arm {name!r}: a name is letters, digits, _, - and ., and not start"
    if not study.arms or not study.seeds:
        yield "it needs at least one arm and one seed"
    for arm, word in study.expect.items():
        if arm not in study.arms or arm == study.baseline or word not in EXPECTED:
            yield f"expect.{arm} must be {' or '.join(EXPECTED)}, of an arm beside the baseline"
    if study.baseline not in study.arms:
        yield f"baseline {study.baseline!r} is none of its arms ({', '.join(study.arms)})"
    for seed, times in Counter(study.seeds).items():
        if times > 1:
            yield f"seed {seed} is there {times} times; each seed makes one run of an arm"
        if not 0 <= seed < 2**31:
            yield f"seed {seed} is not between 0 and {2**31 - 1}"
    if not study.data.val or not study.data.final:
        yield "data.val and data.final each need at least one file"
    if not all([study.data.train, *study.data.val, *study.data.final.values()]):
        yield "a file of data has no name"
    for name, of_arm in study.arms.items():
        if of_arm.train and Path(of_arm.train).resolve() == Path(study.data.train).resolve():
            yield f"arm {name}: its train is data.train; leave it out"
    for key in ("steps", "save_every", "test_every", "parallel", "threads"):
        if getattr(study, key) < 1:
            yield f"{key} must be at least 1"
    if study.final.responses < 1 or study.final.temperature <= 0 or study.retries < 0:
        yield "final.responses and final.temperature must be above 0, retries not below"
    if study.devices and len(study.devices) != study.parallel:
        yield f"devices must name one set for each of the {study.parallel} runs at once"
    for owner, overrides in _all_overrides(study):
        for override in overrides:
            yield from _problem_of(owner, override)


def _all_overrides(study: Study) -> Iterable[tuple[str, Sequence[str]]]:
    yield "overrides", study.overrides
    for name, arm in study.arms.items():
        yield f"arm {name}", arm.overrides


def _problem_of(owner: str, override: str) -> Iterable[str]:
    key, equals, _ = override.lstrip("+~").partition("=")
    if not equals and not override.startswith("~"):
        yield f"{owner}: {override!r} is no override, which has the form key=value"
    reserved = next(
        (name for name in RESERVED_KEYS if key == name or key.startswith(f"{name}.")), None
    )
    if reserved is not None:
        yield f"{owner}: {reserved} is set by the laboratory itself, so that runs stay paired"
    elif any(name.startswith(f"{key}.") for name in RESERVED_KEYS):
        yield f"{owner}: {key} is set as a whole; name its keys one by one"
