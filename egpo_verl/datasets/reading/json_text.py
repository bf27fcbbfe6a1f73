"""JSON texts as they are written into rows, and lists of functions read from them."""

from __future__ import annotations

import json
import re
from typing import Any

from egpo_verl.datasets.unusable import Unusable

HEAD = 96
"""Characters by which a function that was read before is looked up."""
MOST = 1 << 13
"""Functions that are remembered, some 20 MB of them; xLAM has 3,673."""
SAME_HEAD = 8
"""Functions with one head that are remembered, so that a look-up stays short."""

_START = re.compile(r"[ \t\r\n]*\[[ \t\r\n]*")
_NEXT = re.compile(r"[ \t\r\n]*([,\]])[ \t\r\n]*")
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_decode = json.JSONDecoder().raw_decode


def json_text(value: Any) -> str:
    """`value` as JSON on one line; `Unusable` where JSON or UTF-8 cannot say it."""
    try:
        text = _encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise Unusable("bad_calls", f"not JSON: {error}") from error
    must_be_unicode(text)
    return text


def must_be_unicode(text: str) -> None:
    """Raises `Unusable` for a text with half a character, which parquet cannot hold."""
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Unusable("bad_text", str(error)) from error


class FunctionLists:
    """Reads JSON lists of functions; one that was read before is not read again.

    Datasets offer the same few thousand functions in every row, and reading them is most of the
    work. An object's text ends with its closing brace, so a text that goes on with the whole
    text of a known object has that object there. The objects are shared: do not change them.
    """

    def __init__(self) -> None:
        self._known: dict[str, list[tuple[str, Any]]] = {}
        self._count = 0

    def read(self, text: str) -> Any:
        """What `json.loads` gives, but for the words of a ValueError."""
        start = _START.match(text)
        if start is None:
            return json.loads(text)
        at = start.end()
        if text.startswith("]", at) and not text[at + 1 :].strip(" \t\r\n"):
            return []
        items = []
        while True:
            item, end = self._item(text, at)
            items.append(item)
            if text.startswith(", {", end):  # as `json.dumps` writes lists
                at = end + 2
                continue
            after = _NEXT.match(text, end)
            if after is None:
                raise ValueError(f"no end of the list at {end}")
            at = after.end()
            if after[1] == "]":
                if at < len(text):
                    raise ValueError(f"something after the list at {at}")
                return items

    def _item(self, text: str, at: int) -> tuple[Any, int]:
        head = text[at : at + HEAD]
        same = self._known.get(head, ())
        for known, item in same:
            if text.startswith(known, at):
                return item, at + len(known)
        item, end = _decode(text, at)
        if isinstance(item, dict) and len(same) < SAME_HEAD:
            if self._count >= MOST:
                self._known, self._count = {}, 0
            self._known.setdefault(head, []).append((text[at:end], item))
            self._count += 1
        return item, end


read_functions = FunctionLists().read
"""One memory for the process."""
