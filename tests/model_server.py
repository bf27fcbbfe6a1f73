"""An endpoint of OpenAI's protocol that plays a model which knows its answers, for the tests.

    python tests/model_server.py --answers FILE --log FILE [--latency 0.01] [--faults 3]

prints its port, then answers `POST /v1/chat/completions` until it is killed. FILE is a JSON object:
first user message -> for each turn the list of its steps. A turn ends with a plain sentence. What
is not in FILE is answered with an empty text. Each answered request adds the question to the log.

Words in the question or the model's name make it misbehave, `--refuse` names one: see `fault`.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

DONE = "That is done."


class Model(ThreadingHTTPServer):
    """Answers by the book, every `faults`-th request with an error first."""

    daemon_threads = True

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.options = options
        self.answers: dict[str, list[list[str]]] = json.loads(options.answers.read_text("utf-8"))
        self.lock = threading.Lock()
        self.requests = 0

    def fault(self, body: dict[str, Any], key: str) -> tuple[int, str] | None:
        """Status and message of an answer that is none."""
        question = body["messages"][-1]["content"]
        if body["model"] == "unknown":
            return 404, "no such model"
        if key == "Bearer wrong":
            return 401, "wrong key"
        if "TOO LONG" in question:
            return 400, "This model's maximum context length is 2048 tokens."
        if self.options.refuse in question:
            return 400, "not this question"
        with self.lock:
            self.requests += 1
            every = self.options.faults
            return (503, "busy") if every and self.requests % every == 0 else None

    def say(self, messages: list[dict[str, str]]) -> str:
        """The next step of the dialogue."""
        users = [m["content"] for m in messages if m["role"] == "user"]
        turns = self.answers.get(users[0], [])
        steps = turns[len(users) - 1] if len(users) <= len(turns) else [""]
        taken = 0
        for message in reversed(messages):
            if message["role"] == "user":
                break
            taken += message["role"] == "assistant"
        return steps[taken] if taken < len(steps) else DONE


class Request(BaseHTTPRequestHandler):
    server: Model

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = self.server.fault(body, self.headers.get("Authorization", ""))
        time.sleep(self.server.options.latency)
        if fault:
            self.send(fault[0], {"error": {"message": fault[1], "code": None}})
            return
        messages = body["messages"]
        message: dict[str, Any] = {"role": "assistant", "content": self.server.say(messages)}
        if "NO JSON" in (messages[-1]["content"], body["model"]):
            self.send_bytes(200, b"<html>Welcome to the hotel's network</html>", "text/html")
            return
        if "HALF LETTER" in messages[-1]["content"]:
            message["content"] = "one \ud800 two"
        if "ECHO" in messages[-1]["content"]:
            message["content"] = self.headers.get("Authorization", "")
        if "THINK APART" in messages[-1]["content"]:
            message["reasoning_content"] = "apart"
        cut = "CUT OFF" in messages[-1]["content"]
        choice = {"index": 0, "message": message, "finish_reason": "length" if cut else "stop"}
        with self.server.lock, self.server.options.log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(messages[-1]["content"]) + "\n")
        whole = {"id": "made", "object": "chat.completion", "created": 0, "choices": [choice]}
        self.send(200, {**whole, "model": body["model"]})

    def send(self, status: int, body: dict[str, Any]) -> None:
        self.send_bytes(status, json.dumps(body).encode(), "application/json")

    def send_bytes(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """The log is of answers, not of connections."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--answers", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--refuse", default="REFUSE")
    parser.add_argument("--faults", type=int, default=0)
    server = Model(parser.parse_args())
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
