"""`python -m egpo_verl.evaluate bfcl`: the Berkeley Function Calling Leaderboard.

Prompts are the training template's over BFCL's entries; the thought is stripped; BFCL's
evaluation scores the rest, through a registered handler, in an environment of its own.
"""

from egpo_verl.evaluate.bfcl.command import add_arguments, run

__all__ = ["add_arguments", "run"]
