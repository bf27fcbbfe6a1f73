"""A benchmark's Python environment: scorers pin packages that cannot live beside verl."""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from egpo_verl.cli import count
from egpo_verl.errors import UserError

CACHE = Path.home() / ".cache" / "egpo_verl"
STATE = "egpo_verl_pins"
"""File that an environment of ours begins with: its pins once it is finished."""
UNFINISHED = "unfinished"


@dataclass(frozen=True)
class Spec:
    """What an environment holds.

    Attributes:
        name: of the benchmark.
        pins: every package with its version, dependencies included: nothing else is installed.
    """

    name: str
    pins: tuple[str, ...]

    def folder(self) -> Path:
        """Where it is made unless the user names another place; other pins, another folder."""
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        digest = hashlib.sha256("\n".join(self.pins).encode()).hexdigest()[:8]
        return CACHE / f"{self.name}-py{python}-{digest}"


def add_arguments(parser: argparse.ArgumentParser, seconds: int, bounded: str) -> None:
    """The options that every scorer shares; `seconds` bound what `bounded` names."""
    add = parser.add_argument_group("scorer").add_argument
    add("--scorer_env", type=Path, metavar="DIR", help="its environment (made in ~/.cache)")
    add(
        "--scorer_timeout",
        type=count,
        default=seconds,
        metavar="SECONDS",
        help=f"for {bounded} ({seconds})",
    )


def ensure(spec: Spec, folder: Path | None, console: Console) -> Path:
    """The Python of the environment, made first where it is not there.

    Args:
        folder: where it is, or shall be (default: `Spec.folder`).

    Raises:
        UserError: it cannot be made.
    """
    home = (folder or spec.folder()).absolute()
    python = home / "bin" / "python"
    pins = "\n".join(spec.pins)
    with _alone(home):
        state = home / STATE
        noted = state.read_text(encoding="utf-8") if state.is_file() else None
        if noted == pins:
            return python
        if noted is None and home.exists() and any(home.iterdir()):
            raise UserError(f"{home} is not an environment of ours; name an empty --scorer_env.")
        console.print(f"Making {spec.name}'s own environment in {home} (once)", highlight=False)
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        state.write_text(UNFINISHED, encoding="utf-8")
        _install(spec, home, python)
        state.write_text(pins, encoding="utf-8")
    return python


def _install(spec: Spec, home: Path, python: Path) -> None:
    # Closed pins and no resolver: what is scored today is scored the same in a year.
    words = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", *spec.pins]
    try:
        venv.create(home, with_pip=True)
        subprocess.run(words, capture_output=True, text=True, check=True)
    except (subprocess.CalledProcessError, OSError) as error:
        output = str(getattr(error, "stderr", None) or error).strip().splitlines()
        raise UserError(
            f"{spec.name}'s environment cannot be made in {home}: {output[-1]}; it needs Python's "
            "venv module and a package index."
        ) from error


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold the lock of one environment, so that two evaluations do not both make it."""
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        lock = (home.parent / f".{home.name}.lock").open("w")
    except OSError as error:
        raise UserError(
            f"{home.parent} cannot be written ({error.strerror}); name another --scorer_env."
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
