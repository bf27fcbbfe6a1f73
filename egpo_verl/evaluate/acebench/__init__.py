"""ACEBench by its eval_main.py, run from the folder that a user cloned."""

from egpo_verl.evaluate.acebench.command import add_arguments, run

__all__ = ["add_arguments", "run"]
