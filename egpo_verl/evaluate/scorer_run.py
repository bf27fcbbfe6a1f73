"""Running a benchmark's scorer apart from everything else.

Scorers evaluate text that a model wrote. So each runs in its own environment as a process without
secrets, without network, with bounds on time and memory, and may write into its own folder only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from egpo_verl.errors import UserError

SANDBOX = Path(__file__).with_name("sandbox.py")
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ")
"""The only variables of ours that a scorer sees."""
GIB = 1 << 30
TAIL = 2000
"""Characters of a failed scorer's output that are shown."""


@dataclass(frozen=True)
class Finished:
    """How a scorer ended: exit code 0, and all that it printed."""

    output: str
    networkless: str


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
        python: of the environment (`scorer_env.ensure`).
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
    fixed = {"HOME": here, "TMPDIR": here, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
    return {**passed, **fixed, **dict(variables)}


def _end(process: subprocess.Popen[str]) -> None:
    """Kill what is left of the process and its children."""
    if process.poll() is None:
        os.killpg(process.pid, 9)
        process.wait()
