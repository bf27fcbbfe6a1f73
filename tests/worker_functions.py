"""What tests have other processes do: those can import this file, but no test."""

from __future__ import annotations

import time


def squared(number: int) -> int:
    if number < 0:
        raise ValueError(f"{number} is negative")
    return number * number


def length(text: str) -> int:
    time.sleep(0.01)
    return len(text)
