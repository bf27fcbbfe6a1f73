"""Read what verl's `file` logger wrote: one JSON object a line, `{"step": .., "data": {..}}`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from egpo_verl.errors import UserError


@dataclass(frozen=True)
class Run:
    """The logged numbers of one training run."""

    name: str
    values: dict[str, dict[int, float]]  # metric -> step -> value

    def series(self, metric: str) -> tuple[list[int], list[float]]:
        """Steps in order and the values at them; both empty where the metric was not logged."""
        values = self.values.get(metric, {})
        steps = sorted(values)
        return steps, [values[step] for step in steps]


def read_run(path: Path) -> Run:
    """Read a log, or a folder of the logs of one run that was stopped and resumed.

    Of a step that was logged twice the later file counts.

    Raises:
        UserError: nothing there, a line that is no JSON, or no step at all.
    """
    files = _files(path)
    values: dict[str, dict[int, float]] = {}
    for file in files:
        for number, line in enumerate(_lines(file), start=1):
            step, data = _record(file, number, line)
            for metric, value in data.items():
                if isinstance(value, (int, float)):
                    values.setdefault(metric, {})[step] = float(value)
    if not values:
        raise UserError(f"{path} holds no step: did the run end before its first one?")
    return Run(name=path.stem if path.is_file() else path.name, values=values)


def _lines(file: Path) -> list[str]:
    """The lines of a log; a last one that a killed run, or a full disk, cut short is left out."""
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    cut_short = bool(lines) and not lines[-1].endswith("\n") and not _is_json(lines[-1])
    return lines[:-1] if cut_short else lines


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    files = sorted(path.glob("*.jsonl"), key=lambda file: (file.stat().st_mtime, file.name))
    if not files:
        raise UserError(
            f"{path} is no log and no folder with logs: train with "
            'trainer.logger=\'["console","file"]\' and give the .jsonl file that it names.'
        )
    return files


def _record(file: Path, number: int, line: str) -> tuple[int, dict[str, object]]:
    try:
        record = json.loads(line)
        step, data = record["step"], record["data"]
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{file}:{number} is not a line of verl's file logger.") from None
    if not isinstance(step, int) or not isinstance(data, dict):
        raise UserError(f"{file}:{number} is not a line of verl's file logger.")
    return step, data
