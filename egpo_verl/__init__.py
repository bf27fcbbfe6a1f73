"""EGPO (arXiv:2508.05118) as a plugin for verl."""

import os
import sys
from pathlib import Path

__version__ = (Path(__file__).parent / "VERSION").read_text(encoding="utf-8").strip()

# `VERL_USE_EXTERNAL_MODULES=egpo_verl` makes verl import this module while it is itself being
# imported, or finds it imported already; in every other case the import stays light. It needs
# neither verl nor torch.
_NAMED = "egpo_verl" in os.environ.get("VERL_USE_EXTERNAL_MODULES", "").split(",")
if "verl" in sys.modules or _NAMED:
    from egpo_verl.integration import plugin as _plugin  # noqa: F401
