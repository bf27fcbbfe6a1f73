"""Generation by an OpenAI-compatible endpoint that runs already: `vllm serve`, a vendor's, ..."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from egpo_verl.calls.thought import THINK_CLOSE, THINK_OPEN
from egpo_verl.client import open_client
from egpo_verl.client.endpoint import Endpoint, Refused, Stopped, TooLong, Unanswered, Unreadable
from egpo_verl.client.reply import Reply
from egpo_verl.evaluate.backends import CUT_OFF, TOO_LONG
from egpo_verl.evaluate.chat import Chat

if TYPE_CHECKING:
    from egpo_verl.client.client import Client

LOG = logging.getLogger(__name__)
BATCH_SIZE = 64
"""Questions on their way at a time."""
TRIES = 6
TIMEOUT = 600.0
"""Seconds for one answer; a long thought takes minutes on a busy server."""


def open_endpoint(args: argparse.Namespace) -> EndpointBackend:
    """A client of `args.base_url`; UserError where the libraries for it are missing."""
    endpoint = Endpoint(
        model=args.model,
        base_url=args.base_url,
        api_key=os.environ.get(args.api_key_env) or "none",
        timeout=TIMEOUT,
        tries=TRIES,
    )
    return EndpointBackend(
        client=open_client(endpoint),
        temperature=args.temperature,
        max_tokens=args.max_tokens,
        seed=args.seed,
        batch_size=args.batch_size or BATCH_SIZE,
    )


@dataclass
class EndpointBackend:
    """Asks `batch_size` questions at a time; one that fails to the last try stays unanswered."""

    client: Client
    temperature: float
    max_tokens: int
    seed: int
    batch_size: int = BATCH_SIZE
    name: str = "endpoint"
    notes: dict[str, str] = field(default_factory=dict)

    def settings(self) -> dict[str, Any]:
        return {
            "backend": self.name,
            "version": f"openai {version('openai')}",
            "base_url": urlsplit(self.client.url).netloc,
            "model": self.client.endpoint.model,
            "template": "the endpoint's",
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "seed": self.seed,
        }

    def generate(self, chats: Iterable[Chat], sample: int = 0) -> Iterator[tuple[str, str]]:
        pool = ThreadPoolExecutor(self.batch_size)
        try:
            futures = [pool.submit(self._answer, chat, sample) for chat in chats]
            for future in as_completed(futures):
                answer = future.result()
                if answer is not None:
                    yield answer
        except Stopped as why:
            LOG.warning("nothing more is asked: %s", why)
        finally:
            pool.shutdown(cancel_futures=True)

    def _answer(self, chat: Chat, sample: int) -> tuple[str, str] | None:
        """Key and text; None where the endpoint does not answer this question."""
        body = {
            "messages": list(chat.messages),
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "seed": self.seed + sample,
        }
        try:
            reply = self.client.ask(body, _readable)
        except TooLong:
            self.notes[chat.key] = TOO_LONG
            return chat.key, ""
        except Refused as error:
            LOG.warning("%s is refused: %s", chat.key, error)
        except Unanswered as error:
            LOG.warning("%s stays unanswered: %s", chat.key, error)
        else:
            if reply.cut_off:
                self.notes[chat.key] = CUT_OFF
            return chat.key, response_of(reply)
        return None


def response_of(reply: Reply) -> str:
    """The whole response, with its thought between tags wherever the server put it."""
    # Half letters, which JSON can spell, would reach files and scorers that cannot hold them.
    thought, text = (
        part.encode("utf-8", "replace").decode() for part in (reply.thought, reply.text)
    )
    if thought:
        return f"{THINK_OPEN}{thought}{THINK_CLOSE}{text}"
    opened_in_prompt = THINK_CLOSE in text and THINK_OPEN not in text
    return f"{THINK_OPEN}{text}" if opened_in_prompt else text


def _readable(reply: Reply) -> Reply:
    if reply.problem:
        raise Unreadable(reply.problem)
    return reply
