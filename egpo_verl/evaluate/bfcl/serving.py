"""An OpenAI-compatible server on a Unix socket, for a loop that may not have a network.

Requests that arrive together share a batch of the backend; every response is kept before it is
sent, so that a loop which is run again gets the same responses at once and goes on.
"""

from __future__ import annotations

import json
import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

from egpo_verl.evaluate.backends import Backend
from egpo_verl.evaluate.chat import Chat
from egpo_verl.evaluate.response import in_python, split_response
from egpo_verl.evaluate.response_store import Response, ResponseStore

GATHER = 0.05
"""Seconds to wait for further requests before a batch begins."""
PATIENCE = 3600.0
"""Seconds that a request waits for its response."""

Item = tuple[Chat, "Future[Response]"]


class Unanswered(Exception):
    """The backend gave no response."""


@dataclass
class Batcher:
    """Collects questions into batches and answers them in one thread of its own.

    Attributes:
        answered: every response that was handed out, old ones too.
        failure: what stopped the backend, None where nothing did.
    """

    backend: Backend
    store: ResponseStore
    sample: int = 0
    answered: list[Response] = field(default_factory=list)
    failure: Exception | None = None
    _waiting: queue.Queue[Item | None] = field(default_factory=queue.Queue)

    def __enter__(self) -> Batcher:
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.put(None)
        self._thread.join()

    def ask(self, chat: Chat) -> Response:
        """The response, from the store where it is there; `Unanswered` where there is none."""
        response = self.store.get(chat, self.sample)
        if response is None:
            future: Future[Response] = Future()
            self._waiting.put((chat, future))
            response = future.result(PATIENCE)
        self.answered.append(response)
        return response

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, done = self._gathered(first)
            try:
                self._answer(batch)
            except Exception as error:
                # Told once, by the process that started the loop; the loop only sees no answer.
                self.failure = self.failure or error
            for chat, future in batch:
                if not future.done():
                    future.set_exception(Unanswered(chat.key))
            if done:
                return

    def _gathered(self, first: Item) -> tuple[list[Item], bool]:
        batch = [first]
        while len(batch) < self.backend.batch_size:
            try:
                item = self._waiting.get(timeout=GATHER)
            except queue.Empty:
                break
            if item is None:
                return batch, True
            batch.append(item)
        return batch, False

    def _answer(self, batch: list[Item]) -> None:
        by_key = {chat.key: (chat, future) for chat, future in batch}
        for key, text in self.backend.generate([chat for chat, _ in batch], self.sample):
            chat, future = by_key[key]
            note = self.backend.notes.pop(key, "")
            future.set_result(self.store.add(chat, text, self.sample, note))


class Server(ThreadingMixIn, UnixStreamServer):
    """Serves `POST /v1/chat/completions` at a path; the thought is handed over apart."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path: Path, batcher: Batcher, call_form: str) -> None:
        super().__init__(str(path), _Request)
        self.batcher = batcher
        self.call_form = call_form

    def __enter__(self) -> Server:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Request(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        try:
            chat = _chat(json.loads(self.rfile.read(length)))
            parts = split_response(self.server.batcher.ask(chat).text)
        except (ValueError, KeyError) as error:
            self._send(400, {"error": {"message": f"not a chat: {error}"}})
        except (Unanswered, TimeoutError) as error:
            self._send(503, {"error": {"message": f"no answer: {error}"}})
        else:
            content = in_python(parts.answer, self.server.call_form)
            message = {
                "role": "assistant",
                "content": content,
                "reasoning_content": parts.thought,
            }
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._send(200, {"object": "chat.completion", "choices": [choice]})

    def address_string(self) -> str:
        return "the loop"  # a Unix socket has no address of its peer

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are counted, not logged."""

    def _send(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _chat(body: dict[str, Any]) -> Chat:
    """The chat of a request, its key made of who asks and what is asked."""
    messages = tuple(
        {"role": str(message["role"]), "content": str(message["content"])}
        for message in body["messages"]
    )
    chat = Chat(str(body["user"]), messages)
    return Chat(f"{chat.key}@{chat.digest()}", messages)
