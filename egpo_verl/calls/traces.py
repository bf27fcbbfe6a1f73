"""Whether a text that should hold no call holds one all the same, in whatever form.

A reader would not do: BFCL asks whether an answer decodes, so a call with a mistake in its syntax
passes as no call. Here an attempt counts, and the functions offered tell it from prose: a call of
one of them, anywhere but in code that explains; of another name, calls by keyword, with a text or
in a list that are the whole answer, or a list of calls by keyword. All searches take linear time.
"""

from __future__ import annotations

import re

from egpo_verl.calls.bounds import MAX_BLOCKS, MAX_CALLS
from egpo_verl.calls.code_blocks import (
    imports,
    prose_and_blocks,
    without_comments,
    without_preparation,
)
from egpo_verl.calls.json_keys import ARGUMENTS_KEY, ENVELOPE, NAMED
from egpo_verl.calls.offered_names import calls_offered, is_element, is_offered
from egpo_verl.calls.plain import plain
from egpo_verl.calls.records import is_record_call, record_at_the_end
from egpo_verl.calls.signatures import are_signatures, is_open
from egpo_verl.calls.tools import ToolSet
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
    if not any(sign in text for sign in ("(", "{", "<", "（", "```")):
        return tools is not None and is_record_call(unwrapped(text), tools)
    text = plain(text)
    whole = _is_whole(text, tools)
    if whole is not None:
        return whole
    prose, blocks = prose_and_blocks(text)
    if not prose.strip():
        return _calls(text, tools)
    if ("_call" in prose and ENVELOPE.search(prose)) or _calls(prose, tools):
        return True
    if len(blocks) > MAX_BLOCKS:
        return _calls("\n\n".join(blocks), tools)
    has_words = bool(blocks) or text[:1] not in ("{", "[")
    if tools is not None and has_words and is_record_call(record_at_the_end(prose), tools):
        return True
    if tools is not None and any(is_record_call(unwrapped(block), tools) for block in blocks):
        return True
    attempts = [code for block in dict.fromkeys(blocks) for code in _attempts(block, tools)]
    return bool(attempts) and _calls("\n\n".join(attempts), tools)


def _is_whole(text: str, tools: ToolSet | None) -> bool | None:
    """Whether an answer is a call as a whole, of whatever name; None where it is more than that."""
    names = None if tools is None else tools.names
    for code in dict.fromkeys((text, without_comments(text))):
        whole = unwrapped(code)
        if is_json_call(whole, names) or (tools is not None and is_record_call(whole, tools)):
            return True
        listed = without_bullets(whole)
        bare = without_preparation(listed)
        calls = calls_in(bare)
        if calls is None:
            continue
        if tools is None:
            return True
        if are_signatures(calls, tools, in_list=listed != whole):
            return False
        if not (calls and all(is_open(call) for _, call in calls)) and (
            is_no_formula(bare) or _any_offered(calls, tools)
        ):
            return True
    return None


def _any_offered(calls: list[tuple[str, str]], tools: ToolSet) -> bool:
    return any(is_offered(name, tools) for name in dict.fromkeys(name for name, _ in calls))


def _attempts(block: str, tools: ToolSet | None) -> list[str]:
    """A code block beside some prose, with and without comments, as far as it does but call."""
    names = None if tools is None else tools.names
    return [
        code
        for code in dict.fromkeys((block, without_comments(block)))
        if is_json_call(unwrapped(code), names)
        or (tools is not None and is_element(code, tools))
        or _is_nothing_but_calls(code, tools)
    ]


def _is_nothing_but_calls(code: str, tools: ToolSet | None) -> bool:
    """Whether code is calls, perhaps with values for them; behind an import only of our functions.

    What imports something and goes on with the result is a program that explains.
    """
    calls = calls_in(unwrapped(without_preparation(code)))
    if calls is None or tools is None or not imports(code):
        return calls is not None
    return len(calls) > MAX_CALLS or all(calls_offered(call, tools) for _, call in calls)


def _calls(text: str, tools: ToolSet | None) -> bool:
    """Whether `text` calls a function somewhere: one of `tools`, or one of any name."""
    if tools is not None:
        return calls_offered(text, tools) or holds_list(text)
    if _LISTED.search(text) or _BY_KEYWORD.search(text):
        return True
    return bool(NAMED.search(text) and ARGUMENTS_KEY.search(text))
