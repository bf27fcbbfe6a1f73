"""A study file: arms that differ in nothing but their overrides, and the seeds they share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from egpo_verl.errors import UserError

ARM = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
EQUAL, LOSES = EXPECTED = ("equal", "loses")
OWN_KEYS = (
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


@dataclass
class Data:
    """Parquet files as `python -m egpo_verl.preprocess` writes them.

    Attributes:
        train: trained on.
        val: validated on during the training, greedily.
        final: name -> file, measured before the first step and after the last.
        make: command that makes them where one is missing.
    """

    train: str
    val: list[str]
    final: dict[str, str]
    make: str = ""


@dataclass
class Final:
    """How the last measurement samples: `responses` of each prompt."""

    responses: int = 8
    temperature: float = 0.7


@dataclass
class Arm:
    """What one arm changes, on top of the study's shared overrides."""

    overrides: list[str] = field(default_factory=list)


@dataclass
class Study:
    """A study file, checked.

    Attributes:
        name: of the study and of its part of the report.
        model: folder or hub name of the model that every run starts from.
        steps: of each training.
        seeds: each arm runs once with each.
        arms: by name, in the order of the report.
        baseline: the arm that the others are compared with.
        overrides: of verl's configuration, shared by all arms.
        question: what the study asks, for the report.
        folder: of the runs, `runs/lab/NAME` unless given; studies may share one.
        level: accuracy that "steps to a level" counts to.
        expect: of a control, by arm: `equal` to the baseline to the digit, or that it `loses`.
        save_every: steps between checkpoints.
        test_every: steps between validations.
        parallel: runs at once.
        threads: `OMP_NUM_THREADS` of each.
        devices: `CUDA_VISIBLE_DEVICES` of each of the runs at once; none leaves it alone.
        retries: times that a crashed run is started again before it is reported.
        records: keep every response of the training with its tokens and numbers.
        keep_checkpoints: of finished runs.
    """

    name: str
    model: str
    data: Data
    steps: int
    seeds: list[int]
    arms: dict[str, Arm]
    baseline: str
    overrides: list[str] = field(default_factory=list)
    question: str = ""
    folder: str = ""
    level: float = 0.5
    expect: dict[str, str] = field(default_factory=dict)
    final: Final = field(default_factory=Final)
    save_every: int = 20
    test_every: int = 10
    parallel: int = 1
    threads: int = 1
    devices: list[str] = field(default_factory=list)
    retries: int = 1
    records: bool = False
    keep_checkpoints: bool = False

    def common(self) -> dict[str, Any]:
        """What all runs of a folder share."""
        keys = ("model", "steps", "overrides", "final", "save_every", "test_every", "records")
        content = asdict(self)
        data = {key: content["data"][key] for key in ("train", "val", "final")}
        return {key: content[key] for key in keys} | {"data": data}

    def files(self) -> list[Path]:
        """The parquet files it reads."""
        names = [self.data.train, *self.data.val, *self.data.final.values()]
        return [Path(name) for name in dict.fromkeys(names)]


def read_study(path: Path) -> Study:
    """The study of a YAML file.

    Raises:
        UserError: no such file, no YAML, an unknown or missing key, a value of another type, or
            arms and seeds that make no comparison.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        loaded = OmegaConf.load(path)
        merged = OmegaConf.merge(OmegaConf.structured(Study), loaded)
        study = OmegaConf.to_object(merged)
    except FileNotFoundError:
        raise UserError(f"{path} is not there: name a study file.") from None
    except (OmegaConfBaseException, YAMLError, ValueError) as error:
        raise UserError(f"{path} is no study: {_first_line(error)}.") from None
    assert isinstance(study, Study)
    study.folder = study.folder or f"runs/lab/{study.name}"
    for problem in problems(study):
        raise UserError(f"{path}: {problem}.")
    return study


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    key = re.search(r"full_key: (\S+)", text)
    first = " ".join(text.splitlines()[:1]).rstrip(".")
    return f"{key[1]}: {first}" if key else first


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
    own = next((name for name in OWN_KEYS if key == name or key.startswith(f"{name}.")), None)
    if own is not None:
        yield f"{owner}: {own} is set by the laboratory itself, so that runs stay paired"
