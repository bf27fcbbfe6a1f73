"""The model behind a Unix socket, which a process without any network can still open."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("model")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def ask(path: str, user: str, messages: list[Any]) -> dict[str, Any]:
    """One completion, in OpenAI's protocol; OSError where the model gives none."""
    connection = UnixConnection(path)
    body = json.dumps({"model": "model", "user": user, "messages": messages})
    try:
        connection.request("POST", "/v1/chat/completions", body.encode())
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise OSError(f"{user}: {text[:300]!r}")
    return dict(json.loads(text))
