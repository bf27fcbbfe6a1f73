"""Whether a text that should hold no call holds one all the same, in whatever form.

A reader would not do: BFCL asks whether an answer decodes, so a call with a slip in its syntax
passes as no call. Here whatever looks like an attempt counts, found by searches of linear time.
"""

from __future__ import annotations

import re

_DOTTED = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_MARKERS = (
    "<tool_call",
    "</tool_call",
    "<|python_tag|>",
    "<|tool_call",
    "[tool_calls]",
    "<function=",
    "<functioncall",
    "<function_call",
    "<invoke",
    "<｜tool",
    "to=functions.",
    "action input:",
)
# `[f(`, and `f(a=` without brackets; the look-behind lets a search start only where a name does.
_LISTED = re.compile(rf"\[\s*{_DOTTED}\s*\(")
_BY_KEYWORD = re.compile(rf"(?<![\w.]){_DOTTED}\s*\(\s*[^\W\d]\w*\s*=(?!=)")
_BARE = re.compile(rf"{_DOTTED}\(")
_NAMED = r"\\?[\"'](?:name|function|api|tool|tool_name|action)\\?[\"']\s*:"
_NAME_KEY = re.compile(_NAMED)
_NAME_FIRST = re.compile(rf"\[?\s*\{{\s*{_NAMED}")
_ARGUMENTS_KEY = re.compile(
    r"\\?[\"'](?:arguments|parameters|args|kwargs|(?:tool_|action_)?input)\\?[\"']\s*:"
)
_ESCAPED = re.compile(r"\\u00([0-7][0-9a-fA-F])")


def contains_call(text: str) -> bool:
    """Whether `text` holds a call, or an attempt at one, in any form that we know.

    >>> contains_call("None of the functions can book a table.")
    False
    >>> contains_call("Sure: [book(table=4"), contains_call('{"name": "book", "arguments": {}}')
    (True, True)
    """
    lowered = text.lower()
    if any(marker in lowered for marker in _MARKERS):
        return True
    if "\\u00" in text:
        text = _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), text)
    if _LISTED.search(text) or _BY_KEYWORD.search(text) or _is_bare_call(text):
        return True
    return bool(_NAME_KEY.search(text) and _ARGUMENTS_KEY.search(text))


def _is_bare_call(text: str) -> bool:
    """`f('x')` or `{"name": "f"}`, perhaps fenced or quoted, and nothing else."""
    text = text.strip("` \t\r\n;.").removeprefix("python").removeprefix("json").lstrip()
    if text.endswith(")"):
        return _BARE.match(text) is not None
    return text.endswith(("}", "]")) and _NAME_FIRST.match(text) is not None
