"""An MCP server that tests play in: odd names, a state as text, and tools that take it down.

What it is told by its arguments: a folder, as `mcp_shop.py`, and the moment at which it ends.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.types import CallToolResult, TextContent

server = MCPServer("odd", log_level="ERROR")
ends = sys.argv[2] if len(sys.argv) > 2 else ""
seen: dict[str, Any] = {}


def end(message: str) -> None:
    sys.stderr.write(f"first line\n\n  {message}\n")
    sys.stderr.flush()
    os._exit(4)


@server.tool()
def start() -> str:
    """Begin anew."""
    if ends == "reset":
        end("no reset today")
    return ""


@server.tool()
def plain() -> CallToolResult:
    """All there is, as a text."""
    if ends == "state":
        end("no state today")
    return CallToolResult(content=[TextContent(type="text", text=json.dumps(seen))])


@server.tool()
def wrapped() -> str:
    """All there is, as a text that the server wraps."""
    return json.dumps(seen)


@server.tool()
def words() -> str:
    """What is no JSON."""
    return "seen: " + ", ".join(sorted(seen))


@server.tool(name="class")
def keyword() -> str:
    """A word of Python's."""
    seen["class"] = 1
    return "class"


@server.tool(name="_hidden")
def hidden() -> str:
    """A name as of an attribute."""
    seen["hidden"] = 1
    return "hidden"


@server.tool(name="_close")
def taken() -> str:
    """A name that worlds have."""
    return "closed"


@server.tool(name="3d-view")
def digit() -> str:
    """A name that no call has."""
    return "viewed"


@server.tool()
def crash() -> str:
    """End the server."""
    end("no tool today")
    return ""


if __name__ == "__main__":
    (Path(sys.argv[1]) / str(os.getpid())).touch()
    if ends == "start":
        end("no start today")
    server.run()
