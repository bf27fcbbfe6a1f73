"""OpenAI-compatible endpoints, and the one store of what they answered; judge and evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from egpo_verl.client.endpoint import Endpoint
from egpo_verl.client.reply import Reply
from egpo_verl.errors import UserError

if TYPE_CHECKING:
    from egpo_verl.client.client import Client


def open_client(endpoint: Endpoint, probed: Callable[[Reply], None] = lambda reply: None) -> Client:
    """A client of the endpoint; UserError where the libraries for it are not installed.

    Args:
        probed: as in `Client`.
    """
    try:
        from egpo_verl.client.client import Client
    except ImportError as error:
        raise UserError(
            f"an endpoint needs {error.name}; install it with `pip install 'egpo-verl[data]'`."
        ) from error
    return Client(endpoint, probed)
