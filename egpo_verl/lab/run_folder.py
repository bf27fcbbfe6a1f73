"""The folder of one run: what it holds, and from that how far the run is."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egpo_verl.cli import write_file_aside
from egpo_verl.compare.run_log import Run, read_run
from egpo_verl.errors import UserError

TRAIN, FINAL = "train", "final"
"""Phases of a run: the training, and the measurement of its last checkpoint."""
DONE, RUNNING, FAILED, STOPPED, WAITING = "done", "running", "failed", "stopped", "waiting"
"""States of a run."""
ESCAPES = re.compile(r"\x1b\[[\d;]*m")
PROBLEM = re.compile(r"(?:\([^)]*\) *)?([\w.]*(?:Error|Exception)\b.*)")


@dataclass(frozen=True)
class RunFolder:
    """Where one run keeps everything: `FOLDER/ARM-seedN`.

    Attributes:
        arm: name of its arm; `start` is the model before any training.
        seed: of the order of the data, and of sampling.
        steps: of the whole training.
    """

    root: Path
    arm: str
    seed: int
    steps: int

    @property
    def name(self) -> str:
        return f"{self.arm}-seed{self.seed}"

    @property
    def path(self) -> Path:
        return self.root / self.name

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def console(self) -> Path:
        return self.path / "console.log"

    @property
    def final(self) -> Path:
        """What verl wrote of every response of the last measurement."""
        return self.path / "final" / f"{self.steps}.jsonl"

    def next_log(self) -> Path:
        """A log of its own for each start, so that what came before is kept."""
        numbers = [int(file.stem.rpartition("-")[2]) for file in self.path.glob("steps-*.jsonl")]
        return self.path / f"steps-{max(numbers, default=0) + 1:04}.jsonl"

    def log(self) -> Run | None:
        """The logged steps of all starts; None before the first one."""
        files = [file for file in self.path.glob("steps-*.jsonl") if file.stat().st_size]
        if not files:
            return None
        with suppress(UserError):
            return read_run(self.path)
        return None

    def last_step(self) -> int:
        """The last step that is logged, 0 before the first."""
        run = self.log()
        return max((max(values) for values in run.values.values()), default=0) if run else 0

    def run_json(self) -> dict[str, Any]:
        """`run.json`; empty before the first start."""
        file = self.path / "run.json"
        content: Any = None
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError:
            pass
        if isinstance(content, dict):
            starts = content.get("starts", [])
            if isinstance(starts, list) and all(isinstance(one, dict) for one in starts):
                return content
        raise UserError(f"{file} is damaged: remove {self.path}, and the run starts anew.")

    def write_run_json(self, content: Mapping[str, Any]) -> None:
        """Write `run.json`, whole or not at all."""
        with write_file_aside(self.path / "run.json") as part:
            part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def is_done(self) -> bool:
        """Whether the run is trained and measured."""
        return bool(self.run_json().get("done"))

    def state(self) -> str:
        """One of the states above, as far as files tell."""
        content = self.run_json()
        if content.get("done"):
            return DONE
        if self.is_locked():
            return RUNNING
        starts = content.get("starts", [])
        if not starts:
            return WAITING
        return FAILED if starts[-1].get("problem") else STOPPED

    def lock(self) -> int | None:
        """A descriptor that holds the run, for a child to inherit; None where another has it."""
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def is_locked(self) -> bool:
        """Whether a process is at work on this run."""
        if not (self.path / "lock").exists():
            return False
        descriptor = self.lock()
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    def slot(self) -> int:
        """Which of the runs at once the last start was."""
        starts = self.run_json().get("starts", [])
        return int(starts[-1].get("slot", 0)) if starts else 0

    def last_problem(self) -> str:
        """Why the last start failed, as `run.json` has it."""
        starts = self.run_json().get("starts", [])
        return str(starts[-1].get("problem", "")) if starts else ""

    def problem(self) -> str:
        """The last error that the console shows, on one line."""
        with suppress(OSError), self.console.open("rb") as file:
            file.seek(max(0, self.console.stat().st_size - 65_536))
            lines = ESCAPES.sub("", file.read().decode("utf-8", "replace")).splitlines()
            errors = [match[1] for line in lines if (match := PROBLEM.match(line))]
            if errors:
                return errors[-1][:300].rstrip(".")
        return "it ended without a word"
