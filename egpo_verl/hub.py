"""The Hugging Face hub: where it is, whether anybody answers there, and models by their name.

Its library tries for most of a minute, and tells of each try, before it gives up.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

from egpo_verl.errors import UserError

HUB = "https://huggingface.co"
PATIENCE = 5
"""Seconds to wait for the hub's first answer."""
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
"""Variables that keep the hub's library to its cache on this machine."""
YES = ("1", "on", "yes", "true")
T = TypeVar("T")


def address() -> str:
    """Of the hub, or of the mirror that `HF_ENDPOINT` names."""
    return os.environ.get("HF_ENDPOINT", HUB).rstrip("/")


def must_answer(cure: str) -> None:
    """Raise `UserError` where nobody answers at the hub's address; `cure` ends the sentence."""
    if reason := _silence():
        raise UserError(f"{_silent(reason)}; {cure}, or name a mirror in HF_ENDPOINT.")


def load(loader: Callable[..., T], name: str) -> T:
    """What a `from_pretrained` makes of a folder or a name, without the hub where it is silent.

    Raises:
        UserError: the hub is silent, and its cache on this machine does not have the model.
        Exception: whatever `loader` raises.
    """
    reason = "" if Path(name).exists() else _silence()
    if not reason:
        return loader(name)
    try:
        return loader(name, local_files_only=True)
    except OSError as error:
        raise UserError(
            f"{name} is no folder, was never downloaded to this machine, and {_silent(reason)}; "
            "give a downloaded model's folder, or name a mirror in HF_ENDPOINT."
        ) from error


def _silent(reason: str) -> str:
    return f"the hub does not answer at {address()} ({reason})"


def _silence() -> str:
    """Why nobody answers; empty where somebody does, or where the library will not ask."""
    offline = any(os.environ.get(name, "").lower() in YES for name in OFFLINE)
    return "" if offline else _silence_at(address())


@cache
def _silence_at(url: str) -> str:
    """Why nobody answers at the URL; empty where somebody does, whatever the answer."""
    # Every process of a job would take their time, and few jobs need the hub.
    import ssl
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    try:
        urlopen(Request(url, method="HEAD"), timeout=PATIENCE).close()
    except HTTPError:
        return ""
    except OSError as error:
        reason = error.reason if isinstance(error, URLError) else error
        # Somebody does; which certificates to trust is the library's to say.
        return "" if isinstance(reason, ssl.SSLCertVerificationError) else str(reason)
    return ""
