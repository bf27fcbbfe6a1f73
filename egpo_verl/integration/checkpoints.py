"""Whether verl's checkpoints can be loaded, and what to do where one cannot.

verl 0.9.1 writes a checkpoint in place and records its step last, in
`latest_checkpointed_iteration.txt` (verl/trainer/ppo/v1/trainer_base.py, `_save_checkpoint`). A run
killed while saving leaves half a folder that nothing points to. What can still go wrong is checked
here before a run starts, when it costs a second, not after the model is loaded.
"""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egpo_verl.cli import write_file_aside
from egpo_verl.errors import UserError

TRACKER = "latest_checkpointed_iteration.txt"
STEP = re.compile(r"global_step_(\d+)")
# What verl calls a part of a checkpoint, and how the file of one process begins.
PARTS = {"model": "model", "optimizer": "optim", "extra": "extra_state"}
# What torch says of a write that failed names a place in its own source and no cause.
TORCH_WRITER = "inline_container"
SHARD = re.compile(r"_world_size_(\d+)_rank_\d+\.pt$")


class CheckpointError(UserError):
    """A checkpoint that cannot be loaded or written; the message names the way out."""


@dataclass(frozen=True)
class Layout:
    """What a run needs of a checkpoint.

    Attributes:
        parts: beginnings of the names of the files that each process loads; empty for engines
            whose files we do not know.
        processes: how many processes train.
        shared: whether all their files lie on this machine.
    """

    parts: tuple[str, ...]
    processes: int
    shared: bool


def layout_of(config: Any) -> Layout:
    """The layout that verl's whole configuration asks for."""
    actor, trainer = config.actor_rollout_ref.actor, config.trainer
    contents = (actor.get("checkpoint") or {}).get("load_contents") or PARTS
    known = actor.get("strategy") in ("fsdp", "fsdp2")
    return Layout(
        parts=tuple(PARTS[name] for name in contents if name in PARTS) if known else (),
        processes=trainer.nnodes * trainer.n_gpus_per_node,
        shared=trainer.nnodes == 1,
    )


def check_resume(config: Any) -> list[str]:
    """Make sure that verl will resume from a whole checkpoint; what the user should know of it.

    Where the recorded one is damaged, the newest whole one is recorded instead.

    Raises:
        CheckpointError: no checkpoint there can be loaded.
    """
    trainer, layout = config.trainer, layout_of(config)
    if trainer.resume_mode == "resume_path":
        _check_given(trainer.get("resume_from_path"), layout)
    root = _local(trainer.default_local_dir)
    if trainer.resume_mode != "auto" or root is None or not (root / TRACKER).is_file():
        return []
    recorded = recorded_step(root)
    problem = f"{TRACKER} holds no number"
    if recorded is not None:
        found = damage(step_folder(root, recorded), layout)
        if found is None:
            return _unfinished(root, recorded, layout)
        problem = f"the last, of step {recorded}, cannot: {found}"
    whole = [step for step, folder in steps(root) if damage(folder, layout) is None]
    if not whole:
        raise CheckpointError(
            f"no checkpoint in {root} can be loaded ({problem}): give another "
            "trainer.default_local_dir, or set trainer.resume_mode=disable to start anew."
        )
    record(root, whole[-1])
    return [
        f"not every checkpoint in {root} can be loaded ({problem}): training goes on from step "
        f"{whole[-1]}, the newest whole one."
    ]


def keep_two(config: Any) -> list[str]:
    """Keep the last checkpoint until the next one is recorded; what the user should know of it.

    With one to keep, verl removes the last before it writes the new one's dataloader state and
    records its step (verl/utils/checkpoint/checkpoint_manager.py:168): a run killed in between has
    none. With two, it makes room for the new one by removing the one before the last, so the disk
    never holds more than it does with one.
    """
    trainer = config.trainer
    deprecated = bool(trainer.get("remove_previous_ckpt_in_save"))
    only_one = deprecated or trainer.get("max_actor_ckpt_to_keep") == 1
    if trainer.save_freq <= 0 or not only_one:
        return []
    trainer.max_actor_ckpt_to_keep = 2
    if deprecated:
        trainer.remove_previous_ckpt_in_save = False
    return [
        "keeping two checkpoints: with trainer.max_actor_ckpt_to_keep=1 verl removes the last one "
        "before the next is complete, and a run killed in between would have none."
    ]


def not_written(config: Any, step: int, reason: str) -> CheckpointError:
    """Remove what a failed save left behind, and say what happened and how to go on."""
    root = Path(config.trainer.default_local_dir).expanduser()
    if TORCH_WRITER in reason:
        reason = "a file could not be written to its end: the disk is full, or a quota is"
    free = shutil.disk_usage(
        next(at for at in (root, *root.absolute().parents) if at.exists())
    ).free
    recorded = recorded_step(root) if (root / TRACKER).is_file() else None
    if recorded != step:
        shutil.rmtree(step_folder(root, step), ignore_errors=True)
    left = "none is there yet" if recorded is None else f"the last whole one is of step {recorded}"
    return CheckpointError(
        f"the checkpoint of step {step} could not be written to {root} ({reason}; {free / 1e9:.3f} "
        f"GB were free) and its parts were removed; {left}. Make room or give another "
        "trainer.default_local_dir, then start the same command again."
    )


def damage(folder: Path, layout: Layout) -> str | None:
    """Why the checkpoint in `folder` cannot be loaded; None where it is whole.

    Only the table of contents at each file's end is read, which a file that was cut off lacks.
    """
    if not folder.is_dir():
        return f"{folder} is not there"
    actor = folder / "actor"
    wanted: list[Path] = []
    for part in layout.parts:
        found = sorted(actor.glob(f"{part}_world_size_*_rank_*.pt"))
        counts = {int(match[1]) for file in found if (match := SHARD.search(file.name))}
        if counts and layout.processes not in counts:
            return (
                f"{max(counts)} training process(es) saved it and this run has "
                f"{layout.processes}, so set trainer.n_gpus_per_node and trainer.nnodes as they "
                "were, or merge it with python -m verl.model_merger and start from that model"
            )
        ranks = range(layout.processes) if layout.shared else ()
        names = [f"{part}_world_size_{layout.processes}_rank_{rank}.pt" for rank in ranks]
        wanted += [actor / name for name in names] or found
    for file in [*wanted, folder / "data.pt"]:
        if not file.is_file():
            return f"{file.relative_to(folder)} is missing"
        if not zipfile.is_zipfile(file):
            return f"{file.relative_to(folder)} is cut off"
    return None if actor.is_dir() and any(actor.iterdir()) else "actor is missing"


def recorded_step(root: Path) -> int | None:
    """The step that verl recorded last; None where the file holds no number."""
    text = (root / TRACKER).read_text(encoding="utf-8", errors="replace").strip()
    return int(text) if text.isascii() and text.isdigit() else None


def record(root: Path, step: int) -> None:
    """Record `step` as the one to resume from, all or nothing."""
    with write_file_aside(root / TRACKER) as part:
        part.write_text(str(step), encoding="utf-8")


def steps(root: Path) -> Iterator[tuple[int, Path]]:
    """The checkpoints in a folder, oldest first."""
    found = {int(match[1]): path for path in root.iterdir() if (match := STEP.fullmatch(path.name))}
    yield from sorted(found.items())


def step_folder(root: Path, step: int) -> Path:
    return root / f"global_step_{step}"


def _unfinished(root: Path, recorded: int, layout: Layout) -> list[str]:
    """A sentence on each checkpoint that a killed run began after the last one it recorded."""
    return [
        f"{folder} was not finished ({problem}): training goes on from step {recorded} and writes "
        "it anew."
        for step, folder in steps(root)
        if step > recorded and (problem := damage(folder, layout)) is not None
    ]


def _check_given(name: str | None, layout: Layout) -> None:
    folder = _local(name)
    if folder is None:
        return
    problem = damage(folder, layout)
    if problem is not None:
        raise CheckpointError(f"trainer.resume_from_path={name} cannot be loaded: {problem}.")


def _local(name: str | None) -> Path | None:
    return None if not name or "://" in name else Path(name).expanduser()
