"""Whether a text that should hold no call holds one all the same, in whatever form.

A reader would not do: BFCL asks whether an answer decodes, so a call with a slip in its syntax
passes as no call. Here an attempt counts, and the functions offered tell it from prose: a call of
one of them, anywhere but in code that explains; of another name, calls by keyword, with a text or
in a list that are the whole answer, or a list of calls by keyword. All searches take linear time.
"""

from __future__ import annotations

import re

from egpo_verl.calls.code_blocks import (
    imports,
    prose_and_blocks,
    without_comments,
    without_preparation,
)
from egpo_verl.calls.json_keys import ARGUMENTS_KEY, ENVELOPE, NAMED
from egpo_verl.calls.offered_names import calls_offered, is_element, is_offered
from egpo_verl.calls.tools import ToolSet
from egpo_verl.calls.values import nfc
from egpo_verl.calls.whole_answer import (
    DOTTED,
    calls_in,
    holds_list,
    is_json_call,
    is_no_formula,
    unwrapped,
    without_bullets,
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
_WIDE_CALL = re.compile(r"（(?=\s*(?:[^\W\d]\w*\s*[=＝]|[\"'“‘]))")
_NARROW = str.maketrans("）＝“”‘’", ")=\"\"''")
# Where no functions are known, any name is one: `[f(`, and `f(a=` without brackets.
_LISTED = re.compile(rf"\[\s*{DOTTED}\(")
_BY_KEYWORD = re.compile(rf"(?<![\w.-]){DOTTED}\(\s*[^\W\d]\w*\s*=(?!=)")


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
    if not any(sign in text for sign in "({<（"):
        return False
    text = _plain(text)
    if _is_call(text, tools):
        return True
    prose, blocks = prose_and_blocks(text)
    if not prose.strip():
        return _calls(text, tools)
    if ENVELOPE.search(prose) or _calls(prose, tools):
        return True
    return any(_is_attempt(block, tools) for block in blocks)


def _plain(text: str) -> str:
    """`text` without what hides a call: signs that are not seen, escapes, full-width brackets."""
    if not text.isascii():
        text = nfc(text).translate(_UNSEEN)
        if _WIDE_CALL.search(text):
            text = _WIDE_CALL.sub("(", text).translate(_NARROW)
    if "\\u00" in text:
        text = _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), text)
    return text


def _is_call(text: str, tools: ToolSet | None) -> bool:
    """Whether a whole answer is nothing but calls, of whatever name."""
    names = None if tools is None else tools.names
    for code in dict.fromkeys((text, without_comments(text))):
        whole = unwrapped(code)
        if is_json_call(whole, names):
            return True
        bare = without_preparation(without_bullets(whole))
        calls = calls_in(bare)
        if calls is None:
            continue
        if tools is None or is_no_formula(bare) or _any_offered(calls, tools):
            return True
    return False


def _any_offered(calls: list[tuple[str, str]], tools: ToolSet) -> bool:
    return any(is_offered(name, tools) for name in dict.fromkeys(name for name, _ in calls))


def _is_attempt(block: str, tools: ToolSet | None) -> bool:
    """Whether a code block beside some prose calls a function, and does nothing else."""
    names = None if tools is None else tools.names
    return any(
        _calls(code, tools)
        for code in dict.fromkeys((block, without_comments(block)))
        if is_json_call(unwrapped(code), names)
        or (tools is not None and is_element(code, tools))
        or _is_nothing_but_calls(code, tools)
    )


def _is_nothing_but_calls(code: str, tools: ToolSet | None) -> bool:
    """Whether code is calls, perhaps with values for them; behind an import only of our functions.

    What imports something and goes on with the result is a program that explains.
    """
    calls = calls_in(unwrapped(without_preparation(code)))
    if calls is None or tools is None or not imports(code):
        return calls is not None
    return all(calls_offered(call, tools) for _, call in calls)


def _calls(text: str, tools: ToolSet | None) -> bool:
    """Whether `text` calls a function somewhere: one of `tools`, or one of any name."""
    if tools is not None:
        return calls_offered(text, tools) or holds_list(text)
    if _LISTED.search(text) or _BY_KEYWORD.search(text):
        return True
    return bool(NAMED.search(text) and ARGUMENTS_KEY.search(text))
