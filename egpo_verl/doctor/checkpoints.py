"""The checkpoints that verl left in a folder, read without changing anything.

verl 0.9.1 writes a checkpoint in place: first `actor/` (and `critic/`), each process files of its
own, then `data.pt`, in the asynchronous modes `transfer_queue/`, and last the tracker of
`egpo_verl.doctor.folders` (verl/trainer/ppo/v1/trainer_base.py, `_save_checkpoint`). A run killed
while it saves leaves half a folder that nothing names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.filesize import decimal

from egpo_verl.doctor.checkpoint import DATA, Checkpoint, is_empty
from egpo_verl.doctor.damage import CUT_OFF, damage
from egpo_verl.doctor.folders import Folders, step_folders
from egpo_verl.doctor.shards import (
    PARTS,
    Shards,
    damaged,
    in_words,
    ranks_here,
    shards_in,
)

QUEUE = "transfer_queue"
ROLES = ("actor", "critic")
OPTIONS = {"model": "model", "optim": "optimizer", "extra_state": "extra"}
"""A part of a checkpoint -> its name in verl's `checkpoint.load_contents`."""


@dataclass(frozen=True)
class Siblings:
    """All folders by step; the parts that finished saves of each role hold, by file names; whether
    any save holds the queue of an asynchronous mode."""

    folders: Folders
    parts: Mapping[str, frozenset[str]]
    queued: bool


def read_checkpoints(root: Path) -> list[Checkpoint]:
    """All checkpoints in a folder, oldest first. Raises OSError."""
    folders = step_folders(root)
    siblings = Siblings(
        folders,
        {role: _parts_saved(role, folders) for role in ROLES},
        any((folder / QUEUE).is_dir() for folder in folders.values()),
    )
    return [_read(step, siblings) for step in folders]


def _read(step: int, siblings: Siblings) -> Checkpoint:
    folder, folders = siblings.folders[step], siblings.folders
    problems, notes, counts = [], [], []
    for role in ROLES if (folder / "critic").is_dir() else ROLES[:1]:
        shards = shards_in(folder / role)
        if is_empty(folder / role):
            problems.append(f"{role} is missing")
        elif shards:
            judged = {n: _judge(folder / role, shards, n, siblings) for n in shards}
            whole = [n for n, (wrong, _) in judged.items() if not wrong] or list(shards)
            problems += judged[whole[-1]][0]
            notes += judged[whole[-1]][1]
            counts.append(set(whole))
        else:
            problems += _other_engine(folder / role, folders)
    data = damage(folder / DATA) if (folder / DATA).exists() else None
    if data is not None:
        problems.append(_line(folder / DATA, data, folders))
    elif not (folder / DATA).exists():
        notes.append("data.pt is missing: a resumed run starts at the first row of the data")
    if siblings.queued and not (folder / QUEUE).is_dir():
        notes.append(f"{QUEUE} is missing: responses that were on their way are sampled anew")
    processes = tuple(sorted(set[int].intersection(*counts))) if counts else ()
    return Checkpoint(step, folder, _size(folder), processes, tuple(problems), tuple(notes))


def _judge(
    role: Path, shards: Shards, processes: int, siblings: Siblings
) -> tuple[list[str], list[str]]:
    """Problems and notes of what so many processes have saved of a role.

    A finished save may lack parts that the configuration leaves out, and files that other machines
    keep; of one that was not, everything that other steps have is expected.
    """
    finished = (role.parent / DATA).exists()
    parts = siblings.parts[role.name] or set(PARTS)
    here = ranks_here(shards, processes)
    elsewhere = set(range(processes)) - here if finished else set()
    ranks = set(range(processes)) - elsewhere
    wrong = damaged(role, shards, processes, {"model", *parts}, ranks)
    problems = [_line(file, what, siblings.folders) for file, what in wrong]
    notes = []
    if elsewhere:
        notes.append(
            f"{role.name}: the files of rank {in_words(elsewhere)} of {processes} are not here; "
            "each machine keeps those of its own ranks, unless all share the folder"
        )
    if left_out := [part for part in PARTS if part not in {"model", *parts}]:
        saved = ",".join(OPTIONS[part] for part in PARTS if part not in left_out)
        notes.append(
            f"{role.name} was saved without {' and '.join(OPTIONS[part] for part in left_out)}: "
            f"resume with actor_rollout_ref.actor.checkpoint.load_contents=[{saved}]"
        )
    return problems, notes


def _parts_saved(role: str, folders: Folders) -> frozenset[str]:
    """The parts that finished saves hold, by file names; none where no save was finished."""
    done = [folder for folder in folders.values() if (folder / DATA).exists()]
    return frozenset(
        part for folder in done for parts in shards_in(folder / role).values() for part in parts
    )


def _other_engine(role: Path, folders: Folders) -> Iterator[str]:
    """Megatron and others: what can be seen without knowing their files.

    torch's distributed writer renames `.metadata` into place when all processes have written.
    """
    for folder in sorted(role.rglob("dist_ckpt")):
        if not (folder / ".metadata").exists():
            yield f"{folder.relative_to(role.parent)} was not finished: .metadata is missing"
    for file in sorted(role.rglob("*.safetensors")):
        if wrong := damage(file):
            yield _line(file, wrong, folders)


def _line(file: Path, wrong: str, folders: Folders) -> str:
    """`actor/optim_... is cut off at 4.2 MB (8.4 MB in step 1)`."""
    folder = next(folder for folder in folders.values() if file.is_relative_to(folder))
    name = file.relative_to(folder)
    if wrong != CUT_OFF:
        return f"{name} {wrong}"
    size = file.stat().st_size
    others = {
        step: (other / name).stat().st_size
        for step, other in folders.items()
        if other != folder and (other / name).is_file()
    }
    step = max(others, key=lambda key: others[key], default=None)
    beside = f" ({decimal(others[step])} in step {step})" if step is not None else ""
    return f"{name} {wrong} at {decimal(size)}{beside}"


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
