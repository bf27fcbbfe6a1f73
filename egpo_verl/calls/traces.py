"""Whether a text that should hold no call holds one all the same, in whatever form.

A reader would not do: BFCL asks whether an answer decodes, so a call with a slip in its syntax
passes as no call. Here an attempt counts, and the functions offered tell it from prose: a call of
one of them, anywhere but in code that explains; of another name, a call that is the whole answer
or a list of calls by keyword. All searches take linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from egpo_verl.calls.offered_names import calls_offered
from egpo_verl.calls.tools import ToolSet
from egpo_verl.calls.values import nfc
from egpo_verl.calls.whole_answer import (
    ARGUMENTS_KEY,
    DOTTED,
    NAME_KEY,
    holds_list,
    is_calls,
    is_json_call,
    unwrapped,
)

_MARKERS = (
    "<tool_call",
    "</tool_call",
    "<|python_tag|>",
    "<|tool_call",
    "[tool_calls]",
    "<function=",
    "<functioncall",
    "<function_call",
    "<start_function_call",
    "<invoke",
    "<｜tool",
    "to=functions.",
    "action input:",
    "```tool_c",
    "```tool_use",
    "```function_call",
)
"""They open a call in some model's template, and nobody writes them in prose."""

_UNSEEN = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"))
_ESCAPED = re.compile(r"\\u00([0-7][0-9a-fA-F])")
_FENCE = "```"
_LANGUAGE = re.compile(r"[\w+-]*[ \t]*\n")
# Where no functions are known, any name is one: `[f(`, and `f(a=` without brackets.
_LISTED = re.compile(rf"\[\s*{DOTTED}\(")
_BY_KEYWORD = re.compile(rf"(?<![\w.-]){DOTTED}\(\s*[^\W\d]\w*\s*=(?!=)")
_NAME_KEY = re.compile(NAME_KEY)


def contains_call(text: str, tools: ToolSet | None = None) -> bool:
    """Whether `text` holds a call, or an attempt at one, in any form that we know.

    >>> tools = ToolSet({"book": {"name": "book"}})
    >>> contains_call("I'll call book('a table').", tools)
    True
    >>> contains_call("Ohm's law (V = IR) is not covered; book needs a name.", tools)
    False

    Args:
        tools: the functions offered; without them every name counts as one of theirs.
    """
    lowered = text.lower()
    if any(marker in lowered for marker in _MARKERS):
        return True
    if "(" not in text and "{" not in text and "<" not in text:
        return False
    if not text.isascii():
        text = nfc(text).translate(_UNSEEN)
    if "\\u00" in text:
        text = _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), text)
    if _is_call(text, tools):
        return True
    return any(_calls(part, tools) for part in _parts(text, tools))


def _is_call(text: str, tools: ToolSet | None) -> bool:
    whole = unwrapped(text)
    return is_calls(whole) or is_json_call(whole, None if tools is None else tools.names)


def _parts(text: str, tools: ToolSet | None) -> Iterator[str]:
    """The text without its code blocks, and each of these that is a call as a whole."""
    pieces = text.split(_FENCE)
    prose = " ".join(pieces[::2])
    if not prose.strip():
        yield text
        return
    yield prose
    for block in pieces[1::2]:
        language = _LANGUAGE.match(block)
        body = block[language.end() :] if language else block
        if _is_call(body, tools):
            yield body


def _calls(text: str, tools: ToolSet | None) -> bool:
    """Whether `text` calls a function somewhere: one of `tools`, or one of any name."""
    if tools is not None:
        return calls_offered(text, tools) or holds_list(text)
    if _LISTED.search(text) or _BY_KEYWORD.search(text):
        return True
    return bool(_NAME_KEY.search(text) and ARGUMENTS_KEY.search(text))
