"""The error that every command line turns into one sentence and exit code 2."""

from __future__ import annotations


class UserError(Exception):
    """The job cannot go on; the message is one sentence that says why and how to fix it."""
