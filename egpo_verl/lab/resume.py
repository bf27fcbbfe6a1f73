"""What a run has to do next, the checkpoint that it goes on from, and which ones can go."""

from __future__ import annotations

import shutil

from egpo_verl.doctor.checkpoint import Checkpoint
from egpo_verl.doctor.checkpoints import read_checkpoints
from egpo_verl.doctor.resume import newest
from egpo_verl.lab.run_folder import FINAL, TRAIN, RunFolder


def next_phase(folder: RunFolder) -> str | None:
    """`TRAIN` or `FINAL`; None where the run is done."""
    if folder.is_done():
        return None
    return FINAL if is_trained(folder) else TRAIN


def is_trained(folder: RunFolder) -> bool:
    """Whether all steps are logged and the last one's checkpoint is whole."""
    if folder.last_step() < folder.steps:
        return False
    checkpoint = best_checkpoint(folder)
    return folder.steps == 0 or (checkpoint is not None and checkpoint.step == folder.steps)


def best_checkpoint(folder: RunFolder) -> Checkpoint | None:
    """The newest whole checkpoint of a step that is logged; None to start anew.

    verl logs a step after its checkpoint and its validation. A run killed in between would go on
    behind the step and never log it, so that the checkpoint before is taken.
    """
    if not folder.checkpoints.is_dir():
        return None
    last = folder.last_step()
    logged = [one for one in read_checkpoints(folder.checkpoints) if one.step <= last]
    best = newest(logged, None)
    return best if best is not None and best.is_finished else None


def remove_others(folder: RunFolder, checkpoint: Checkpoint | None) -> None:
    """Remove all checkpoints but one; verl forgets those of an earlier start."""
    if not folder.checkpoints.is_dir():
        return
    for path in folder.checkpoints.iterdir():
        if checkpoint is not None and path.name == checkpoint.folder.name:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
