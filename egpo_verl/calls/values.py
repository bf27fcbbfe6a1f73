"""When two argument values are the same."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from unicodedata import combining, normalize

from egpo_verl.calls.bounds import MAX_DEPTH
from egpo_verl.calls.reasons import Reason, Unreadable

TextForm = Callable[[str], str]
NUMBERS = (int, float)
SEQUENCES = (list, tuple)
CONTAINERS = (list, tuple, dict)

_LONG = 31
_LONG_RUN = re.compile(rb"[^\0]{%d}" % _LONG)
_BFCL_IGNORED = re.compile(r"[ \,\.\/\-\_\*\^]")
_EXACT = 2**53
"""Up to here every whole number is a float."""
_LARGEST_EXPONENT = 1024


def equal(value: Any, expected: Any) -> bool:
    """Whether `value` serves where `expected` is expected, both with their texts in one form.

    A whole number serves for a float of the same value, a float never for a whole number, and a
    boolean is no number. Lists are ordered, tuples are lists, the order of a dict is free.
    """
    if isinstance(expected, str):
        return isinstance(value, str) and value == expected
    if expected is None or isinstance(expected, bool):
        return value is expected
    if isinstance(expected, int):
        if type(value) is float and isinstance(expected, BigWhole):
            return value == nearest_float(expected)
        return type(value) is int and value == int(expected)
    if isinstance(expected, float):
        if type(value) is float:
            return value == expected
        return type(value) is int and (value == expected or value == _in_digits(expected))
    if value is expected:
        return True
    if isinstance(expected, SEQUENCES):
        return (
            isinstance(value, SEQUENCES)
            and len(value) == len(expected)
            and all(map(equal, value, expected))
        )
    if isinstance(expected, Mapping) and isinstance(value, Mapping) and len(value) == len(expected):
        return all(key in value and equal(value[key], inner) for key, inner in expected.items())
    return False


class BigWhole(int):
    """A whole number where a float is declared, beyond those that every float can hold.

    Written as a whole number it must be the same to the last digit, since it may be an identifier;
    written as a float it is the nearest one.
    """


def float_of(whole: int) -> float | int:
    """What a whole number means where a float is declared."""
    return float(whole) if abs(whole) <= _EXACT else BigWhole(whole)


def _in_digits(number: float) -> Decimal:
    """As Python writes it: the digits of 1e23 are those of 10**23, which no float is."""
    return Decimal(repr(number))


def nearest_float(number: float) -> float:
    """The float nearest to a number, infinite for whole numbers beyond the largest."""
    if isinstance(number, int) and number.bit_length() >= _LARGEST_EXPONENT:
        return math.inf
    return float(number)


def in_wholes(value: Any) -> Any:
    """`value` with every float in it that is whole as a whole number."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, SEQUENCES):
        return [in_wholes(inner) for inner in value]
    if isinstance(value, Mapping):
        return {key: in_wholes(inner) for key, inner in value.items()}
    return value


def in_form(value: Any, text_form: TextForm) -> Any:
    """`value` with every text in it in a form, and the keys of its objects composed."""
    if isinstance(value, str):
        return text_form(value)
    if isinstance(value, SEQUENCES):
        return [in_form(inner, text_form) for inner in value]
    if isinstance(value, Mapping):
        # BFCL's decoder reads keys of any type.
        members = {
            nfc(key) if isinstance(key, str) else key: in_form(inner, text_form)
            for key, inner in value.items()
        }
        # Two spellings of one key are no spelling of it.
        return members if len(members) == len(value) else dict(value)
    return value


def nfc(text: str) -> str:
    """`text` with composed characters.

    Normalising takes time quadratic in a run of combining marks, so a text with a longer run than
    Unicode's stream-safe format has (30) is left as it is.
    """
    if text.isascii():
        return text
    if len(text) >= _LONG and _LONG_RUN.search(bytes(map(combining, text))):
        return text
    return normalize("NFC", text)


def bfcl_form(text: str) -> str:
    """BFCL's tolerant form: without case, blanks and `,./-_*^`, and with one kind of quote."""
    return _BFCL_IGNORED.sub("", nfc(text)).lower().replace("'", '"')


TEXT_FORMS: Mapping[str, TextForm] = {"exact": nfc, "bfcl": bfcl_form}
"""How texts are compared: texts of one form are the same."""


def check_json(value: Any, levels: int = MAX_DEPTH) -> None:
    """Raise `Unreadable` where `value` is not finite or has more than `levels` levels."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Unreadable(Reason.BAD_NUMBER)
    elif isinstance(value, list | dict):
        if levels == 0:
            raise Unreadable(Reason.TOO_DEEP)
        for inner in value.values() if isinstance(value, dict) else value:
            check_json(inner, levels - 1)
