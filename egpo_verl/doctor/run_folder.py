"""`doctor --run DIR`: which checkpoints are whole, from which a run resumes, and the disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from rich.filesize import decimal

from egpo_verl.doctor.causes import KEEP_TWO
from egpo_verl.doctor.checkpoint import Checkpoint, removal
from egpo_verl.doctor.checkpoints import read_checkpoints
from egpo_verl.doctor.finding import Finding, State, fail, ok, warn
from egpo_verl.doctor.folders import TRACKER, is_checkpoint_folder, recorded_step
from egpo_verl.doctor.inputs import InputError, check_writable
from egpo_verl.doctor.resume import check_resume, last_resort, newest
from egpo_verl.errors import UserError

DEEPEST = 3
"""Levels from a run's folder down to its checkpoints: verl's default is
`checkpoints/PROJECT/EXPERIMENT`."""
MOST = 6
"""Damaged files of a checkpoint that are named; further ones are counted."""


def check_run(root: Path, processes: int | None) -> Iterator[Finding]:
    """All findings on the checkpoints in a folder, which need not be there yet. Raises OSError.

    `processes` is how many will train, `nnodes * n_gpus_per_node`; None for as many as before.
    """
    checkpoints = read_checkpoints(root) if root.is_dir() else []
    if not checkpoints and not (root / TRACKER).exists():
        yield _nothing_yet(root)
    else:
        yield from _check_steps(checkpoints)
        yield from check_resume(root, checkpoints, processes)
    yield from _check_room(root, checkpoints)
    yield from _check_count(checkpoints)


def find_checkpoints(folder: Path) -> Path:
    """The folder that holds `global_step_N`: `folder`, one below it, or the one around it.

    Raises:
        UserError: there are several below it.
    """
    if is_checkpoint_folder(folder.parent) and folder.name.startswith("global_step_"):
        return folder.parent
    level = [folder]
    for _ in range(DEEPEST + 1):
        roots = sorted(path for path in level if is_checkpoint_folder(path))
        if len(roots) > 1:
            names = ", ".join(map(str, roots))
            raise UserError(f"{folder} holds the checkpoints of several runs: give one of {names}.")
        if roots:
            return roots[0]
        level = [path for parent in level if parent.is_dir() for path in parent.iterdir()]
    return folder


def _nothing_yet(root: Path) -> Finding:
    start = "a run with this trainer.default_local_dir starts at step 1"
    if root.exists():
        return ok("checkpoints", f"none in {root}: {start}")
    text = f"{root} is not there: {start}"
    return warn("checkpoints", text, "see whether the name is right, if a run has saved already")


def _check_steps(checkpoints: Sequence[Checkpoint]) -> Iterator[Finding]:
    """One row a checkpoint; those that follow each other and are alike share one."""
    last_weights = last_resort(checkpoints)
    rows = [(one, *_describe(one), one == last_weights) for one in checkpoints]
    for (state, text, is_needed), group in groupby(rows, key=lambda row: row[1:]):
        alike = [row[0] for row in group]
        first, last = alike[0].step, alike[-1].step
        check = f"step {first}" if first == last else f"steps {first} to {last}"
        if first != last and not alike[0].is_cleared:
            text = f"{len(alike)} checkpoints, each {text}"
        if state is State.OK:
            yield Finding(state, check, text)
        elif is_needed:
            yield Finding(state, check, text, "it cannot be loaded, but its weights are whole")
        else:
            room = decimal(sum(checkpoint.size for checkpoint in alike))
            fix = f"it cannot be loaded; once no run is writing it, removing it frees {room}"
            yield Finding(state, check, text, fix, tuple(map(removal, alike)))


def _describe(checkpoint: Checkpoint) -> tuple[State, str]:
    if checkpoint.is_cleared:
        return State.OK, "removed again by verl, to keep fewer checkpoints; data.pt is left"
    size = decimal(checkpoint.size)
    if checkpoint.problems:
        state, lines = State.WARN, list(checkpoint.problems)
        head = f"{'damaged' if checkpoint.is_finished else 'not finished'}, {size}"
    else:
        state, lines = State.OK, list(checkpoint.notes)
        counts = " or ".join(map(str, checkpoint.processes))
        saved_by = f", for {counts} process{'' if counts == '1' else 'es'}" if counts else ""
        head = f"{'whole' if checkpoint.is_finished else 'weights whole'}, {size}{saved_by}"
    if len(lines) > MOST:
        lines = [*lines[:MOST], f"and {len(lines) - MOST} more"]
    return state, "\n".join([head, *lines])


def _check_room(root: Path, checkpoints: Sequence[Checkpoint]) -> Iterator[Finding]:
    try:
        check_writable(str(root), "--run")
    except InputError as error:
        yield fail("folder", str(error), "give another trainer.default_local_dir")
        return
    nearest = next(path for path in (root.absolute(), *root.absolute().parents) if path.exists())
    free = shutil.disk_usage(nearest).free
    largest = max((one.size for one in checkpoints if not one.problems), default=0)
    text = f"{decimal(free)} free"
    if not largest:
        yield ok("disk", text)
        return
    text += f"; one checkpoint takes {decimal(largest)}"
    if free >= largest:
        yield ok("disk", text)
        return
    needed = {best.step if (best := newest(checkpoints, None)) else None}
    if (root / TRACKER).exists():
        needed.add(recorded_step(root))
    spare = [one for one in checkpoints if one.step not in needed and not one.is_cleared]
    yield warn(
        "disk",
        f"{text}, so the next save will fail half way",
        "make room; once no run is writing, what is not resumed from can go, the oldest first",
        *map(removal, spare[:1]),
    )


def _check_count(checkpoints: Sequence[Checkpoint]) -> Iterator[Finding]:
    """verl with one to keep removes the last before the next one's step is recorded
    (verl/utils/checkpoint/checkpoint_manager.py:168), so that a kill in between leaves none."""
    remaining = [one for one in checkpoints if not one.is_cleared]
    if len(remaining) == 1 and len(checkpoints) > 1:
        yield warn(
            "keeping one",
            "all checkpoints but one are removed, as with trainer.max_actor_ckpt_to_keep=1: verl "
            "then removes the last one before the next is recorded, and a run killed in between "
            "cannot resume by itself",
            KEEP_TWO,
        )
