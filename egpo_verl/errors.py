"""The error that every command line turns into one sentence, and the exit codes."""

from __future__ import annotations

STOPPED = 1
"""Exit code: not all is done, and the same command goes on from there."""
NOT_READY = 1
"""Exit code of what only looks: something stands in the way of a run."""
USER_ERROR = 2
"""Exit code: the input has to be fixed first."""
INTERRUPTED = 130
"""Exit code: Ctrl-C or SIGTERM."""


class UserError(Exception):
    """The job cannot go on; the message is one sentence that says why and how to fix it."""
