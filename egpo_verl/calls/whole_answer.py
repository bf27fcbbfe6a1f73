"""Whether a text is a call as a whole, whatever the function's name: nothing but calls, or JSON.

Fences, tags, quotes and brackets may stand around it, as models put them there.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from egpo_verl.calls.bounds import MAX_MENTIONS
from egpo_verl.calls.json_keys import ARGUMENTS_KEY, ENVELOPE, NAME_KEY, NAMED, TYPED

DOTTED = r"[^\W\d]\w*(?:[.-]\w+)*"
_WRAPPED = " \t\r\n\xa0*`'\"[(;,."
_TAGS = re.compile(r"</?(?:answer|response|output|code|tool_code)>", re.IGNORECASE)
_WORD = re.compile(
    r"(?:python|json|ya?ml|ts|typescript|tool_code|call|action:)\s+(?=[\w{\[])", re.IGNORECASE
)
_CALLEE = re.compile(rf"(?:await\s+|\w+\s*=\s*)?({DOTTED})(?:\(|\s+\((?=\s*[^\W\d]\w*\s*=(?!=)))")
# A quote that is never closed reaches to the end of its line, so that none is looked for twice.
_BRACKET = re.compile(r"[()]|'(?:[^'\\\n]|\\.)*'?|\"(?:[^\"\\\n]|\\.)*\"?")
_FLAT = re.compile(r"[^()'\"]*\)")
_BETWEEN = re.compile(r"[\s,;\]\[]*(?:and\s+)?")
_LISTED = re.compile(rf"\[\s*{DOTTED}\((?=\s*[^\W\d]\w*\s*=(?!=))")
_KEYWORD = re.compile(r"\s*[^\W\d]\w*\s*=(?!=)")
_NAME_FIRST = re.compile(rf"\[?\s*\{{\s*{NAME_KEY}\\?[\"']([^\"'\\]*)")
_BULLET = re.compile(r"^[ \t]*(?:[-*+•]|\d+[.)])[ \t]+", re.MULTILINE)
_IN_LIST = re.compile(r"[\s`'\"(;,.]*\[")
_PASSED = re.compile(r"[(,]\s*(?:[^\W\d]\w*\s*=(?!=)|\{?\s*[\"'])")


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
    return calls_in(text) is not None


def calls_in(text: str) -> list[tuple[str, str]] | None:
    """The calls of an unwrapped text that is nothing but calls, each behind its name, or None.

    >>> calls_in("x = f('x'); g(a=1)")
    [('f', "x = f('x')"), ('g', 'g(a=1)')]
    """
    text = text.strip(_WRAPPED)
    calls: list[tuple[str, str]] = []
    callee, at = _CALLEE.match(text), 0
    if callee is None:
        return None
    while callee is not None:
        end = _closed(text, callee.end())
        if end is None:  # cut off: only what stands before can tell
            return calls if at > 0 or _KEYWORD.match(text, callee.end()) else None
        calls.append((callee[1], text[callee.start() : end]))
        if len(calls) > MAX_MENTIONS:
            return calls
        at = _skipped(text, end)
        callee = _CALLEE.match(text, at)
    return None if text[at:].strip(_WRAPPED + "])}") else calls


def is_no_formula(text: str) -> bool:
    """Whether calls stand in a list, or pass an argument by keyword or a text.

    Formulas, citations and plain code look like calls too, and do neither.

    >>> is_no_formula("[f(1)]"), is_no_formula("f(a=1)"), is_no_formula("f('x')")
    (True, True, True)
    >>> is_no_formula("O(n)"), is_no_formula("Psalm(23)"), is_no_formula("print()")
    (False, False, False)
    """
    return bool(_IN_LIST.match(text) or _PASSED.search(text.strip(_WRAPPED)))


def without_bullets(text: str) -> str:
    """`text` without the marks of lists, `- ` and `1. `, at the start of its lines."""
    return _BULLET.sub("", text)


def holds_list(text: str) -> bool:
    """Whether a list of calls by keyword stands in a text: `Sure. [f(a=1)]`; the first decides."""
    listed = _LISTED.search(text)
    end = _closed(text, listed.end()) if listed else None
    return end is not None and text[end : end + 2].lstrip()[:1] in ("]", ",")


def is_json_call(text: str, names: Collection[str] | None) -> bool:
    """Whether an unwrapped text is JSON, or Python's spelling of it, with the keys of a call.

    Args:
        names: of the functions offered, which need no arguments; None where any name serves, if
            nothing else stands beside it.
    """
    if text[:1] not in ("{", "[", '"') or text.rstrip(";.")[-1:] not in ("}", "]", '"'):
        return False
    if ENVELOPE.search(text):
        return True
    if NAMED.search(text) is None:
        return False
    if ARGUMENTS_KEY.search(text) or TYPED.search(text):
        return True
    first = _NAME_FIRST.match(text)
    if first is None:
        return False
    return first[1] in names if names is not None else not text[first.end() :].strip("\\\"' \n}];.")


def _closed(text: str, at: int) -> int | None:
    """The place behind the bracket that closes the one before `at`; quotes hide brackets."""
    flat = _FLAT.match(text, at)
    if flat:
        return flat.end()
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
