"""Every form in which models write calls: its name, its reader, its writer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from egpo_verl.calls.bounds import MAX_CHARS, MAX_MARKS, has_too_many_marks
from egpo_verl.calls.call import Call
from egpo_verl.calls.json_forms import (
    read_hermes,
    read_json,
    read_llama,
    write_hermes,
    write_json,
    write_llama,
)
from egpo_verl.calls.python_form import (
    is_plain,
    read_answer_tag,
    read_python,
    write_answer_tag,
    write_python,
)
from egpo_verl.calls.reasons import Reason, Unreadable


class Parsed(NamedTuple):
    """What a text says: its calls (perhaps none), or the first reason why it is no list of calls.

    Attributes:
        calls: the calls in the order written, None where the text cannot be read.
        reason: None where it could be read.
    """

    calls: tuple[Call, ...] | None
    reason: Reason | None


@dataclass(frozen=True)
class _Form:
    read: Callable[[str], tuple[Call, ...]]
    write: Callable[[Sequence[Call]], str]
    is_plain: Callable[[Sequence[Call]], bool] = lambda calls: False


_FORMS = {
    "python": _Form(read_python, write_python, is_plain),
    "answer_tag": _Form(read_answer_tag, write_answer_tag, is_plain),
    "hermes": _Form(read_hermes, write_hermes),
    "llama": _Form(read_llama, write_llama),
    "json": _Form(read_json, write_json),
}
FORMS = tuple(_FORMS)
"""Names of the forms."""


def parse(text: str, form: str = "python") -> Parsed:
    """The calls that `text` (an answer without its thought) holds, and nothing beside them.

    Total for every `str`, linear in time, bounded as `egpo_verl.calls.bounds` says; it evaluates
    nothing. An empty list is a list of no calls: `Parsed((), None)`.

    >>> parse("[weather(city='Paris', days=3)]").calls
    (Call(name='weather', arguments={'city': 'Paris', 'days': 3}),)
    >>> parse("[weather('Paris')]").reason.words
    'an argument is passed by position or by unpacking'

    Raises:
        ValueError: `form` is none of `FORMS`.
    """
    reader = _form(form).read
    if len(text) > MAX_CHARS:
        return Parsed(None, Reason.TOO_LONG)
    if has_too_many_marks(text):
        return Parsed(None, Reason.TOO_MANY)
    try:
        return Parsed(reader(text), None)
    except Unreadable as unreadable:
        return Parsed(None, unreadable.reason)


def render(calls: Sequence[Call], form: str = "python") -> str:
    """`calls` written in `form`; `parse` reads the same calls back.

    >>> render([Call("weather", {"city": "Paris"}), Call("now")])
    "[weather(city='Paris'), now()]"

    Raises:
        ValueError: `form` is none of `FORMS`, or cannot carry these calls (a name that Python
            cannot spell, a value that JSON cannot say, more than the bounds allow).
    """
    text = _form(form).write(calls)
    if len(text) <= MAX_MARKS and _form(form).is_plain(calls):
        return text  # reading back costs several times as much as writing
    back = parse(text, form)
    if back.calls != tuple(calls):
        why = back.reason.words if back.reason else "its values change on the way"
        raise ValueError(f"the form {form!r} cannot carry {text[:200]!r}: {why}")
    return text


def _form(name: str) -> _Form:
    if name not in _FORMS:
        raise ValueError(f"unknown form of calls {name!r}, use one of {', '.join(FORMS)}")
    return _FORMS[name]
