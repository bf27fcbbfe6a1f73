"""When a failed request is sent again: after waits that double, and no sooner than asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable

import tenacity

from egpo_verl.client.endpoint import Unreadable
from egpo_verl.client.failures import passing, retry_after

LONGEST_WAIT = 60.0
"""Seconds between two tries."""


def retrying(
    tries: int, backoff: float, stopping: threading.Event, count: Callable[[], None]
) -> tenacity.Retrying:
    """Calls a function again while it raises `Unreadable` or what may pass, then raises that.

    Args:
        backoff: seconds before the second try, with jitter.
        stopping: no wait goes on when it is set.
        count: called before each wait.
    """
    exponential = tenacity.wait_random_exponential(backoff, LONGEST_WAIT)

    def wait(state: tenacity.RetryCallState) -> float:
        seconds = retry_after(state.outcome.exception() if state.outcome else None)
        return min(LONGEST_WAIT, max(seconds, exponential(state)))

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(
            lambda error: isinstance(error, Unreadable) or passing(error)
        ),
        wait=wait,
        stop=tenacity.stop_after_attempt(tries),
        sleep=tenacity.sleep_using_event(stopping),
        before_sleep=lambda state: count(),
        reraise=True,
    )
