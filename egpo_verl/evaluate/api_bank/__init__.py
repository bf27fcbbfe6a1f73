"""API-Bank: a static test by exact name and parameters, or its executor."""

from egpo_verl.evaluate.api_bank.command import add_arguments, run

__all__ = ["add_arguments", "run"]
