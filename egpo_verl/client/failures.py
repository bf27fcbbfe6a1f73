"""What an endpoint's errors mean: for the next try, for the question, and for all others."""

from __future__ import annotations

import openai

from egpo_verl.client.endpoint import Endpoint
from egpo_verl.client.reply import SHOWN
from egpo_verl.errors import UserError

UNREACHABLE = ("ConnectError", "ConnectTimeout", "UnsupportedProtocol")
"""Names of httpx's errors; `openai` brings httpx, under a name that depends on its version."""
DENIED = (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError)
"""What every question would meet, unless others were answered."""


def passing(error: BaseException) -> bool:
    """Whether the failure may be over at the next try."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code in (408, 409, 429) or error.status_code >= 500
    return isinstance(error, openai.APIConnectionError)


def unreachable(error: BaseException) -> bool:
    """Whether no connection was made at all."""
    return type(error.__cause__).__name__ in UNREACHABLE


def retry_after(error: BaseException | None) -> float:
    """What the endpoint's `Retry-After` says; 0 where it says nothing."""
    after = ""
    if isinstance(error, openai.APIStatusError):
        after = error.response.headers.get("retry-after", "")
    return float(after) if after.replace(".", "", 1).isdecimal() else 0.0


def unfit(error: openai.OpenAIError, url: str, endpoint: Endpoint) -> UserError | None:
    """What is wrong with the command where the first question meets `error`."""
    reason = short(error, endpoint)
    if isinstance(error, DENIED[:2]):
        return UserError(
            f"{url} refuses the key ({reason}); name the variable that has it with --api_key_env."
        )
    if isinstance(error, openai.NotFoundError):
        return UserError(f"{url} does not serve {endpoint.model}: {reason}.")
    return None


def short(error: BaseException, endpoint: Endpoint) -> str:
    """The error as the end of a sentence, without the endpoint's key."""
    words = " ".join(str(error).split()) or type(error).__name__
    return endpoint.masked(words)[:SHOWN].rstrip(".")
