"""Whether a `trl` is installed that verl cannot live beside.

Where trl is installed, verl 0.9.1 patches one of its classes while it loads a model, whether it
needs it or not (verl/models/transformers/monkey_patch.py:352); trl 1.16 no longer has that class.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator

from egpo_verl.doctor.finding import Finding, fail, ok
from egpo_verl.doctor.versions import installed

PATCHED = "AutoModelForCausalLMWithValueHead"


def check_trl() -> Iterator[Finding]:
    """Nothing where trl is not installed."""
    if importlib.util.find_spec("trl") is None:
        return
    version = installed("trl") or "of unknown version"
    if any(_has_class(module) for module in ("trl.experimental.ppo", "trl")):
        yield ok("trl", f"trl {version} has the class that verl patches")
        return
    yield fail(
        "trl",
        f"verl imports {PATCHED} wherever trl is installed, and trl {version} has none",
        "remove trl, or train in an environment without it",
        "pip uninstall trl",
    )


def _has_class(module: str) -> bool:
    try:
        return hasattr(importlib.import_module(module), PATCHED)
    except ImportError:
        return False
