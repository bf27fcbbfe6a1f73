"""How BFCL reads an answer, for references that say `"rules": "bfcl"`.

A row of a benchmark is there to be measured, so its accuracy should be the one that the official
scorer would give. That scorer is milder than our template: it takes whatever follows the thought,
forgives a fence and missing brackets, and asks of an irrelevance question only that the answer is
no list of calls, a broken one included.
"""

from __future__ import annotations

import ast
import warnings

from egpo_verl.calls.forms import Parsed, parse

_VALUES = (
    ast.Constant,
    ast.List,
    ast.Tuple,
    ast.Dict,
    ast.Name,
    ast.Call,
    ast.Subscript,
    ast.UnaryOp,
    ast.BinOp,
)
"""What its reader takes as a value of an argument; at any other it gives up."""
_MOST_CHARS = 4_000
"""Python 3.10's parser runs out of stack on longer texts that are made for it."""


def read_as_bfcl(response: str, form: str = "python") -> tuple[Parsed, str]:
    """The calls in a response, whatever its template, and the text that BFCL would parse.

    >>> read_as_bfcl("<think>Paris, then.</think>\\n```\\nweather(city='Paris')\\n```")[0].calls
    (Call(name='weather', arguments={'city': 'Paris'}),)

    Args:
        form: a name of `FORMS`; calls in another form than Python's are read as BFCL is given them.
    """
    _, closed, text = response.rpartition("</think>")
    if not closed:
        text = response.partition("<think>")[0]
    if form != "python" and (written := parse(text.strip(), form)).calls:
        return written, text
    text = text.strip("`\n ")
    opening = "" if text.startswith("[") else "["
    closing = "" if text.endswith("]") else "]"
    listed = f"{opening}{text}{closing}"
    return parse(listed), listed


def makes_a_call(parsed: Parsed, listed: str) -> bool:
    """Whether BFCL finds a call, of whatever function: what its (ir)relevance asks.

    Args:
        parsed, listed: what `read_as_bfcl` returns.
    """
    if parsed.calls is not None:
        return bool(parsed.calls)
    # What we refuse in a call (a position, a bare word, a sum) is a call to BFCL all the same.
    return len(listed) <= _MOST_CHARS and _is_list_of_calls(listed)


def _is_list_of_calls(text: str) -> bool:
    """Whether Python's grammar says so; nothing is evaluated."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    elements = getattr(body, "elts", [])
    return bool(elements) and all(
        isinstance(element, ast.Call)
        and all(isinstance(keyword.value, _VALUES) for keyword in element.keywords)
        for element in elements
    )
