"""A model hub on this machine: it answers, and holds the files that a test gives it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@contextmanager
def hub(files: Mapping[str, bytes] | None = None) -> Iterator[str]:
    """The hub's address; each file under its path, and any other is not there."""

    class Files(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = (files or {}).get(self.path)
            self.send_response(404 if content is None else 200)
            self.end_headers()
            self.wfile.write(b"no such file" if content is None else content)

        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
