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

from egpo_verl.cli import write_aside, write_file_aside
from egpo_verl.errors import UserError

MANIFEST = "manifest.json"
"""`{"files": {name: {"bytes", "sha256"}}, "before": {...}}` of all other files that jobs wrote.

`before` has the files that the last job replaced, so that a job that is killed while it moves its
files leaves nothing that the next one takes for foreign.
"""
KEYS = ("files", "before")
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
    checked = {*names, MANIFEST}
    _refuse_inputs(folder, checked, inputs)
    _refuse_foreign(folder, checked, overwrite)
    with write_aside(folder, names) as scratch:
        yield scratch
        _refuse_foreign(folder, checked, overwrite)  # the job may have taken hours
        _write_manifest(folder, names, scratch)


def holds_earlier_run(folder: Path) -> bool:
    """Whether an earlier job wrote there."""
    return bool(_entries(folder, "files"))


def _write_manifest(folder: Path, names: Collection[str], scratch: Path) -> None:
    """Replace the manifest before the files that it tells of are moved from `scratch`."""
    earlier = _entries(folder, "files")
    files = {name: entry for name, entry in earlier.items() if name not in names}
    files |= {path.name: _entry(path) for path in sorted(scratch.iterdir())}
    before = {name: _entry(folder / name) for name in sorted(names) if (folder / name).exists()}
    text = json.dumps({"files": files, "before": before}, indent=1)
    with write_file_aside(folder / MANIFEST) as part:
        part.write_text(f"{text}\n", "utf-8")


def _refuse_inputs(folder: Path, names: Iterable[str], inputs: Iterable[Path]) -> None:
    outputs = [folder / name for name in names if (folder / name).exists()]
    for source in inputs:
        if source.exists() and any(source.samefile(output) for output in outputs):
            raise UserError(f"{source} would be read and written; choose another --local_save_dir.")


def _refuse_foreign(folder: Path, names: Collection[str], overwrite: bool) -> None:
    files, before = _entries(folder, "files"), _entries(folder, "before")
    for path in (folder / name for name in sorted(names)):
        if path.is_dir():
            raise UserError(f"{path} is a folder; choose another --local_save_dir.")
        if overwrite or not path.exists() or (path.name == MANIFEST and files):
            continue
        if path.name not in {**files, **before}:
            problem = "was not written by an earlier run"
        elif _entry(path) not in (files.get(path.name), before.get(path.name)):
            problem = "was changed since an earlier run wrote it"
        else:
            continue
        raise UserError(
            f"{path} {problem}; choose another --local_save_dir, or replace it by --overwrite."
        )


def _entries(folder: Path, key: str) -> dict[str, Any]:
    """File name -> its entry in the manifest; empty where there is no manifest of ours."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    parts = [manifest.get(name) for name in KEYS] if isinstance(manifest, dict) else []
    return manifest[key] if parts and all(map(_is_table, parts)) else {}


def _is_table(part: Any) -> bool:
    """Whether a part of a manifest has the shape that jobs write."""
    entries = part.values() if isinstance(part, dict) else [None]
    return all(isinstance(entry, dict) and set(entry) == {"bytes", "sha256"} for entry in entries)


def _entry(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return {"bytes": path.stat().st_size, "sha256": digest.hexdigest()}
