"""Generation by an OpenAI-compatible endpoint that runs already: `vllm serve`, a vendor's, ..."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from egpo_verl.calls.thought import THINK_CLOSE, THINK_OPEN
from egpo_verl.errors import UserError
from egpo_verl.evaluate.backends import CUT_OFF, TOO_LONG
from egpo_verl.evaluate.chat import Chat

LOG = logging.getLogger(__name__)
BATCH_SIZE = 64
"""Questions on their way at a time."""
TRIES = 6
TIMEOUT = 600.0
"""Seconds for one answer; a long thought takes minutes on a busy server."""
LONGEST_WAIT = 30.0


def open_endpoint(args: argparse.Namespace) -> EndpointBackend:
    """A client of `args.base_url`; UserError where the `openai` package is missing."""
    try:
        import openai
        import tenacity  # noqa: F401  (asked for here, where the message can name the extra)
    except ImportError as error:
        raise UserError(
            f"an endpoint needs {error.name}; install it with `pip install 'egpo-verl[data]'`."
        ) from error
    # The key goes to the client and nowhere else; retries are ours, with their own waits.
    client = openai.OpenAI(
        base_url=args.base_url,
        api_key=os.environ.get(args.api_key_env) or "none",
        timeout=TIMEOUT,
        max_retries=0,
    )
    return EndpointBackend(
        client=client,
        base_url=args.base_url,
        model=args.model,
        temperature=args.temperature,
        max_tokens=args.max_tokens,
        seed=args.seed,
        batch_size=args.batch_size or BATCH_SIZE,
    )


@dataclass
class EndpointBackend:
    """Asks `batch_size` questions at a time; one that fails to the last try stays unanswered."""

    client: Any
    base_url: str
    model: str
    temperature: float
    max_tokens: int
    seed: int
    batch_size: int = BATCH_SIZE
    backoff: float = 1.0
    name: str = "endpoint"
    notes: dict[str, str] = field(default_factory=dict)

    def settings(self) -> dict[str, Any]:
        import openai

        return {
            "backend": self.name,
            "version": f"openai {openai.__version__}",
            # without a name and password that may stand in it
            "base_url": urlsplit(self.base_url).netloc.rpartition("@")[2],
            "model": self.model,
            "template": "the endpoint's",
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "seed": self.seed,
        }

    def generate(self, chats: Iterable[Chat], sample: int = 0) -> Iterator[tuple[str, str]]:
        pool = ThreadPoolExecutor(self.batch_size)
        try:
            asked = [pool.submit(self._answer, chat, sample) for chat in chats]
            for future in as_completed(asked):
                answered = future.result()
                if answered is not None:
                    yield answered
        finally:
            pool.shutdown(cancel_futures=True)

    def _answer(self, chat: Chat, sample: int) -> tuple[str, str] | None:
        """Key and text; None where the endpoint does not answer this question."""
        import openai
        import tenacity

        passing = (
            openai.RateLimitError,
            openai.APITimeoutError,
            openai.APIConnectionError,
            openai.InternalServerError,
        )
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(passing),
            wait=tenacity.wait_random_exponential(self.backoff, LONGEST_WAIT),
            stop=tenacity.stop_after_attempt(TRIES),
            reraise=True,
        )
        try:
            return chat.key, retrying(self._ask, chat, sample)
        except openai.BadRequestError as error:
            if "context" in str(error).lower():
                self.notes[chat.key] = TOO_LONG
                return chat.key, ""
            LOG.warning("%s is refused: %s", chat.key, _short(error))
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise UserError(
                f"{self.base_url} refuses the key ({_short(error)}); name the variable that has "
                "it with --api_key_env."
            ) from error
        except openai.NotFoundError as error:
            raise UserError(
                f"{self.base_url} does not serve {self.model}: {_short(error)}"
            ) from error
        except openai.OpenAIError as error:
            LOG.warning("%s stays unanswered: %s", chat.key, _short(error))
        return None

    def _ask(self, chat: Chat, sample: int) -> str:
        completion = self.client.chat.completions.create(
            model=self.model,
            messages=list(chat.messages),
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            seed=self.seed + sample,
        )
        choice = completion.choices[0]
        if choice.finish_reason == "length":
            self.notes[chat.key] = CUT_OFF
        message, content = choice.message, choice.message.content or ""
        # A server with a reasoning parser hands the thought over apart, under either name.
        thought = getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None)
        if thought:
            return f"{THINK_OPEN}{thought}{THINK_CLOSE}{content}"
        opened_in_prompt = THINK_CLOSE in content and THINK_OPEN not in content
        return f"{THINK_OPEN}{content}" if opened_in_prompt else content


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
