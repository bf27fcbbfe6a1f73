"""The EGPO advantage (arXiv:2508.05118v4, Eq. 1, 4 and 5) as pure tensor functions."""

from egpo_verl.advantage.formula import egpo, egpo_advantage
from egpo_verl.advantage.grpo import NotFinite
from egpo_verl.advantage.options import EgpoOptions, OptionError, settings_of
from egpo_verl.advantage.result import EgpoAdvantage
from egpo_verl.advantage.sessions import Sessions

__all__ = [
    "EgpoAdvantage",
    "EgpoOptions",
    "NotFinite",
    "OptionError",
    "Sessions",
    "egpo",
    "egpo_advantage",
    "settings_of",
]
