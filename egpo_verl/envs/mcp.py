"""An MCP server as an environment: `Shop = mcp_world(["server"], reset="start", state="dump")`.

Each world is a server process of its own, spoken to over stdin and stdout by the official client
(`pip install egpo-verl[mcp]`). It stands in the process group of its world, so that nothing
outlives that, whatever the server does.
"""

from __future__ import annotations

import asyncio
import json
import keyword
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from os import PathLike
from typing import Any

from egpo_verl.envs.inside import Gone
from egpo_verl.envs.schema import Schema
from egpo_verl.errors import UserError

try:
    import mcp

    from egpo_verl.envs.mcp_server import Server
except ImportError as error:
    raise UserError("an MCP server needs the extra: pip install 'egpo-verl[mcp]'.") from error

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
    if isinstance(command, (str, PathLike)) or not command:
        given = str(command) if isinstance(command, PathLike) else command
        raise UserError(f"mcp_world({given!r}): give a list, the program and its arguments.")
    server = (tuple(map(str, command)), reset, state, dict(env or {}))
    return type("McpWorld", (McpWorld,), {"_server": server})


class McpWorld:
    """A world; `mcp_world` makes its class. Whatever is no method here is a tool of the server."""

    _server: tuple[tuple[str, ...], str | None, str | None, dict[str, str]]

    def __init__(self) -> None:
        self._process = Server(self._server[0], self._server[3])
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
        page = await self._answered(client.list_tools())
        listed = list(page.tools)
        while page.next_cursor is not None:
            page = await self._answered(client.list_tools(cursor=page.next_cursor))
            listed += page.tools
        special = set(filter(None, self._server[1:3]))
        names = {tool.name for tool in listed}
        if special - names:
            absent = min(special - names)
            raise UserError(f"the MCP server has no tool {absent}; it has {sorted(names)}.")
        offered = [tool for tool in listed if tool.name not in special]
        taken = {*keyword.kwlist, *dir(self)}
        self._names = {_shown(tool.name, taken): tool.name for tool in offered}
        if len(self._names) < len(offered) or any(tool.name == "reset" for tool in offered):
            raise UserError(
                "tools of the MCP server cannot be told apart: their names differ only in "
                "characters that no call may have, or one is called reset."
            )
        return [_schema(shown, tool) for shown, tool in zip(self._names, offered, strict=True)]

    def __getattr__(self, name: str) -> Callable[..., Awaitable[str]]:
        """A tool, as a method."""
        if name not in vars(self).get("_names", ()):
            raise AttributeError(name)

        async def tool(**arguments: Any) -> str:
            return _text(await self._ask(self._names[name], arguments))

        return tool

    async def _state(self) -> Any:
        tool = self._server[2]
        if tool is None:
            return {}
        result = await self._ask(tool, {})
        structured, text = result.structured_content, _text(result)
        # A server whose tool returns a text may wrap it.
        return _parsed(text) if structured in (None, {"result": text}) else structured

    async def _close(self) -> None:
        self._ending.set()
        if self._session is not None:
            await self._session

    async def _ask(self, tool: str, arguments: Mapping[str, Any]) -> Any:
        client = await self._client()
        result = await self._answered(client.call_tool(tool, dict(arguments)))
        if result.is_error:
            raise ToolError(_text(result))
        return result

    async def _answered(self, request: Awaitable[Any]) -> Any:
        try:
            return await request
        except mcp.MCPError as error:
            if not self._process.has_ended:
                raise
            raise Gone(f"the MCP server has ended{self._process.last_words}") from error

    async def _client(self) -> Any:
        """The connected client; the task that connects it is the one that ends it."""
        if self._connected is None:
            self._connected = asyncio.get_running_loop().create_future()
            self._session = asyncio.ensure_future(self._serve(self._connected))
        return await asyncio.shield(self._connected)

    async def _serve(self, connected: asyncio.Future[Any]) -> None:
        try:
            async with mcp.Client(self._process.streams()) as client:
                connected.set_result(client)
                await self._ending.wait()
        except Exception as error:
            if not connected.done():
                command = " ".join(self._server[0])
                words = f"{_innermost(error)}{self._process.last_words}"
                connected.set_exception(
                    UserError(f"the MCP server `{command}` cannot be spoken to: {words}")
                )


def _schema(name: str, tool: Any) -> Schema:
    parameters = {"type": "object", "properties": {}, **tool.input_schema}
    return {"name": name, "description": tool.description or "", "parameters": parameters}


def _text(result: Any) -> str:
    """What the policy reads of a result; of what is no text, its kind."""
    return "\n".join(getattr(part, "text", f"[{part.type}]") for part in result.content)


def _shown(name: str, taken: Collection[str]) -> str:
    """A tool's name as a call can have it, and as no attribute of a world has it."""
    shown = _NOT_IN_NAMES.sub("_", name)
    if not shown.isidentifier():  # it starts with a digit
        shown = f"_{shown}"
    while shown in taken:
        shown += "_"
    return shown


def _parsed(text: str) -> Any:
    """The JSON that a text is, so that the order of its keys makes no difference; or the text."""
    try:
        return json.loads(text, parse_constant=str)
    except ValueError:
        return text


def _innermost(error: BaseException) -> BaseException:
    """Of errors in groups, in which tasks raise them, the first one that is none."""
    while inner := getattr(error, "exceptions", ()):
        error = inner[0]
    return error
