"""What the report is made of: every number of a study's runs, without weights and texts.

Run folders and packed folders (`packed`) give the same records, so that the report of either is the
same: of each run what it is, its steps, and the counts of its last measurement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from egpo_verl.compare.run_log import Run
from egpo_verl.lab.answers import Counts, count_answers
from egpo_verl.lab.entropies import recorded_entropies
from egpo_verl.lab.run_folder import RunFolder
from egpo_verl.lab.schedule import folders_of, start_folder
from egpo_verl.lab.study import Study

PACKED_METRICS = re.compile(
    r"egpo/|reward/|val-core/|val-aux/.*/acc/mean|critic/score/mean$|response_length/mean$"
    r"|actor/(kl_loss|entropy|grad_norm|pg_loss|pg_clipfrac|ppo_kl|lr)$|timing_s/step$"
)
"""Metrics of verl's log that are packed."""
ABOUT = ("arm", "seed", "steps", "arm_overrides", "versions", "commit", "machine", "done", "state")
ABOUT_START = ("phase", "from_step", "began", "ended", "exit", "problem")
PLACE = re.compile(r"(?<![\w.])/(?:[\w.+-]+/)+")
"""A folder of the machine, which a packed sentence does not name."""

Record = dict[str, Any]


@dataclass(frozen=True)
class RunEvidence:
    """One run: what it is, its logged numbers, and the counts of its last measurement."""

    about: Mapping[str, Any]
    log: Run
    final: Sequence[Counts] = ()

    @property
    def arm(self) -> str:
        return str(self.about["arm"])

    @property
    def seed(self) -> int:
        return int(self.about["seed"])

    @property
    def is_done(self) -> bool:
        return bool(self.about.get("done"))


@dataclass(frozen=True)
class Evidence:
    """One study: its file, its runs, and the counts before any training."""

    study: Mapping[str, Any]
    runs: Sequence[RunEvidence] = field(default=())
    start: Sequence[Counts] = ()

    def of_arm(self, arm: str) -> list[RunEvidence]:
        """Finished runs of an arm, by seed."""
        return [run for run in self.runs if run.arm == arm and run.is_done]


def from_folders(study: Study) -> Evidence:
    """The evidence of a study's run folders, finished or not."""
    runs = [read_records(records_of(study, folder)) for folder in folders_of(study)]
    return Evidence(about_study(study), runs, start_counts(study))


def about_study(study: Study) -> Record:
    """What the report says of a study file."""
    keys = ("name", "question", "model", "steps", "seeds", "baseline", "overrides", "level")
    content = asdict(study)
    arms = {name: arm.changes() for name, arm in study.arms.items()}
    return {key: content[key] for key in keys} | {
        "arms": arms,
        "final": content["final"],
        "expect": study.expect,
        "test_every": study.test_every,
        "parts": list(study.data.final),
        "data": study.data.make or study.data.train,
    }


def records_of(study: Study, folder: RunFolder) -> Iterator[Record]:
    """The lines of a packed run."""
    content = folder.run_json() | {"state": folder.state()}
    about = {"arm": folder.arm, "seed": folder.seed, "steps": folder.steps}
    about |= {key: content[key] for key in ABOUT if key in content}
    yield {"run": about | {"starts": [_about_start(one) for one in content.get("starts", [])]}}
    log = folder.log()
    values = log.values if log is not None else {}
    entropies = recorded_entropies(folder.path / "rollouts")
    steps = sorted({step for of_metric in values.values() for step in of_metric})
    for step in steps:
        logged = {
            name: of[step]
            for name, of in values.items()
            if step in of and PACKED_METRICS.match(name)
        }
        numbers = logged | entropies.get(step, {})
        yield {"step": step, "data": {name: _rounded(value) for name, value in numbers.items()}}
    if content.get("done"):
        yield {"final": final_counts(study, folder)}


def _rounded(value: float) -> float:
    """All digits that a 32-bit number has."""
    return float(f"{value:.9g}")


def _about_start(start: Mapping[str, Any]) -> Record:
    about = {key: start[key] for key in ABOUT_START if key in start}
    if "problem" in about:
        about["problem"] = PLACE.sub("", about["problem"])
    return about


def start_counts(study: Study) -> list[Counts]:
    """Of the model before any training; empty where it is not measured yet."""
    start = start_folder(study)
    return final_counts(study, start) if start.run_json().get("done") else []


def final_counts(study: Study, folder: RunFolder) -> list[Counts]:
    """Of the last measurement of a run."""
    return count_answers(folder.final, study.data.final)


def read_records(records: Iterable[Record]) -> RunEvidence:
    """A run from its lines."""
    about: Record = {}
    final: list[Counts] = []
    values: dict[str, dict[int, float]] = {}
    for record in records:
        about = record.get("run", about)
        final = record.get("final", final)
        for metric, value in record.get("data", {}).items():
            values.setdefault(metric, {})[record["step"]] = value
    return RunEvidence(about, Run(f"{about['arm']}-seed{about['seed']}", values), final)
