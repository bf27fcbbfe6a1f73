"""Environments that tests play in: how they end, what they leave, and what they say."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

FOLDER = "ENDINGS_FOLDER"
"""The variable that names the folder of `Holder`."""


class Holder:
    """Holds a file from the first moment on; `_close` removes it, where it does not fail."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self._file = Path(os.environ[FOLDER]) / f"{os.getpid()}-{self.made}"
        self._file.touch()

    def reset(self, **row: Any) -> None:
        self._fails = row.get("fails")

    def look(self) -> str:
        """Look at it."""
        return "there"

    def _close(self) -> None:
        if self._fails == "hangs":
            time.sleep(3600)
        if self._fails:
            raise RuntimeError("no key to the door")
        self._file.unlink()


class Patient(Holder):
    """The same, which can be closed before it is reset."""

    _fails = None


class Odd:
    """Says what is no Unicode."""

    def reset(self, **row: Any) -> str:
        self.name = "state \ud800"
        return "observed \ud801"

    def odd(self) -> str:
        """Say it as a text."""
        return "text \ud802 \U0001f600"

    def nested(self) -> list[str]:
        """Say it in JSON."""
        return ["json \ud803"]

    def fail(self) -> None:
        """Say it as an error."""
        raise ValueError("error \ud804")


class Scored:
    """Scores itself, and has tools that hang."""

    def reset(self, **row: Any) -> None: ...

    def look(self) -> str:
        """Look at it."""
        return "there"

    def nap(self) -> None:
        """Sleep."""
        time.sleep(3600)

    def die(self) -> None:
        """End the process."""
        os._exit(3)

    def spin(self) -> None:
        """Compute for ever, in C."""
        sum(range(1 << 62))

    def get_reward(self) -> float:
        return 0.25
