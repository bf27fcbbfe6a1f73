"""A call expected, and the form in which it and the calls of a response are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from egpo_verl.calls.call import Call
from egpo_verl.calls.tools import Signature
from egpo_verl.calls.values import TextForm, in_form, nfc


class ExpectedCall(NamedTuple):
    """One call expected.

    Attributes:
        arguments: parameter -> the values that serve.
        optional: parameters that may be left out.
        signature: of its function, where it is known; it says which values mean the same.
    """

    name: str
    arguments: Mapping[str, Sequence[Any]]
    optional: frozenset[str]
    signature: Signature | None = None

    def normal(self, text_form: TextForm) -> ExpectedCall:
        """In the form that is compared."""
        signature = self.signature
        arguments = {
            name: [
                signature.normal(name, value, text_form) if signature else in_form(value, text_form)
                for value in values
            ]
            for name, values in self.arguments.items()
        }
        return self._replace(arguments=arguments)

    def normal_call(self, call: Call, text_form: TextForm) -> Call | None:
        """A call of this function in the form that is compared, itself where that changes nothing.

        None where it spells one argument in two ways, which is no spelling of it.
        """
        if text_form is nfc and call.name == self.name and self._is_normal(call.arguments):
            return call
        arguments = {nfc(name): value for name, value in call.arguments.items()}
        if len(arguments) < len(call.arguments):
            return None
        for name, value in arguments.items():
            # A whole number serves for a float as it is, so only defaults need the schema.
            if self.signature and name in self.signature.with_defaults_inside:
                arguments[name] = self.signature.normal(name, value, text_form)
            else:
                arguments[name] = in_form(value, text_form)
        return Call(self.name, arguments)

    def _is_normal(self, arguments: Mapping[str, Any]) -> bool:
        """Whether all is ASCII and nothing nested, as most arguments are."""
        for name, value in arguments.items():
            if isinstance(value, list | tuple | dict) or not name.isascii():
                return False
            if isinstance(value, str) and not value.isascii():
                return False
        return True
