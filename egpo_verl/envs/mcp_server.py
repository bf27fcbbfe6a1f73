"""The process of an MCP server, spoken to over its stdin and stdout.

MCP's `stdio_client` would start it in a session of its own, which a world that is killed leaves
behind.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter as messages

LONGEST_LINE = 1 << 28
"""Bytes of a message of the server."""
LAST_WAIT = 1.0
"""Seconds that a server gets to end by itself."""
LAST_WORDS = 1000
"""Bytes of its stderr that are read where it fails, of which three lines are shown."""


class Server:
    """A server's process, from `streams` on.

    Attributes:
        has_ended: whether it has closed its stdout, so that nothing is answered any more.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self._command, self._env = command, env
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  it goes with this object
        self.has_ended = False

    @property
    def last_words(self) -> str:
        """What it wrote last to stderr, to stand at a sentence's end; its logs stand there too."""
        written = self._stderr.fileno()
        start = max(0, os.fstat(written).st_size - LAST_WORDS)
        text = os.pread(written, LAST_WORDS, start).decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return f"; its last words: {' / '.join(lines[-3:])}" if lines else ""

    @asynccontextmanager
    async def streams(self) -> AsyncIterator[Any]:
        """Start it; what MCP's client reads from and writes to."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=self._stderr,
            env={**get_default_environment(), **self._env},
            limit=LONGEST_LINE,
        )
        to_us, from_server = anyio.create_memory_object_stream[Any](0)
        from_us, to_server = anyio.create_memory_object_stream[Any](0)
        listening = self._listen(process.stdout, to_us)
        tasks = [
            asyncio.ensure_future(one) for one in (listening, _speak(process.stdin, to_server))
        ]
        try:
            yield from_server, from_us
        finally:
            assert process.stdin is not None
            process.stdin.close()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(process.wait(), LAST_WAIT)
            with suppress(ProcessLookupError):
                process.kill()
            for task in tasks:
                task.cancel()

    async def _listen(self, stdout: Any, to_us: Any) -> None:
        async with to_us:
            try:
                async for line in stdout:
                    with suppress(ValueError):  # what is no message is a log that went astray
                        await to_us.send(
                            SessionMessage(messages.validate_json(line, by_name=False))
                        )
            finally:
                self.has_ended = True


async def _speak(stdin: Any, to_server: Any) -> None:
    async with to_server:
        async for message in to_server:
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            stdin.write(text.encode() + b"\n")
            with suppress(ConnectionError):  # it has ended, which its stdout tells
                await stdin.drain()
