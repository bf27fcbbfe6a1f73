"""Whether a text is a call as a whole, whatever the function's name: nothing but calls, or JSON.

Fences, tags, quotes and brackets may stand around it, as models put them there.
"""

from __future__ import annotations

import re
from collections.abc import Collection

DOTTED = r"[^\W\d]\w*(?:[.-]\w+)*"
_WRAPPED = " \t\r\n\xa0`'\"[(;,."
_TAGS = re.compile(r"</?(?:answer|response|output|code|tool_code)>", re.IGNORECASE)
_WORD = re.compile(r"(?:python|json|tool_code|call|action:)\s+(?=[\w{\[])", re.IGNORECASE)
_CALLEE = re.compile(rf"(?:await\s+|\w+\s*=\s*)?{DOTTED}(?:\(|\s+\((?=\s*[^\W\d]\w*\s*=(?!=)))")
# A quote that is never closed reaches to the end of its line, so that none is looked for twice.
_BRACKET = re.compile(r"[()]|'(?:[^'\\\n]|\\.)*'?|\"(?:[^\"\\\n]|\\.)*\"?")
_BETWEEN = re.compile(r"[\s,;\]\[]*(?:and\s+)?")
_LISTED = re.compile(rf"\[\s*{DOTTED}\((?=\s*[^\W\d]\w*\s*=(?!=))")
_KEYWORD = re.compile(r"\s*[^\W\d]\w*\s*=(?!=)")
NAME_KEY = r"\\?[\"'](?:name|function|api|tool|tool_name|recipient_name|action)\\?[\"']\s*:\s*"
_NAMED = re.compile(NAME_KEY)
_NAME_FIRST = re.compile(rf"\[?\s*\{{\s*{NAME_KEY}\\?[\"']([^\"'\\]*)")
_TYPED = re.compile(r"[\"']type[\"']\s*:\s*[\"'](?:function|tool_use|tool_call)[\"']")
ARGUMENTS_KEY = re.compile(
    r"\\?[\"'](?:arguments|parameters|args|kwargs|(?:tool_|action_)?input)\\?[\"']\s*:"
)


def unwrapped(text: str) -> str:
    """`text` without the tags, fences and words that models put around a call."""
    text = _TAGS.sub("", text).strip(" \t\r\n\xa0`")
    return _WORD.sub("", text, count=1) if _WORD.match(text) else text


def is_calls(text: str) -> bool:
    """Whether an unwrapped text is nothing but calls in Python's way, or the start of one.

    >>> is_calls("[f('x'), g(a=1)]"), is_calls('["f(1)"]'), is_calls("f(a=1, b='x")
    (True, True, True)
    >>> is_calls("[Smith (2020)]"), is_calls("f(x) is a function.")
    (False, False)
    """
    text = text.strip(_WRAPPED)
    callee, at = _CALLEE.match(text), 0
    if callee is None:
        return False
    while callee is not None:
        end = _closed(text, callee.end())
        if end is None:  # cut off: only what stands before can tell
            return at > 0 or _KEYWORD.match(text, callee.end()) is not None
        at = _skipped(text, end)
        callee = _CALLEE.match(text, at)
    return not text[at:].strip(_WRAPPED + "])}")


def holds_list(text: str) -> bool:
    """Whether a list of calls by keyword stands in a text: `Sure. [f(a=1)]`; the first decides."""
    listed = _LISTED.search(text)
    end = _closed(text, listed.end()) if listed else None
    return end is not None and text[end : end + 2].lstrip()[:1] in ("]", ",")


def is_json_call(text: str, names: Collection[str] | None) -> bool:
    """Whether an unwrapped text is JSON, or Python's spelling of it, with the keys of a call.

    Args:
        names: of the functions offered, which need no arguments; None where any name serves.
    """
    if text[:1] not in ("{", "[", '"') or text.rstrip(";.")[-1:] not in ("}", "]", '"'):
        return False
    if _NAMED.search(text) is None:
        return False
    if ARGUMENTS_KEY.search(text) or _TYPED.search(text):
        return True
    first = _NAME_FIRST.match(text)
    return first is not None and (names is None or first[1] in names)


def _closed(text: str, at: int) -> int | None:
    """The place behind the bracket that closes the one before `at`; quotes hide brackets."""
    depth = 1
    for bracket in _BRACKET.finditer(text, at):
        if bracket[0] == "(":
            depth += 1
        elif bracket[0] == ")":
            depth -= 1
            if not depth:
                return bracket.end()
    return None


def _skipped(text: str, at: int) -> int:
    between = _BETWEEN.match(text, at)
    return between.end() if between else at
