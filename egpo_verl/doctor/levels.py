"""How well the installed verl is supported."""

from __future__ import annotations

from collections.abc import Iterator

from egpo_verl.doctor.finding import Finding, ok, warn
from egpo_verl.doctor.versions import installed
from egpo_verl.integration.support import TRAINED, level_of

MEANING = {
    "trained": "trained: whole trainings with it run in our tests",
    "hook-tested": "hook-tested: the plugin runs on its modules in our tests, without a training",
    "unknown": "unknown: no test of ours has run with it",
}


def check_level() -> Iterator[Finding]:
    """The installed verl's level of support; nothing where verl is not installed."""
    version = installed("verl")
    if version is None:
        return
    level = level_of(version)
    text = f"verl {version} is {MEANING[level]}"
    if level == "unknown":
        yield warn("support", text, f"verl=={TRAINED[-1]} is the version that is tested most")
    else:
        yield ok("support", text)
