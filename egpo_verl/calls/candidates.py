"""Which of the expected calls a call serves, found without comparing each with each."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from egpo_verl.calls.call import Call
from egpo_verl.calls.expected import ExpectedCall
from egpo_verl.calls.values import TextForm, equal, nearest_float, nfc


class Candidates:
    """Expected calls in the form that is compared, by their values."""

    def __init__(self, expected: Sequence[ExpectedCall], text_form: TextForm) -> None:
        self._form = text_form
        self._functions = {call.name: call for call in expected}
        self._expected = [call.normal(text_form) for call in expected]

    def normal(self, call: Call) -> Call | None:
        """A call in the form that is compared, None where it can serve for none."""
        function = self._functions.get(call.name) or self._functions.get(nfc(call.name))
        return function and function.normal_call(call, self._form)

    def serve_in_order(self, calls: Sequence[Call | None]) -> bool:
        """Whether each of `calls` serves as the expected call at its place.

        Of calls that are not in normal form, some that serve are not seen to.
        """
        return all(map(_serves, calls, self._expected))

    def places(self, call: Call | None) -> Iterator[int]:
        """The places of the expected calls that a call in normal form serves as.

        Takes time linear in the call: each argument's value is looked up once for all of them.
        """
        if call is None:
            return
        serving = self._calls_of[call.name]
        for name, value in call.arguments.items():
            serving &= self._places_of(name, value)
            if not serving:
                return
        names = call.arguments.keys()
        while serving:
            place = serving.bit_length() - 1
            serving ^= 1 << place
            if self._required[place] <= names:
                yield place

    def _places_of(self, name: str, value: Any) -> int:
        """A bit for each expected call of which an argument may have this value."""
        places = 0
        for alternative, bits in self._by_value.get(name, {}).get(_key(value), ()):
            if equal(value, alternative):
                places |= bits
        return places

    @cached_property
    def _calls_of(self) -> Mapping[str, int]:
        """Function -> a bit for each expected call of it."""
        bits: dict[str, int] = {}
        for place, call in enumerate(self._expected):
            bits[call.name] = bits.get(call.name, 0) | 1 << place
        return bits

    @cached_property
    def _required(self) -> Sequence[frozenset[str]]:
        return [frozenset(call.arguments) - call.optional for call in self._expected]

    @cached_property
    def _by_value(self) -> Mapping[str, Mapping[Hashable, list[tuple[Any, int]]]]:
        """Argument -> key of a value -> values of that key, with a bit for each expected call."""
        by_value: dict[str, dict[Hashable, list[tuple[Any, int]]]] = {}
        for place, call in enumerate(self._expected):
            for name, alternatives in call.arguments.items():
                for value in alternatives:
                    alike = by_value.setdefault(name, {}).setdefault(_key(value), [])
                    _add(alike, value, 1 << place)
        return by_value


def _add(alike: list[tuple[Any, int]], value: Any, bit: int) -> None:
    for at, (other, bits) in enumerate(alike):
        if equal(value, other) and equal(other, value):
            alike[at] = (other, bits | bit)
            return
    alike.append((value, bit))


def _key(value: Any) -> Hashable:
    """Values that serve for one another have one key; those of one key may still differ."""
    if isinstance(value, int | float):
        return nearest_float(value)
    if isinstance(value, list | tuple):
        return tuple(map(_key, value))
    if isinstance(value, Mapping):
        return frozenset((name, _key(inner)) for name, inner in value.items())
    key: Hashable = value
    return key


def _serves(call: Call | None, expected: ExpectedCall) -> bool:
    if call is None or call.name != expected.name:
        return False
    if not call.arguments.keys() <= expected.arguments.keys():
        return False
    for name, alternatives in expected.arguments.items():
        if name not in call.arguments:
            if name not in expected.optional:
                return False
            continue
        value = call.arguments[name]
        if isinstance(value, str) and value in alternatives:
            continue
        for alternative in alternatives:
            if equal(value, alternative):
                break
        else:
            return False
    return True
