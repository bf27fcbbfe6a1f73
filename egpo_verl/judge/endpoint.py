"""Questions to an OpenAI-compatible endpoint: bounded, retried, counted, never asked twice."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import openai
import tenacity
from openai.types.chat import ChatCompletion

from egpo_verl.errors import UserError
from egpo_verl.judge.answers import read_answer, response_format
from egpo_verl.judge.commit import Committer
from egpo_verl.judge.stages import Question
from egpo_verl.judge.store import Answer, Store

PASSING = (
    openai.RateLimitError,
    openai.APITimeoutError,
    openai.APIConnectionError,
    openai.InternalServerError,
)
"""Failures that may be over at the next try."""
FATAL = (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError)
"""Failures that every question would meet."""
LONGEST_WAIT = 60.0
REFUSALS = 5
"""Refusals before the first answer from which on the endpoint is thought unfit."""


class Refused(Exception):
    """The endpoint will not answer this question, however often it is asked."""


class Stopped(Exception):
    """The job cannot go on now; all answers so far are in the store."""


class Unreadable(Exception):
    """An answer of another shape than was asked for."""


@dataclass(frozen=True)
class Settings:
    """How the endpoint is used.

    Attributes:
        model: its name there.
        base_url: None for OpenAI's own.
        api_key: sent as a bearer token.
        temperature: of sampling; None for the endpoint's own, the only one that some take.
        max_tokens: longest answer.
        timeout: seconds until a question is asked again.
        tries: how often a question is asked before the job stops.
        backoff: seconds before the second try; they double from try to try.
        prices: dollars per million tokens in and out.
        budget: dollars from which on nothing is asked any more; None for no bound.
        pace: questions a minute; None for as many as are answered.
    """

    model: str
    base_url: str | None = None
    api_key: str = "none"
    temperature: float | None = None
    max_tokens: int = 2048
    timeout: float = 120.0
    tries: int = 8
    backoff: float = 1.0
    prices: tuple[float, float] = (0.0, 0.0)
    budget: float | None = None
    pace: float | None = None

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """Dollars."""
        return (tokens_in * self.prices[0] + tokens_out * self.prices[1]) / 1e6


@dataclass
class Meter:
    """What was used: over all runs of the store (tokens, answers), and in this one (the rest)."""

    answers: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    reused: int = 0
    retries: int = 0
    refused: int = 0
    asked: int = 0


@dataclass
class Endpoint:
    """Answers questions, from the store where it can.

    Attributes:
        settings: how the endpoint is used.
        store: where answers are looked up.
        committer: where they are committed.
        in_flight: questions on their way at a time.
        meter: what was used.
    """

    settings: Settings
    store: Store
    committer: Committer
    in_flight: int
    meter: Meter = field(default_factory=Meter)

    def __post_init__(self) -> None:
        settings = self.settings
        # Retries are ours, so that they can be counted and bounded by the budget.
        self._client = openai.AsyncOpenAI(
            api_key=settings.api_key,
            base_url=settings.base_url,
            timeout=settings.timeout,
            max_retries=0,
        )
        # A place is free again when the answer is here, not when it is on disk: commits are
        # shared, and rows that waited for one together would ask together ever after.
        self._places = asyncio.Semaphore(self.in_flight)
        self._next_slot = 0.0
        self._stop: Exception | None = None
        self.meter.answers, self.meter.tokens_in, self.meter.tokens_out = self.store.bill()

    def stop(self, why: Exception) -> None:
        """Ask nothing more; what is on its way is still awaited and committed."""
        self._stop = self._stop or why

    async def ask(self, question: Question) -> Mapping[str, Any]:
        """The answer, committed before it is given.

        Raises:
            Refused: this question is not answered.
            Stopped: the endpoint keeps failing, the budget is spent, or the answer cannot be kept.
            UserError: the endpoint knows neither this key nor this model.
        """
        key = question.key(self.settings.model, self.settings.temperature)
        known = self.store.get(key)
        if known is not None:
            self.meter.reused += 1
            return read_answer(question.stage, known)
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type((*PASSING, Unreadable)),
            wait=self._wait,
            stop=tenacity.stop_after_attempt(self.settings.tries),
            before_sleep=self._count_retry,
            reraise=True,
        )
        try:
            return await retrying(self._ask_once, question, key)
        except Unreadable as error:
            raise Refused(f"no readable answer in {self.settings.tries} tries: {error}") from error
        except PASSING as error:
            raise Stopped(f"the endpoint keeps failing: {_short(error)}") from error
        except sqlite3.Error as error:
            # Whatever else was asked could not be kept either.
            why = Stopped(f"the store cannot be written ({error})")
            self.stop(why)
            raise why from error
        except FATAL as error:
            raise UserError(f"the endpoint refuses: {_short(error)}.") from error
        except openai.APIStatusError as error:
            self.meter.refused += 1
            if self.meter.answers == 0 and self.meter.refused >= REFUSALS:
                raise UserError(
                    f"the endpoint refused the first {REFUSALS} questions: {_short(error)}."
                ) from error
            raise Refused(_short(error)) from error

    async def _ask_once(self, question: Question, key: str) -> Mapping[str, Any]:
        await self._keep_pace()
        async with self._places:
            self._check_budget()
            if self._stop is not None:
                raise self._stop
            self.meter.asked += 1
            # The client's `chat.completions.create` walks through every body to bring it to the
            # form that these bodies have already, which takes as long as all else together.
            completion = await self._client.post(
                "/chat/completions",
                body=self._body(question),
                cast_to=ChatCompletion,
                options={"headers": {"Idempotency-Key": key}},
            )
        text = completion.choices[0].message.content if completion.choices else None
        usage = completion.usage
        tokens_in, tokens_out = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
        self.meter.answers += 1
        self.meter.tokens_in += tokens_in
        self.meter.tokens_out += tokens_out
        paid = Answer(key, question.stage, text or "", tokens_in, tokens_out)
        try:
            answer = read_answer(question.stage, text)
        except ValueError as error:
            await self.committer.put(replace(paid, good=False))
            raise Unreadable(str(error)) from error
        await self.committer.put(paid)
        return answer

    def _body(self, question: Question) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.settings.model,
            "messages": [{"role": "user", "content": question.text}],
            "response_format": response_format(question.stage),
            "max_completion_tokens": self.settings.max_tokens,
        }
        if self.settings.temperature is not None:
            body["temperature"] = self.settings.temperature
        return body

    def _check_budget(self) -> None:
        settings, meter = self.settings, self.meter
        spent = settings.cost(meter.tokens_in, meter.tokens_out)
        if settings.budget is not None and spent >= settings.budget:
            self.stop(Stopped(f"the budget of ${settings.budget:g} is spent (${spent:.4g})"))

    async def _keep_pace(self) -> None:
        if self.settings.pace is None:
            return
        now = asyncio.get_running_loop().time()
        slot = max(now, self._next_slot)
        self._next_slot = slot + 60.0 / self.settings.pace
        await asyncio.sleep(slot - now)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Exponential with jitter, and no less than the endpoint asks for."""
        error = state.outcome.exception() if state.outcome else None
        asked = 0.0
        if isinstance(error, openai.APIStatusError):
            after = error.response.headers.get("retry-after", "")
            asked = float(after) if after.replace(".", "", 1).isdigit() else 0.0
        jittered = tenacity.wait_random_exponential(self.settings.backoff, LONGEST_WAIT)(state)
        return min(LONGEST_WAIT, max(asked, jittered))

    def _count_retry(self, state: tenacity.RetryCallState) -> None:
        self.meter.retries += 1

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _short(error: BaseException) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:300].rstrip(".")
