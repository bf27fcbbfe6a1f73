"""One start of a run: a process of verl's main_ppo, its lock, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from egpo_verl.lab import provenance
from egpo_verl.lab.command import arm_overrides, command_of, environment, overrides_of, resuming
from egpo_verl.lab.cores import pin
from egpo_verl.lab.identity import train_digest
from egpo_verl.lab.resume import best_checkpoint, is_trained, next_phase, remove_others
from egpo_verl.lab.run_folder import FINAL, STOPPED, TRAIN, RunFolder
from egpo_verl.lab.study import Study

PATIENCE = 30.0
"""Seconds that a process has to end in order."""


@dataclass
class Child:
    """A running start.

    Attributes:
        slot: which of the study's runs at once it is.
        lock: descriptor that holds the run until its end is written down.
    """

    folder: RunFolder
    phase: str
    slot: int
    process: subprocess.Popen[bytes]
    lock: int

    def ended(self) -> bool:
        return self.process.poll() is not None


def start(study: Study, folder: RunFolder, slot: int) -> Child | None:
    """Start what a run has to do next; None where another process is at work on it.

    The process inherits the lock of the run and holds it to its end, whatever becomes of this one,
    which holds it until `record_end`.
    """
    lock = folder.lock()
    if lock is None:
        return None
    child = None
    try:
        phase = next_phase(folder)
        if phase is None:
            return None
        checkpoint = best_checkpoint(folder)
        if phase == TRAIN:
            remove_others(folder, checkpoint)
        overrides = overrides_of(study, folder, phase)
        command = command_of(
            [*overrides, *resuming(checkpoint.folder if checkpoint is not None else None)]
        )
        log = folder.next_log() if phase == TRAIN else folder.path / "final.log"
        devices = study.devices[slot] if study.devices else None
        process = _spawn(command, environment(study, log, devices), folder, lock)
        if devices is None:
            pin(process.pid, slot, study.parallel)
        child = Child(folder, phase, slot, process, lock)
    finally:
        if child is None:
            os.close(lock)
    step = checkpoint.step if checkpoint is not None else 0
    _record_start(study, child, overrides, step)
    return child


def _spawn(
    command: Sequence[str], env: Mapping[str, str], folder: RunFolder, lock: int
) -> subprocess.Popen[bytes]:
    with folder.console.open("ab") as console:
        return subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(lock,),
        )


def _record_start(study: Study, child: Child, overrides: Sequence[str], step: int) -> None:
    folder = child.folder
    content = folder.run_json()
    content |= {
        "arm": folder.arm,
        "seed": folder.seed,
        "steps": folder.steps,
        "arm_overrides": arm_overrides(study, folder.arm),
        "versions": provenance.versions(),
        "commit": provenance.commit(),
        "machine": provenance.machine(),
        **train_digest(study, folder.arm),
    }
    begun = {
        "phase": child.phase,
        "from_step": step,
        "began": provenance.now(),
        "pid": child.process.pid,
        "slot": child.slot,
        "overrides": list(overrides),
    }
    content["starts"] = [*content.get("starts", []), begun]
    folder.write_run_json(content)


def record_end(study: Study, child: Child, stopped: bool = False) -> bool:
    """Write down how a start ended; whether it did what it was to do."""
    folder = child.folder
    content = folder.run_json()
    code: Any = STOPPED if stopped else child.process.returncode
    content["starts"][-1] |= {"ended": provenance.now(), "exit": code}
    measured = code == 0 and _final_file(folder)
    succeeded = is_trained(folder) if child.phase == TRAIN else measured
    if not succeeded and not stopped:
        content["starts"][-1]["problem"] = _problem(child)
    if succeeded and child.phase == FINAL:
        content["done"] = True
    folder.write_run_json(content)
    if content.get("done") and not study.keep_checkpoints:
        remove_others(folder, None)
    os.close(child.lock)
    return succeeded


def _problem(child: Child) -> str:
    """Why a start did not do what it was to do."""
    code = child.process.returncode
    return f"ended by {signal.Signals(-code).name}" if code < 0 else child.folder.problem()


def _final_file(folder: RunFolder) -> bool:
    return folder.final.exists() and folder.final.stat().st_size > 0


def end(children: Sequence[Child]) -> None:
    """End processes in order, asked first, then not; what Ray left of ended ones goes too."""
    for child in children:
        with suppress(ProcessLookupError):
            child.process.terminate()
    until = time.monotonic() + PATIENCE
    for child in children:
        with suppress(subprocess.TimeoutExpired):
            child.process.wait(max(0.1, until - time.monotonic()))
        with suppress(ProcessLookupError):
            os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()
