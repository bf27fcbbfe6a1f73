"""No more than so many questions a minute, from however many threads."""

from __future__ import annotations

import threading
import time


class Pace:
    """Hands out slots of equal length, one after the other."""

    def __init__(self, per_minute: float | None) -> None:
        """None for as many as one likes."""
        self._seconds = 60.0 / per_minute if per_minute else 0.0
        self._next_slot = 0.0
        self._lock = threading.Lock()

    def wait(self, stopping: threading.Event) -> None:
        """Wait for the next slot, or until `stopping` is set."""
        if not self._seconds:
            return
        with self._lock:
            now = time.monotonic()
            slot = max(now, self._next_slot)
            self._next_slot = slot + self._seconds
        stopping.wait(slot - now)
