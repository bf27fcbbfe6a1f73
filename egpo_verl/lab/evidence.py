"""What the report is made of: every number of a study's runs, without weights and texts.

Run folders and packed folders give the same records, so that the report of either is the same. A
packed study is a folder with `study.json` and one `ARM-seedN.jsonl.gz` for each run: a line with
what the run is, a line for each step, a line with the counts of its last measurement.
"""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from egpo_verl.cli import write_file_aside
from egpo_verl.compare.run_log import Run
from egpo_verl.errors import UserError
from egpo_verl.lab.answers import Counts, count_answers
from egpo_verl.lab.command import START
from egpo_verl.lab.entropies import recorded_entropies
from egpo_verl.lab.run_folder import RunFolder
from egpo_verl.lab.schedule import folders_of, start_folder
from egpo_verl.lab.study import Study

KEPT = re.compile(
    r"egpo/|reward/|val-core/|val-aux/.*/acc/mean|critic/score/mean$|response_length/mean$"
    r"|actor/(kl_loss|entropy|grad_norm|pg_loss|pg_clipfrac|ppo_kl|lr)$|timing_s/step$"
)
"""Metrics of verl's log that are packed."""
ABOUT = ("arm", "seed", "steps", "arm_overrides", "versions", "commit", "machine", "done", "state")
ABOUT_START = ("phase", "from_step", "began", "ended", "exit", "problem")
SUFFIX = ".jsonl.gz"
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
    start = start_folder(study)
    counts = list(_final(study, start)) if start.facts().get("done") else []
    runs = [read_records(records_of(study, folder)) for folder in folders_of(study)]
    return Evidence(about_study(study), runs, counts)


def about_study(study: Study) -> Record:
    """What the report says of a study file."""
    keys = ("name", "question", "model", "steps", "seeds", "baseline", "overrides", "level")
    content = asdict(study)
    arms = {name: arm.overrides for name, arm in study.arms.items()}
    return {key: content[key] for key in keys} | {
        "arms": arms,
        "final": content["final"],
        "expect": study.expect,
        "test_every": study.test_every,
        "parts": list(study.data.final),
    }


def records_of(study: Study, folder: RunFolder) -> Iterator[Record]:
    """The lines of a packed run."""
    facts = folder.facts() | {"state": folder.state()}
    about = {"arm": folder.arm, "seed": folder.seed, "steps": folder.steps}
    about |= {key: facts[key] for key in ABOUT if key in facts}
    yield {"run": about | {"starts": [_about_start(one) for one in facts.get("starts", [])]}}
    log = folder.log()
    values = log.values if log is not None else {}
    entropies = recorded_entropies(folder.path / "rollouts")
    steps = sorted({step for of_metric in values.values() for step in of_metric})
    for step in steps:
        kept = {name: of[step] for name, of in values.items() if step in of and KEPT.match(name)}
        numbers = kept | entropies.get(step, {})
        yield {"step": step, "data": {name: _rounded(value) for name, value in numbers.items()}}
    if facts.get("done"):
        yield {"final": _final(study, folder)}


def _rounded(value: float) -> float:
    """All digits that a 32-bit number has."""
    return float(f"{value:.9g}")


def _about_start(start: Mapping[str, Any]) -> Record:
    about = {key: start[key] for key in ABOUT_START if key in start}
    if "problem" in about:
        about["problem"] = PLACE.sub("", about["problem"])
    return about


def _final(study: Study, folder: RunFolder) -> list[Counts]:
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


def pack(study: Study, folder: Path) -> None:
    """Write the packed study `folder/NAME`, each file whole or not at all."""
    target = folder / study.name
    target.mkdir(parents=True, exist_ok=True)
    start = start_folder(study)
    counts = _final(study, start) if start.facts().get("done") else []
    names = set()
    for run in folders_of(study):
        lines = [json.dumps(record, separators=(",", ":")) for record in records_of(study, run)]
        names.add(f"{run.name}{SUFFIX}")
        _write(target / f"{run.name}{SUFFIX}", _compressed("\n".join(lines) + "\n"))
    content = json.dumps(about_study(study) | {START: counts}, indent=1) + "\n"
    _write(target / "study.json", content.encode())
    for stale in target.glob(f"*{SUFFIX}"):
        if stale.name not in names:
            stale.unlink()


def _compressed(text: str) -> bytes:
    """The same bytes for the same text."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, filename="") as file:
        file.write(text.encode())
    return buffer.getvalue()


def _write(path: Path, content: bytes) -> None:
    with write_file_aside(path) as part:
        part.write_bytes(content)


def from_packed(folder: Path) -> Evidence:
    """The evidence of a packed study.

    Raises:
        UserError: a file that `pack` did not write, or not to its end.
    """
    try:
        study = json.loads((folder / "study.json").read_text(encoding="utf-8"))
        start = study.pop(START)
        runs = [
            _read_packed(folder / f"{arm}-seed{seed}{SUFFIX}")
            for seed in study["seeds"]
            for arm in study["arms"]
        ]
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} is not there: {folder} is no packed study.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{folder}/study.json was not written by `lab report --pack`.") from None
    return Evidence(study, runs, start)


def _read_packed(path: Path) -> RunEvidence:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return read_records(json.loads(line) for line in file)
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise UserError(f"{path} is damaged: pack the study again.") from None
