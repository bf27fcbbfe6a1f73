"""How well each version of verl is supported: read from this one table."""

from __future__ import annotations

from collections.abc import Iterator

from egpo_verl.doctor.finding import Finding, ok, warn
from egpo_verl.doctor.versions import installed

TRAINED = "trained: whole trainings of it run in our tests"
HOOK_TESTED = "hook-tested: the plugin runs on its real modules in our tests, without a training"
UNKNOWN = "unknown: no test of ours has run with it"
LEVELS = {
    "0.7.0": HOOK_TESTED,
    "0.7.1": HOOK_TESTED,
    "0.8.0": HOOK_TESTED,
    "0.9.0": HOOK_TESTED,
    "0.9.1": TRAINED,
}


def level_of(version: str) -> str:
    """The level of a version of verl, in words."""
    return LEVELS.get(version, UNKNOWN)


def check_level() -> Iterator[Finding]:
    """The installed verl's level of support; nothing where verl is not installed."""
    version = installed("verl")
    if version is None:
        return
    text = f"verl {version} is {level_of(version)}"
    if version in LEVELS:
        yield ok("support", text)
    else:
        newest = max(LEVELS, key=lambda name: tuple(map(int, name.split("."))))
        yield warn("support", text, f"verl=={newest} is the version that is tested most")
