"""A small MCP server that tests play in; it writes its process id into the folder it is told."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("shop", log_level="ERROR")
world: dict[str, Any] = {}


@server.tool()
def start(stock: dict[str, int]) -> str:
    """Begin anew."""
    world.update(stock=stock, cart={})
    return f" We have {', '.join(stock)}."


@server.tool()
def dump() -> dict[str, Any]:
    """All there is."""
    return world


@server.tool()
def add(item: str, count: int = 1) -> dict[str, int]:
    """Put a product into the cart."""
    if item not in world["stock"]:
        raise ToolError(f"there is no {item}")
    world["stock"][item] -= count
    world["cart"][item] = world["cart"].get(item, 0) + count
    return world["cart"]


@server.tool(name="look-up")
def look_up(item: str) -> str:
    """How many are left."""
    return f"{world['stock'].get(item, 0)} left"


@server.tool()
def secret() -> str:
    """What the server is told of the trainer's environment."""
    return os.environ.get("WANDB_API_KEY", "nothing")


@server.tool()
def nap(seconds: float) -> str:
    """Sleep, deaf to all."""
    time.sleep(seconds)
    return "slept"


if __name__ == "__main__":
    (Path(sys.argv[1]) / str(os.getpid())).touch()
    server.run()
