"""The study's files: its model, and its data, made by its command where it is missing."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from egpo_verl import hub
from egpo_verl.cli import say
from egpo_verl.errors import UserError
from egpo_verl.lab.study import Study


def check_files(study: Study) -> None:
    """Raises:
    UserError: the model is none, or a file of data is none, or is missing and nothing makes it.
    """
    _check_model(study.model)
    missing = _missing(study)
    if missing and not _words(study.data.make):
        raise UserError(f"{missing[0]} is not there: name another file, or a data.make for it.")
    for path in study.all_files():
        if path not in missing:
            _check_rows(path)


def make_data(study: Study) -> None:
    """Run `data.make` where a file is missing; no shell is asked.

    Raises:
        UserError: it fails, or a file is missing, or none of rows, all the same.
    """
    missing = _missing(study)
    if not missing:
        return
    words = _words(study.data.make)
    command = [sys.executable if word == "python" else word for word in words]
    say(f"making {missing[0].parent}: {study.data.make}")
    try:
        ran = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise UserError(f"data.make cannot run {words[0]}: {error.strerror}.") from None
    if ran.returncode:
        last = (ran.stderr or ran.stdout).strip().splitlines()[-1:] or ["no word"]
        raise UserError(f"data.make failed: {last[0]}")
    if missing := _missing(study):
        raise UserError(f"{missing[0]} is not there: data.make did not make it.")
    for path in study.all_files():
        _check_rows(path)


def _missing(study: Study) -> list[Path]:
    return [path for path in study.all_files() if not path.is_file()]


def _words(make: str) -> list[str]:
    try:
        return shlex.split(make)
    except ValueError as error:
        raise UserError(f"data.make is no command: {error}.") from None


def _check_rows(path: Path) -> None:
    try:
        columns = pq.read_schema(path).names
    except (OSError, pa.ArrowException):
        columns = []
    if "prompt" not in columns:
        raise UserError(f"{path} is no parquet file of rows (python -m egpo_verl.preprocess).")


def _check_model(name: str) -> None:
    if Path(name).is_dir():
        if not (Path(name) / "config.json").is_file():
            raise UserError(f"model: {name} has no config.json, so it is no model.")
        return
    try:
        from transformers import AutoConfig
    except ImportError as error:
        raise UserError(f"a model needs {error.name}, which verl installs.") from error
    try:
        hub.load(AutoConfig.from_pretrained, name)
    except (OSError, ValueError):
        raise UserError(
            f"model: {name} is neither a folder nor a model that the hub knows."
        ) from None
