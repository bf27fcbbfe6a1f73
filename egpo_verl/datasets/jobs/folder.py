"""The folder that a job writes to: it replaces what an earlier job wrote there, and nothing else.

A manifest in the folder tells the files of an earlier job, and whether they were changed since.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from egpo_verl.cli import write_aside
from egpo_verl.errors import UserError

MANIFEST = "manifest.json"
"""`{"files": {name: {"bytes", "sha256"}}}` of all other files that jobs wrote to its folder."""
BLOCK = 1 << 20


@contextmanager
def output_folder(
    folder: Path, names: Collection[str], inputs: Iterable[Path] = (), overwrite: bool = False
) -> Iterator[Path]:
    """A scratch folder; what it holds at the end is moved to `folder`, with a manifest.

    Args:
        names: files that the job may write. Those of an earlier job that it does not write this
            time are removed, so that none of them stands beside the new ones.
        inputs: files that the job reads.
        overwrite: files of these names may be anybody's.

    Raises:
        UserError: the folder cannot be written, a file in it is not an earlier job's, or a file
            would be read and written. The folder is unchanged.
    """
    names = {*names, MANIFEST}
    _refuse_inputs(folder, names, inputs)
    _refuse_foreign(folder, names, overwrite)
    with write_aside(folder, names) as scratch:
        yield scratch
        _refuse_foreign(folder, names, overwrite)  # the job may have taken hours
        files = {name: entry for name, entry in _manifest(folder).items() if name not in names}
        files |= {path.name: _entry(path) for path in sorted(scratch.iterdir())}
        (scratch / MANIFEST).write_text(json.dumps({"files": files}, indent=1) + "\n", "utf-8")


def holds_earlier_run(folder: Path) -> bool:
    """Whether an earlier job wrote there."""
    return bool(_manifest(folder))


def _refuse_inputs(folder: Path, names: Iterable[str], inputs: Iterable[Path]) -> None:
    outputs = [folder / name for name in names if (folder / name).exists()]
    for source in inputs:
        if source.exists() and any(source.samefile(output) for output in outputs):
            raise UserError(f"{source} would be read and written; choose another --local_save_dir.")


def _refuse_foreign(folder: Path, names: Collection[str], overwrite: bool) -> None:
    manifest = _manifest(folder)
    for path in (folder / name for name in sorted(names)):
        if path.is_dir():
            raise UserError(f"{path} is a folder; choose another --local_save_dir.")
        if overwrite or not path.exists() or (path.name == MANIFEST and manifest):
            continue
        if path.name not in manifest:
            problem = "was not written by an earlier run"
        elif _entry(path) != manifest[path.name]:
            problem = "was changed since an earlier run wrote it"
        else:
            continue
        raise UserError(
            f"{path} {problem}; choose another --local_save_dir, or replace it by --overwrite."
        )


def _manifest(folder: Path) -> dict[str, Any]:
    """File name -> what an earlier job wrote; empty where there is no manifest of ours."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    files = manifest.get("files") if isinstance(manifest, dict) else None
    return files if isinstance(files, dict) else {}


def _entry(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return {"bytes": path.stat().st_size, "sha256": digest.hexdigest()}
