"""An MCP server as an environment: `Shop = mcp_world(["server"], reset="start", state="dump")`.

Each world is a server process of its own, spoken to over stdin and stdout by the official client
(`pip install egpo-verl[mcp]`). It stands in the process group of its world, so that nothing
outlives that, whatever the server does.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from os import PathLike
from typing import Any

from egpo_verl.envs.schema import Schema
from egpo_verl.errors import UserError

try:
    import anyio
    import mcp
    from mcp.client.stdio import get_default_environment
    from mcp.shared.message import SessionMessage
    from mcp.types import jsonrpc_message_adapter as messages
except ImportError as error:
    raise UserError("an MCP server needs the extra: pip install 'egpo-verl[mcp]'.") from error

LONGEST_LINE = 1 << 28
"""Bytes of a message of the server."""
LAST_WAIT = 1.0
"""Seconds that a server gets to end by itself."""
_NOT_IN_NAMES = re.compile(r"\W")


class ToolError(Exception):
    """What a tool answers as an error; the policy reads it."""


def mcp_world(
    command: Sequence[str | PathLike[str]],
    *,
    reset: str | None = None,
    state: str | None = None,
    env: Mapping[str, str] | None = None,
) -> type[McpWorld]:
    """The class of worlds that a server makes; `env.factory` names it.

    Args:
        command: what starts the server, with its arguments.
        reset: the tool that makes the world, with the `row` of a row of data as its arguments; what
            it answers is the observation. None where a started server is the world.
        state: the tool whose answer is the world's state. None where only results are compared.
        env: variables beside the few that MCP's client hands on, such as PATH and HOME.
    """
    server = (tuple(map(str, command)), reset, state, dict(env or {}))
    return type("McpWorld", (McpWorld,), {"_server": server})


class McpWorld:
    """A world; `mcp_world` makes its class. Whatever is no method here is a tool of the server."""

    _server: tuple[tuple[str, ...], str | None, str | None, dict[str, str]]

    def __init__(self) -> None:
        self._connected: asyncio.Future[Any] | None = None
        self._ending = asyncio.Event()
        self._session: asyncio.Task[None] | None = None
        self._names: dict[str, str] = {}

    async def reset(self, **row: Any) -> str | None:
        """Start the server, and let its tool make the world."""
        tool = self._server[1]
        if tool is None and row:
            raise UserError("mcp_world names no tool for reset, which takes the 'row' of a row.")
        await self._tools()
        return None if tool is None else _text(await self._ask(tool, row))

    async def _tools(self) -> list[Schema]:
        """The tools that the policy is offered."""
        client = await self._client()
        page = await client.list_tools()
        listed = list(page.tools)
        while page.next_cursor is not None:
            page = await client.list_tools(cursor=page.next_cursor)
            listed += page.tools
        special = set(filter(None, self._server[1:3]))
        names = {tool.name for tool in listed}
        if special - names:
            absent = min(special - names)
            raise UserError(f"the MCP server has no tool {absent}; it has {sorted(names)}.")
        offered = [tool for tool in listed if tool.name not in special]
        self._names = {_NOT_IN_NAMES.sub("_", tool.name): tool.name for tool in offered}
        if len(self._names) < len(offered) or "reset" in self._names:
            raise UserError(
                "tools of the MCP server cannot be told apart: their names differ only in "
                "characters that no call may have, or one is called reset."
            )
        return [_schema(shown, tool) for shown, tool in zip(self._names, offered, strict=True)]

    def __getattr__(self, name: str) -> Callable[..., Awaitable[str]]:
        """A tool, as a method."""
        if name.startswith("_") or name not in self._names:
            raise AttributeError(name)

        async def tool(**arguments: Any) -> str:
            return _text(await self._ask(self._names[name], arguments))

        return tool

    async def _state(self) -> Any:
        tool = self._server[2]
        if tool is None:
            return {}
        result = await self._ask(tool, {})
        return _text(result) if result.structured_content is None else result.structured_content

    async def _close(self) -> None:
        self._ending.set()
        if self._session is not None:
            await self._session

    async def _ask(self, tool: str, arguments: Mapping[str, Any]) -> Any:
        client = await self._client()
        result = await client.call_tool(tool, dict(arguments))
        if result.is_error:
            raise ToolError(_text(result))
        return result

    async def _client(self) -> Any:
        """The connected client; the task that connects it is the one that ends it."""
        if self._connected is None:
            self._connected = asyncio.get_running_loop().create_future()
            self._session = asyncio.ensure_future(self._serve(self._connected))
        return await asyncio.shield(self._connected)

    async def _serve(self, connected: asyncio.Future[Any]) -> None:
        command, _, _, env = self._server
        try:
            async with mcp.Client(_transport(command, env)) as client:
                connected.set_result(client)
                await self._ending.wait()
        except Exception as error:
            if not connected.done():
                words = f"the MCP server `{' '.join(command)}` cannot be spoken to: {error}"
                connected.set_exception(UserError(words))


@asynccontextmanager
async def _transport(command: Sequence[str], env: Mapping[str, str]) -> AsyncIterator[Any]:
    """The streams of a server's process. MCP's `stdio_client` would start it in a session of
    its own, which a world that is killed leaves behind."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**get_default_environment(), **env},
        limit=LONGEST_LINE,
    )
    stdin: Any = process.stdin
    stdout: Any = process.stdout
    to_us, from_server = anyio.create_memory_object_stream[Any](0)
    from_us, to_server = anyio.create_memory_object_stream[Any](0)

    async def listen() -> None:
        async with to_us:
            async for line in stdout:
                with suppress(ValueError):  # what is no message is a log that went astray
                    await to_us.send(SessionMessage(messages.validate_json(line, by_name=False)))

    async def speak() -> None:
        async for message in to_server:
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            stdin.write(text.encode() + b"\n")
            await stdin.drain()

    tasks = [asyncio.ensure_future(task) for task in (listen(), speak())]
    try:
        yield from_server, from_us
    finally:
        stdin.close()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), LAST_WAIT)
        with suppress(ProcessLookupError):
            process.kill()
        for task in tasks:
            task.cancel()


def _schema(name: str, tool: Any) -> Schema:
    parameters = {"type": "object", "properties": {}, **tool.input_schema}
    return {"name": name, "description": tool.description or "", "parameters": parameters}


def _text(result: Any) -> str:
    """What the policy reads of a result; of what is no text, its kind."""
    return "\n".join(getattr(part, "text", f"[{part.type}]") for part in result.content)
