"""The judge: questions answered from the store where they can be, else by an endpoint, and kept."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from egpo_verl.client import open_client
from egpo_verl.client.endpoint import Stopped, Unanswered, Unreadable
from egpo_verl.client.reply import Reply
from egpo_verl.client.store import Answer, Store
from egpo_verl.errors import UserError
from egpo_verl.judge.answers import read_answer, response_format
from egpo_verl.judge.stages import Question
from egpo_verl.judge.usage import Settings, Usage

FEWEST = 20
"""Answers of this run before the share of unreadable ones says anything."""
PROBE = "probe"
"""Stage of the answers that only show whether the endpoint is up."""


class Judge:
    """Answers questions from many threads."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self.client = open_client(settings.endpoint, self._count_probe)
        self.usage = Usage(*store.bill())
        self._lock = threading.Lock()
        self._received = 0

    def ask(self, question: Question) -> Mapping[str, Any]:
        """The answer, on disk before it is given.

        Raises:
            Refused, Unanswered: this question is not answered.
            Stopped: the endpoint is down, the budget is spent, or the answer cannot be kept.
            UserError: the endpoint cannot be used, or its answers cannot.
        """
        key = question.key(self.settings.model, self.settings.temperature)
        known = self._known(question, key)
        if known is not None:
            return known
        asking = _Asking(self, question, key)
        try:
            return self.client.ask(self._body(question), asking.read, asking.before)
        except sqlite3.Error as error:
            # Whatever else was asked could not be kept either.
            why = Stopped(f"the store cannot be written ({error})")
            self.client.stop(why)
            raise why from error

    @property
    def spent(self) -> float | None:
        """Dollars over all runs; None where the prices are not known."""
        return self.settings.cost(self.usage.tokens_in, self.usage.tokens_out)

    def progress_note(self) -> str:
        """What was spent, behind the rows done; empty where the prices are not known."""
        return "" if self.spent is None else f"${self.spent:.2f}"

    def check_budget(self) -> None:
        """Stop where it is spent."""
        budget, spent = self.settings.budget, self.spent
        if budget is not None and spent is not None and spent >= budget:
            self.client.stop(Stopped(f"the budget of ${budget:g} is spent (${spent:.4g})"))

    def count(self, reply: Reply, readable: bool) -> None:
        """Add a reply to what was used, and stop where too few of them can be read."""
        with self._lock:
            usage = self.usage
            usage.add(reply)
            usage.unreadable += not readable
            self._received += 1
            unreadable, received = usage.unreadable, self._received
        if received >= FEWEST and unreadable > self.settings.max_unreadable * received:
            self.client.stop(
                UserError(
                    f"{unreadable} of {received} answers cannot be read, a larger share than "
                    f"--max_unreadable {self.settings.max_unreadable:g}: choose a model that "
                    "answers in JSON as asked, raise --max_tokens, or raise the share."
                )
            )

    def count_request(self) -> None:
        """Count a request that is about to be sent."""
        with self._lock:
            self.usage.requests += 1

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _count_probe(self, reply: Reply) -> None:
        """Keep a reply that no row asked for, for the bill, and add it to what was used."""
        counts = (reply.tokens_in, reply.tokens_out)
        self.store.put(Answer(PROBE, PROBE, reply.text, *counts, good=False, note=reply.problem))
        with self._lock:
            self.usage.add(reply)

    def _known(self, question: Question, key: str) -> Mapping[str, Any] | None:
        known = self.store.get(key)
        if known is None:
            return None
        try:
            answer = read_answer(question.stage, known.text)
        except ValueError:
            self.store.reject(key)
            return None
        with self._lock:
            self.usage.reused += 1
        return answer

    def _body(self, question: Question) -> dict[str, Any]:
        body: dict[str, Any] = {
            "messages": [{"role": "user", "content": question.text}],
            "response_format": response_format(question.stage),
            "max_completion_tokens": self.settings.max_tokens,
        }
        if self.settings.temperature is not None:
            body["temperature"] = self.settings.temperature
        return body


@dataclass
class _Asking:
    """One question on its way, which is asked again while its answers cannot be read."""

    judge: Judge
    question: Question
    key: str

    def __post_init__(self) -> None:
        unreadable = self.judge.store.unreadable(self.key)
        self._unreadable = len(unreadable)
        self._problem = unreadable[-1].note if unreadable else ""

    def before(self) -> str:
        """The idempotency key of the next try: another one after each unreadable answer.

        After a failure it is the same, so that an endpoint that knows such keys gives the answer
        that was paid for already.
        """
        tries = self.judge.settings.endpoint.tries
        if self._unreadable >= tries:
            raise Unanswered(
                f"no readable answer in {self._unreadable} tries, over all runs: {self._problem}"
            )
        self.judge.check_budget()
        self.judge.count_request()
        return f"{self.key}-{self._unreadable}" if self._unreadable else self.key

    def read(self, reply: Reply) -> Mapping[str, Any]:
        """The answer of a reply, once that is in the store, readable or not."""
        text, problem = reply.text, reply.problem
        if not problem:
            try:
                text = self._checked(text)
            except ValueError as error:
                problem = f"{error}; it reached --max_tokens" if reply.cut_off else str(error)
        good, counts = not problem, (reply.tokens_in, reply.tokens_out)
        self.judge.store.put(
            Answer(self.key, self.question.stage, text, *counts, good=good, note=problem)
        )
        self.judge.count(reply, readable=good)
        if not good:
            self._unreadable, self._problem = self._unreadable + 1, problem
            raise Unreadable(problem)
        return read_answer(self.question.stage, text)

    def _checked(self, text: str) -> str:
        """The answer in a text as plain JSON, in which no escape hides the endpoint's key."""
        answer = read_answer(self.question.stage, text)
        return self.judge.settings.endpoint.masked(json.dumps(answer, ensure_ascii=False))
