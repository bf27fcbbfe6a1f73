"""Files that are whole or as they were, whatever stops the job that writes them."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from egpo_verl.errors import UserError

UNFINISHED = ".unfinished-"
"""How the name of a folder starts that a job makes while it runs."""
INSIDE = "egpo_verl"
"""The one thing in it, a folder: by that it is known as ours."""


@contextmanager
def write_aside(
    folder: Path, owned: Collection[str] = (), option: str = "--local_save_dir"
) -> Iterator[Path]:
    """A scratch folder inside `folder`; what it holds at the end is moved to `folder`.

    After an exception nothing is moved, and a `folder` made here goes away again.

    Args:
        owned: names of files that the job may write. Those that it did not write this time are
            removed, so that no file of an earlier job stands beside the new ones.
        option: by which the user named the folder.

    Raises:
        UserError: `folder` cannot be written, or its disk is full.
    """
    fresh = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_unfinished(folder)
        made = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder))
        scratch = made / INSIDE
        scratch.mkdir()
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written ({error.strerror}); choose another {option}."
        ) from error
    done = False
    lock = None
    with suppress(OSError):  # a file system without locks: a killed job's folder stays
        lock = _locked(made)
    try:
        yield scratch
        written = sorted(scratch.iterdir())
        for name in set(owned).difference(path.name for path in written):
            (folder / name).unlink(missing_ok=True)
        for path in written:
            os.replace(path, folder / path.name)
        done = True
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error}.") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
        if lock is not None:
            os.close(lock)
        if fresh and not done:
            with suppress(OSError):  # somebody else may have put a file there meanwhile
                folder.rmdir()


def _remove_unfinished(folder: Path) -> None:
    """Remove the scratch folders of jobs that were killed; those of running ones are locked."""
    for made in folder.glob(f"{UNFINISHED}*"):
        with suppress(OSError):
            if [inside.name for inside in made.iterdir()] == [INSIDE]:
                os.close(_locked(made))
                shutil.rmtree(made)


def _locked(folder: Path) -> int:
    """A descriptor that holds a lock on a folder until it is closed or its process ends.

    Raises:
        BlockingIOError: another process holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def write_file_aside(path: Path) -> Iterator[Path]:
    """Yield a name beside `path` to write to; it becomes `path` at the end.

    Whatever stops the job, `path` is whole: as it was before, or as it is after.

    Raises:
        UserError: the folder cannot be written, or its disk is full.
    """
    part = path.with_name(f".{path.name}.unfinished")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(
            f"{path} cannot be written ({reason}); make room there or name another place."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
