"""The one client of OpenAI-compatible endpoints: questions are retried, bounded and counted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import openai

from egpo_verl.client.connection import Connection
from egpo_verl.client.endpoint import Endpoint, Refused, Stopped, TooLong, Unanswered, Unreadable
from egpo_verl.client.failures import DENIED, passing, short, unfit, unreachable
from egpo_verl.client.pace import Pace
from egpo_verl.client.reply import Reply
from egpo_verl.client.retries import retrying
from egpo_verl.errors import UserError

FAILURES_IN_ROW = 10
"""Questions without an answer, one after the other, after which `PROBE` is asked."""
PROBE = "Say hello."
"""What any model answers: if this one does, the endpoint is up, and those questions are the cause
of their failures themselves."""
PROBE_TRIES = 3
T = TypeVar("T")


class Client:
    """Asks an endpoint from as many threads as one likes.

    Attributes:
        url: of the endpoint, without a name and password that may stand in it.
        retries: requests beyond the first of each question.
    """

    def __init__(
        self, endpoint: Endpoint, probed: Callable[[Reply], None] = lambda reply: None
    ) -> None:
        """UserError where `base_url` is none.

        Args:
            probed: is given each reply to `PROBE`, which is paid for like any other.
        """
        self.endpoint = endpoint
        self._connection = Connection(endpoint)
        self._probed = probed
        self._pace = Pace(endpoint.pace)
        self.url = self._connection.url
        self.retries = 0
        self._answered = False
        self._failures = 0
        self._why: Exception | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._probing = threading.Lock()

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
            answer = self._ask(body, read, before, self.endpoint.tries)
        except Unreadable as error:
            self._count_failure(body, str(error), refused=False)
            raise Unanswered(
                f"no readable answer in {self.endpoint.tries} tries: {error}"
            ) from error
        except openai.OpenAIError as error:
            raise self._verdict(body, error) from error
        self._count_answer()
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def _ask(
        self,
        body: Mapping[str, Any],
        read: Callable[[Reply], T],
        before: Callable[[], str],
        tries: int,
    ) -> T:
        def ask_once() -> T:
            self._pace.wait(self._stopping)
            key = before()
            self.check()
            try:
                reply = self._connection.send(body, key)
            except UserError as why:
                self.stop(why)
                raise
            return read(reply)

        retries = retrying(tries, self.endpoint.backoff, self._stopping, self._count_retry)
        answer: T = retries(ask_once)
        return answer

    def _verdict(self, body: Mapping[str, Any], error: openai.OpenAIError) -> Exception:
        """What a question's last error means for it, and for all others."""
        reason = short(error, self.endpoint)
        why: Exception | None = None
        if unreachable(error) or self._limits_all(body, error):
            why = Stopped(f"{self.url} keeps failing: {reason}")
        elif not self._answered:
            why = self._unfit(body, error)
        if why is not None:
            self.stop(why)
            return why
        if isinstance(error, openai.BadRequestError) and "context" in reason.lower():
            return TooLong(reason)
        about_all = (passing(error), isinstance(error, DENIED), not self._answered)
        if any(about_all):
            self._count_failure(body, reason, refused=not passing(error))
        if passing(error):
            return Unanswered(f"failed in {self.endpoint.tries} tries: {reason}")
        return Refused(reason)

    def _limits_all(self, body: Mapping[str, Any], error: openai.OpenAIError) -> bool:
        """Whether a limit was met that every question meets, and not one too large for it."""
        if not isinstance(error, openai.RateLimitError):
            return False
        with self._probing:
            self.check()
            return not self._answers_probe(body)

    def _unfit(self, body: Mapping[str, Any], error: openai.OpenAIError) -> UserError | None:
        """What is wrong with the command; None where the error is about this question alone."""
        why = unfit(error, self.url, self.endpoint)
        if why is None:
            return None
        with self._probing:  # every thread meets the error at its first question
            self.check()
            if self._answered or self._answers_probe(body):
                return None
            self.stop(why)
        return why

    def _count_failure(self, body: Mapping[str, Any], reason: str, refused: bool) -> None:
        """Note a question without an answer; after many in a row, stop where `PROBE` has none."""
        with self._lock:
            self._failures += 1
            count = self._failures
        if count % FAILURES_IN_ROW or self._answers_probe(body):
            return
        if self._failures < FAILURES_IN_ROW:  # another question was answered meanwhile
            return
        if refused and not self._answered:
            self.stop(UserError(f"{self.url} refused the first {count} questions: {reason}."))
        else:
            self.stop(Stopped(f"{self.url} keeps failing, {count} questions in a row: {reason}"))

    def _answers_probe(self, body: Mapping[str, Any]) -> bool:
        """Whether the endpoint answers `PROBE`, asked in the manner of `body`."""

        def read(reply: Reply) -> None:
            self._probed(reply)
            if reply.problem:
                raise Unreadable(reply.problem)

        probe = {**body, "messages": [{"role": "user", "content": PROBE}]}
        try:
            # Without an `Idempotency-Key`, so that no earlier answer can come again.
            self._ask(probe, read, lambda: "", PROBE_TRIES)
        except (openai.OpenAIError, Unreadable):
            return False
        self._count_answer()
        return True

    def _count_answer(self) -> None:
        with self._lock:
            self._answered, self._failures = True, 0

    def _count_retry(self) -> None:
        with self._lock:
            self.retries += 1
