"""The one client of OpenAI-compatible endpoints: questions are retried, bounded and counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import openai
import tenacity

from egpo_verl.client.endpoint import (
    Endpoint,
    Refused,
    Stopped,
    TooLong,
    Unanswered,
    Unreadable,
)
from egpo_verl.client.reply import SHOWN, Reply, read_reply
from egpo_verl.errors import UserError

LONGEST_WAIT = 60.0
"""Seconds between two tries."""
CONNECT = 10.0
"""Seconds until an endpoint that takes no connection counts as unreachable."""
UNREACHABLE = ("ConnectError", "ConnectTimeout", "UnsupportedProtocol")
"""Names of httpx's errors; `openai` brings httpx, under a name that depends on its version."""
DENIED = (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError)
"""What every question would meet, unless others were answered."""
FAILURES_IN_ROW = 10
"""Questions that fail one after the other, until the endpoint is held to be down."""
T = TypeVar("T")


class Client:
    """Asks an endpoint from as many threads as one likes.

    Attributes:
        url: of the endpoint, without a name and password that may stand in it.
        retries: requests beyond the first of each question.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        """UserError where `base_url` is none."""
        self.endpoint = endpoint
        connect = min(CONNECT, endpoint.timeout)
        self._client = openai.OpenAI(
            api_key=endpoint.api_key,
            base_url=endpoint.base_url,
            timeout=openai.Timeout(endpoint.timeout, connect=connect),
            max_retries=0,  # retries are ours, so that they can be counted and stopped
        )
        self.url = _without_password(str(self._client.base_url))
        self.retries = 0
        self._answered = False
        self._reached = False
        self._failures = 0
        self._why: Exception | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._next_slot = 0.0

    def stop(self, why: Exception) -> None:
        """Ask nothing more: every later try raises `why`."""
        with self._lock:
            self._why = self._why or why
        self._stopping.set()

    def check(self) -> None:
        """Raise what `stop` was given, if it was called."""
        if self._why is not None:
            raise self._why

    def ask(
        self,
        body: Mapping[str, Any],
        read: Callable[[Reply], T],
        before: Callable[[], str] = lambda: "",
    ) -> T:
        """What `read` makes of the reply to a chat completion.

        Args:
            body: of the request, without the model.
            read: takes each reply; may raise `Unreadable`, and the question is asked again.
            before: called before each try; gives its `Idempotency-Key`, or none.

        Raises:
            Refused, Unanswered: this question has no answer.
            Stopped: the endpoint is down, or what `stop` was given.
            UserError: there is no endpoint at that address, or it knows no such key or model.
        """
        try:
            answer: T = self._retrying()(self._ask_once, body, read, before)
        except (UserError, Stopped, Unanswered):
            raise
        except Unreadable as error:
            self._count_failure(str(error), refused=False)
            raise Unanswered(
                f"no readable answer in {self.endpoint.tries} tries: {error}"
            ) from error
        except openai.OpenAIError as error:
            raise self._verdict(error) from error
        with self._lock:
            self._answered, self._failures = True, 0
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask_once(
        self, body: Mapping[str, Any], read: Callable[[Reply], T], before: Callable[[], str]
    ) -> T:
        self._keep_pace()
        key = before()
        self.check()
        headers = {"Idempotency-Key": key} if key else {}
        try:
            # `chat.completions.create` believes what it is sent; this gives the bytes.
            response = self._client.post(
                "/chat/completions",
                body={"model": self.endpoint.model, **body},
                cast_to=openai.HttpxBinaryResponseContent,
                options={"headers": headers},
            )
        except openai.APIConnectionError as error:
            if not self._reached and _unreachable(error):
                why = UserError(
                    f"{self.url} cannot be reached ({self._short(error.__cause__ or error)}); "
                    "start the server, or fix --base_url."
                )
                self.stop(why)
                raise why from error
            raise
        except openai.APIStatusError:
            self._reached = True
            raise
        self._reached = True
        return read(read_reply(response.content).masked(self.endpoint))

    def _verdict(self, error: openai.OpenAIError) -> Exception:
        """What a question's last error means for it, and for all others."""
        reason = self._short(error)
        why = None if self._answered else self._unfit(error, reason)
        if isinstance(error, openai.RateLimitError) or _unreachable(error):
            why = Stopped(f"{self.url} keeps failing: {reason}")
        if why is not None:
            self.stop(why)
            return why
        if isinstance(error, openai.BadRequestError) and "context" in reason.lower():
            return TooLong(reason)
        about_all = (_passing(error), isinstance(error, DENIED), not self._answered)
        if any(about_all):
            self._count_failure(reason, refused=not _passing(error))
        if _passing(error):
            return Unanswered(f"failed in {self.endpoint.tries} tries: {reason}")
        return Refused(reason)

    def _unfit(self, error: openai.OpenAIError, reason: str) -> Exception | None:
        """What is wrong with the command where the first question meets `error`."""
        if isinstance(error, DENIED[:2]):
            return UserError(
                f"{self.url} refuses the key ({reason}); name the variable that has it with "
                "--api_key_env."
            )
        if isinstance(error, openai.NotFoundError):
            return UserError(f"{self.url} does not serve {self.endpoint.model}: {reason}.")
        return None

    def _count_failure(self, reason: str, refused: bool) -> None:
        """Note a question without an answer; many in a row, and the endpoint is held to be down."""
        with self._lock:
            self._failures += 1
            count = self._failures
        if count < FAILURES_IN_ROW:
            return
        if refused and not self._answered:
            self.stop(UserError(f"{self.url} refused the first {count} questions: {reason}."))
        else:
            self.stop(Stopped(f"{self.url} keeps failing, {count} questions in a row: {reason}"))

    def _retrying(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, Unreadable) or _passing(error)
            ),
            wait=self._wait,
            stop=tenacity.stop_after_attempt(self.endpoint.tries),
            sleep=tenacity.sleep_using_event(self._stopping),
            before_sleep=self._count_retry,
            reraise=True,
        )

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Exponential with jitter, and no less than the endpoint asks for."""
        error = state.outcome.exception() if state.outcome else None
        after = ""
        if isinstance(error, openai.APIStatusError):
            after = error.response.headers.get("retry-after", "")
        asked = float(after) if after.replace(".", "", 1).isdecimal() else 0.0
        jittered = tenacity.wait_random_exponential(self.endpoint.backoff, LONGEST_WAIT)(state)
        return min(LONGEST_WAIT, max(asked, jittered))

    def _count_retry(self, state: tenacity.RetryCallState) -> None:
        with self._lock:
            self.retries += 1

    def _keep_pace(self) -> None:
        if self.endpoint.pace is None:
            return
        with self._lock:
            now = time.monotonic()
            slot = max(now, self._next_slot)
            self._next_slot = slot + 60.0 / self.endpoint.pace
        self._stopping.wait(slot - now)

    def _short(self, error: BaseException) -> str:
        words = " ".join(str(error).split()) or type(error).__name__
        return self.endpoint.masked(words)[:SHOWN].rstrip(".")


def _passing(error: BaseException) -> bool:
    """Whether the failure may be over at the next try."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code in (408, 409, 429) or error.status_code >= 500
    return isinstance(error, openai.APIConnectionError)


def _unreachable(error: BaseException) -> bool:
    return type(error.__cause__).__name__ in UNREACHABLE


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
