"""EGPO (arXiv:2508.05118) as a plugin for verl."""

import sys
from pathlib import Path

__version__ = (Path(__file__).parent / "VERSION").read_text(encoding="utf-8").strip()

# `VERL_USE_EXTERNAL_MODULES=egpo_verl` makes verl import this module while it is itself being
# imported; in every other case the import stays light and needs neither verl nor torch.
if "verl" in sys.modules:
    from egpo_verl.integration import plugin as _plugin  # noqa: F401
