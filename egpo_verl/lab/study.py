"""A study file: arms that differ in nothing but their overrides, and the seeds they share."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from egpo_verl.errors import UserError
from egpo_verl.lab.hydra_value import value_of

EQUAL, LOSES = EXPECTED = ("equal", "loses")
"""What a control must come out as."""


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
    """What one arm changes, on top of the study's shared overrides.

    Attributes:
        train: file that it is trained on in place of the study's.
    """

    overrides: list[str] = field(default_factory=list)
    train: str = ""

    def changes(self) -> list[str]:
        """All that parts it from the study's shared overrides, in verl's words."""
        return [
            *self.overrides,
            *([f"data.train_files={value_of(self.train)}"] if self.train else []),
        ]


@dataclass
class Study:
    """A study file.

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
        """The parquet files that all arms share."""
        names = [self.data.train, *self.data.val, *self.data.final.values()]
        return [Path(name) for name in dict.fromkeys(names)]

    def all_files(self) -> list[Path]:
        """`files`, and those of single arms."""
        arm_files = [Path(arm.train) for arm in self.arms.values() if arm.train]
        return list(dict.fromkeys([*self.files(), *arm_files]))


def load_study(path: Path) -> Study:
    """The study of a YAML file, its keys and types checked.

    Raises:
        UserError: no such file, no YAML, an unknown or missing key, or a value of another type.
    """
    try:
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException
        from yaml import MarkedYAMLError, YAMLError
    except ImportError as error:
        raise UserError(f"a study file needs {error.name}, which verl installs.") from error
    try:
        loaded = OmegaConf.load(path)
        merged = OmegaConf.merge(OmegaConf.structured(Study), loaded)
        study = OmegaConf.to_object(merged)
    except FileNotFoundError:
        raise UserError(f"{path} is not there: name a study file.") from None
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UserError(f"{path} is no study: {line}{error.problem}.") from None
    except AssertionError:  # OmegaConf's answer to a file that is one number
        raise UserError(f"{path} is no study: it holds one value.") from None
    except (OmegaConfBaseException, YAMLError, ValueError, OSError) as error:
        raise UserError(f"{path} is no study: {_first_line(error)}.") from None
    assert isinstance(study, Study)
    study.folder = study.folder or f"runs/lab/{study.name}"
    return study


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    key = re.search(r"full_key: (\S+)", text)
    first = " ".join(text.splitlines()[:1]).rstrip(".")
    return f"{key[1]}: {first}" if key else first
