"""The study's data: made by its command where it is missing."""

from __future__ import annotations

import shlex
import subprocess
import sys

from egpo_verl.cli import say
from egpo_verl.errors import UserError
from egpo_verl.lab.study import Study


def make_data(study: Study) -> None:
    """Run `data.make` where a file is missing; no shell is asked.

    Raises:
        UserError: it fails, or a file is missing all the same.
    """
    missing = [path for path in study.all_files() if not path.is_file()]
    if missing and study.data.make:
        words = shlex.split(study.data.make)
        command = [sys.executable if word == "python" else word for word in words]
        say(f"making {missing[0].parent}: {study.data.make}")
        try:
            ran = subprocess.run(command, capture_output=True, text=True)
        except OSError as error:
            raise UserError(f"data.make cannot run {words[0]}: {error.strerror}.") from None
        if ran.returncode:
            last = (ran.stderr or ran.stdout).strip().splitlines()[-1:] or ["no word"]
            raise UserError(f"data.make failed: {last[0]}")
        missing = [path for path in study.all_files() if not path.is_file()]
    if missing:
        raise UserError(f"{missing[0]} is not there: name another file, or a data.make for it.")
