"""From which step verl resumes, and the command that has it resume from a better one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote

from egpo_verl.doctor.checkpoint import Checkpoint
from egpo_verl.doctor.finding import Finding, fail, ok, warn
from egpo_verl.doctor.folders import TRACKER, recorded_step

CHECK = "resume"
ANEW = "to start anew, add trainer.resume_mode=disable or give another trainer.default_local_dir"


def check_resume(
    root: Path, checkpoints: Sequence[Checkpoint], processes: int | None
) -> Iterator[Finding]:
    """What `trainer.resume_mode=auto`, the default, will do. Raises OSError.

    verl takes the folder that the tracker names. Without a tracker or without that folder it
    starts at step 1 and says no more of it than a line in its log
    (verl/utils/checkpoint/checkpoint_manager.py, `find_latest_ckpt_path`).
    """
    by_step = {checkpoint.step: checkpoint for checkpoint in checkpoints}
    best = newest(checkpoints, processes)
    if not (root / TRACKER).exists():
        yield _starts_anew(root, f"there is no {TRACKER}", best)
        return
    recorded = recorded_step(root)
    if recorded is None:
        text = f"verl will end with a ValueError, because {TRACKER} holds no number"
        yield _stops(root, text, best, checkpoints)
        return
    chosen = by_step.get(recorded)
    if chosen is None:
        yield _starts_anew(root, f"{TRACKER} names step {recorded}, which is not there", best)
    elif chosen.loads(processes):
        yield _resumes(chosen)
        if best is not None and best.step > recorded and not best.notes:
            text = f"step {best.step} is whole too, but {TRACKER} names step {recorded}"
            yield warn("record", text, f"to go on from step {best.step}", record(root, best))
    elif not chosen.problems:
        yield _other_processes(chosen, processes)
    else:
        text = f"verl will fail to load step {recorded}, which {TRACKER} names"
        yield _stops(root, text, best, checkpoints)


def newest(checkpoints: Sequence[Checkpoint], processes: int | None) -> Checkpoint | None:
    """The newest checkpoint that can be loaded; one that lost its place in the data is second."""
    loadable = [one for one in checkpoints if one.loads(processes)]
    return max(loadable, key=lambda one: (one.is_finished, one.step), default=None)


def last_resort(checkpoints: Sequence[Checkpoint]) -> Checkpoint | None:
    """Where no checkpoint can be loaded, the newest of which at least the weights are whole."""
    if newest(checkpoints, None) is not None:
        return None
    return next((one for one in reversed(checkpoints) if one.can_be_merged), None)


def record(root: Path, checkpoint: Checkpoint) -> str:
    """The command that has verl resume from a checkpoint."""
    return f"echo {checkpoint.step} > {quote(str(root / TRACKER))}"


def _resumes(checkpoint: Checkpoint) -> Finding:
    text = f"the same command goes on from step {checkpoint.step}"
    if not checkpoint.notes:
        return ok(CHECK, text)
    return warn(CHECK, f"{text}, but see there", "; ".join(checkpoint.notes))


def _starts_anew(root: Path, why: str, best: Checkpoint | None) -> Finding:
    text = f"verl will start at step 1: {why}"
    if best is None:
        return warn(CHECK, text, "nothing, as no checkpoint here can be loaded")
    return fail(CHECK, text, f"to go on from step {best.step}", record(root, best))


def _stops(
    root: Path, text: str, best: Checkpoint | None, checkpoints: Sequence[Checkpoint]
) -> Finding:
    if best is not None:
        lost = "" if best.is_finished else ", from the first row of the data"
        return fail(CHECK, text, f"to go on from step {best.step}{lost}", record(root, best))
    weights = last_resort(checkpoints)
    if weights is None:
        return fail(CHECK, f"{text}; no checkpoint here can be loaded", ANEW)
    fix = f"the weights of step {weights.step} are whole: merge them and train from there; {ANEW}"
    return fail(CHECK, f"{text}; no checkpoint here can be loaded", fix, merge(weights))


def _other_processes(checkpoint: Checkpoint, processes: int | None) -> Finding:
    saved_by = checkpoint.processes[-1]
    return fail(
        CHECK,
        f"verl will fail to load step {checkpoint.step}: {saved_by} processes saved it, and "
        f"{processes} would look for files of their own",
        f"set trainer.n_gpus_per_node * trainer.nnodes to {saved_by}, or merge the weights and "
        "train from there",
        merge(checkpoint),
    )


def merge(checkpoint: Checkpoint) -> str:
    """The command that makes a Hugging Face model of a checkpoint of FSDP."""
    actor, target = (
        checkpoint.folder / "actor",
        checkpoint.folder.parent / f"model_of_step_{checkpoint.step}",
    )
    return (
        "python -m verl.model_merger merge --backend fsdp "
        f"--local_dir {quote(str(actor))} --target_dir {quote(str(target))}"
    )
