"""A benchmark's own Python environment, and running its scorer there, apart from everything else.

Scorers pin packages that cannot live beside verl, and they evaluate text that a model wrote. So
each has a virtual environment, made once; it runs there as a process without secrets, without
network, with bounds on time and memory, and may write into its own folder only.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rich.console import Console

from egpo_verl.cli import count
from egpo_verl.errors import UserError

CACHE = Path.home() / ".cache" / "egpo_verl"
STATE = "egpo_verl_pins"
"""File that an environment of ours begins with: its pins once it is finished."""
UNFINISHED = "unfinished"
SANDBOX = Path(__file__).with_name("sandbox.py")
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ")
"""The only variables of ours that a scorer sees."""
GIB = 1 << 30
TAIL = 2000
"""Characters of a failed scorer's output that are shown."""


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


@dataclass(frozen=True)
class Finished:
    """How a scorer ended: exit code 0, and all that it printed."""

    output: str
    networkless: str


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
    wanted = "\n".join(spec.pins)
    with _alone(home):
        state = home / STATE
        told = state.read_text(encoding="utf-8") if state.is_file() else None
        if told == wanted:
            return python
        if told is None and home.exists() and any(home.iterdir()):
            raise UserError(f"{home} is not an environment of ours; name an empty --scorer_env.")
        console.print(f"Making {spec.name}'s own environment in {home} (once)", highlight=False)
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        state.write_text(UNFINISHED, encoding="utf-8")
        _install(spec, home, python)
        state.write_text(wanted, encoding="utf-8")
    return python


def run(
    python: Path,
    script: Path,
    arguments: Sequence[str],
    folder: Path,
    seconds: int,
    memory: int = 8 * GIB,
    patience: int | None = None,
    variables: tuple[tuple[str, str], ...] = (),
) -> Finished:
    """Run a script in the sandbox, its working folder `folder`, the only one it can write.

    Args:
        python: of the environment (`ensure`).
        seconds: of processor time, after which it is killed.
        memory: bytes of address space.
        patience: seconds by the clock, where it waits for others (default: `seconds`).
        variables: for the scorer, beside the few of `PASSED_ON`.

    Raises:
        UserError: it failed or was killed; the message ends with what it said last.
    """
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    wall = without_network()
    command = [
        *wall,
        *(str(python), "-B", str(SANDBOX), "--writable", str(folder)),
        *("--memory", str(memory), "--seconds", str(seconds), str(script.absolute()), *arguments),
    ]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=_environment(temporary, variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=patience or seconds)
    except subprocess.TimeoutExpired as error:
        raise UserError(f"{script.name} was stopped after {error.timeout:g} seconds.") from error
    finally:
        _end(process)
    if process.returncode:
        raise UserError(
            f"{script.name} failed with exit code {process.returncode}: ...{output[-TAIL:].strip()}"
        )
    return Finished(output, "network namespace" if wall else "audit hook")


@lru_cache(maxsize=1)
def without_network() -> tuple[str, ...]:
    """The words before a command that take its network away; none where that is not permitted.

    Without them the sandbox's audit hook still refuses sockets.
    """
    words = ("unshare", "--map-root-user", "--net")
    if shutil.which(words[0]) is None:
        return ()
    permitted = subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0
    return words if permitted else ()


def _environment(temporary: Path, variables: tuple[tuple[str, str], ...]) -> dict[str, str]:
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    here = str(temporary)
    own = {"HOME": here, "TMPDIR": here, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
    return {**passed, **own, **dict(variables)}


def _end(process: subprocess.Popen[str]) -> None:
    """Kill what is left of the process and its children."""
    if process.poll() is None:
        os.killpg(process.pid, 9)
        process.wait()


def _install(spec: Spec, home: Path, python: Path) -> None:
    # Closed pins and no resolver: what is scored today is scored the same in a year.
    words = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", *spec.pins]
    try:
        venv.create(home, with_pip=True)
        subprocess.run(words, capture_output=True, text=True, check=True)
    except (subprocess.CalledProcessError, OSError) as error:
        told = str(getattr(error, "stderr", None) or error).strip().splitlines()
        raise UserError(
            f"{spec.name}'s environment cannot be made in {home}: {told[-1]}; it needs Python's "
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
