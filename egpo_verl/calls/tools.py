"""The functions offered to the model, and whether calls fit their signatures.

Schemas are checked by jsonschema-rs: compiled Rust that takes 4 us to compile a signature and
0.1 us to check a call, where fastjsonschema would run generated Python code of foreign schemas.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jsonschema_rs

from egpo_verl.calls.call import Call
from egpo_verl.calls.flat import flat_defaults, has_defaults_inside, is_flat
from egpo_verl.calls.reasons import Reason
from egpo_verl.calls.schemas import parameters_schema
from egpo_verl.calls.shapes import Inside, Shapes
from egpo_verl.calls.type_names import Schema
from egpo_verl.calls.values import SEQUENCES, TextForm, float_of, in_form, nfc

PARAMETER_KEYS = ("parameters", "arguments", "input_schema")


@dataclass(frozen=True)
class Signature:
    """One function.

    Attributes:
        schema: all its arguments as an object, JSON Schema draft 4.
        unchecked: parts of its specification that were not understood and check nothing.
    """

    schema: Schema
    unchecked: tuple[str, ...]

    @cached_property
    def validator(self) -> jsonschema_rs.Draft4Validator:
        """`schema`, compiled when it is first needed."""
        return jsonschema_rs.Draft4Validator(self.schema)

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """Argument -> its default, where the schema states one that fits."""
        defaults = flat_defaults(self.schema)
        return self._arguments.defaults if defaults is None else defaults

    def normal(self, name: str, value: Any, text_form: TextForm = nfc) -> Any:
        """The value of an argument in the form that is compared (see `shapes`)."""
        if isinstance(value, str):
            return text_form(value)
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, SEQUENCES) and set(map(type, value)) == {str}:
            return [text_form(text) for text in value]
        schema = self.schema.get("properties", {}).get(name)
        if type(value) is int and schema is not None and is_flat(schema):
            return float_of(value) if schema.get("type") == "number" else value
        return self._arguments.member(name).normal(value, text_form)

    @cached_property
    def with_defaults_inside(self) -> frozenset[str]:
        """Arguments in whose values objects may leave members out."""
        properties = self.schema.get("properties", {}).items()
        return frozenset(name for name, one in properties if has_defaults_inside(one, self.schema))

    @cached_property
    def _arguments(self) -> Inside:
        shapes = Shapes(self.schema)
        return shapes.inside(shapes.resolved([self.schema]))

    def check(self, arguments: Mapping[str, Any]) -> Reason | None:
        """The first reason why `arguments` do not fit, None where they do."""
        if self._fits(arguments):
            return None
        composed = {nfc(name): in_form(value, nfc) for name, value in arguments.items()}
        if len(composed) < len(arguments):
            return Reason.UNKNOWN_ARGUMENT
        if composed != arguments:
            return self.check(composed)
        if not arguments.keys() >= set(self.schema.get("required", ())):
            return Reason.MISSING_ARGUMENT
        closed = self.schema.get("additionalProperties") is False
        if closed and not arguments.keys() <= self.schema.get("properties", {}).keys():
            return Reason.UNKNOWN_ARGUMENT
        return Reason.WRONG_VALUE

    def _fits(self, arguments: Mapping[str, Any]) -> bool:
        try:
            return self.validator.is_valid(dict(arguments))
        except ValueError:  # text that is no Unicode: a lone surrogate
            return False


class ToolSet:
    """Functions by name, each compiled when it is first called."""

    def __init__(self, specifications: Mapping[str, Mapping[str, Any]]) -> None:
        """`specifications`: name -> `{"name", "parameters", ...}` in any dialect."""
        self._specifications = specifications
        self._signatures: dict[str, Signature] = {}

    @classmethod
    def from_json(cls, text: str) -> ToolSet:
        """From a JSON list of tools, each bare or as OpenAI's `{"type": "function", "function"}`.

        >>> tools = ToolSet.from_json(
        ...     '[{"name": "f", "parameters": {"a": {"type": "int, optional"}}}]')
        >>> tools.check([Call("f", {"a": 1}), Call("f")]) is None
        True
        >>> tools.check([Call("f", {"a": 1.5})]).words
        'a value does not fit its declared type'

        Raises:
            ValueError: no JSON, no list of objects, a tool without a name, or one name twice.
        """
        try:
            tools = json.loads(text)
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"the tools are no JSON text: {error}") from None
        if not isinstance(tools, list):
            raise ValueError(f"the tools must be a JSON list, not {type(tools).__name__}")
        specifications: dict[str, Mapping[str, Any]] = {}
        for tool in tools:
            specification = _inner(tool)
            name = specification.get("name")
            if not isinstance(name, str) or not name:
                raise ValueError(f"a tool has no name: {json.dumps(tool)[:80]}")
            name = nfc(name)
            if name in specifications:
                raise ValueError(f"two tools have the name {name!r}: drop or rename one")
            specifications[name] = specification
        return cls(specifications)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all functions, in the order offered."""
        return tuple(self._specifications)

    @property
    def unchecked(self) -> tuple[str, ...]:
        """What of the functions' types is not understood and so checks nothing, in words."""
        return tuple(
            f"{name}: {part}"
            for name in self._specifications
            for part in self._compiled(name, self._specifications[name]).unchecked
        )

    def specification(self, name: str) -> Mapping[str, Any] | None:
        """What is offered by that name, as its dataset writes it; None where nothing is."""
        return self._specifications.get(nfc(name))

    def signature(self, name: str) -> Signature | None:
        """The function of that name, None where it is not offered."""
        compiled = self._signatures.get(name)
        if compiled is not None:
            return compiled
        specification = self._specifications.get(nfc(name))
        return None if specification is None else self._compiled(nfc(name), specification)

    def check(self, calls: Sequence[Call]) -> Reason | None:
        """The first reason why `calls` do not fit the functions offered, None where they do."""
        for call in calls:
            signature = self.signature(call.name)
            problem = (
                Reason.UNKNOWN_FUNCTION if signature is None else signature.check(call.arguments)
            )
            if problem is not None:
                return problem
        return None

    def _compiled(self, name: str, specification: Mapping[str, Any]) -> Signature:
        signature = self._signatures.get(name)
        if signature is None:
            signature = self._signatures[name] = _signature(specification)
        return signature


def _inner(tool: Any) -> dict[str, Any]:
    inner = tool.get("function", tool) if isinstance(tool, dict) else None
    if isinstance(inner, str):  # BFCL's sibling sets write {"function": "name", ...}
        inner = {"name": inner, **tool}
    if not isinstance(inner, dict):
        raise ValueError(f"a tool must be a JSON object: {json.dumps(tool)[:80]}")
    return inner


def _signature(specification: Mapping[str, Any]) -> Signature:
    declared = (specification.get(key) for key in PARAMETER_KEYS)
    parameters = next((parameters for parameters in declared if parameters is not None), None)
    unchecked: list[str] = []
    schema = parameters_schema(parameters, specification.get("required"), unchecked.append)
    signature = Signature(schema, tuple(unchecked))
    try:
        _ = signature.validator  # compiled at once, for it may be that it cannot be
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        unchecked.append(f"all arguments, {error}")
        return Signature({"type": "object"}, tuple(unchecked))
    return signature
