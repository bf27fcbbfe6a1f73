"""The functions offered to the model, and whether calls fit their signatures.

Schemas are checked by jsonschema-rs: compiled Rust that takes 4 us to compile a signature and
0.1 us to check a call, where fastjsonschema would run generated Python code of foreign schemas. A
signature of plain parameters needs neither (`egpo_verl.calls.plain`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jsonschema_rs

from egpo_verl.calls.call import Call
from egpo_verl.calls.plain import Plain, plain_parameters, plain_schema
from egpo_verl.calls.problem import Problem
from egpo_verl.calls.schemas import parameters_schema
from egpo_verl.calls.type_names import Schema
from egpo_verl.calls.values import nfc

PARAMETER_KEYS = ("parameters", "arguments", "input_schema")


@dataclass(frozen=True)
class Signature:
    """One function.

    Attributes:
        schema: all its arguments as an object, JSON Schema draft 4.
        unchecked: parts of its specification that were not understood and check nothing.
        plain: its parameters, where all of them are plain.
    """

    schema: Schema
    unchecked: tuple[str, ...]
    plain: Mapping[str, Plain] | None

    @cached_property
    def validator(self) -> jsonschema_rs.Draft4Validator:
        """`schema`, compiled when it is first needed."""
        return jsonschema_rs.Draft4Validator(self.schema)

    def check(self, arguments: Mapping[str, Any]) -> Problem | None:
        """The first reason why `arguments` do not fit, None where they do."""
        if self._fits(arguments):
            return None
        composed = {nfc(name): value for name, value in arguments.items()}
        if len(composed) < len(arguments):
            return Problem.UNKNOWN_ARGUMENT
        if composed.keys() != arguments.keys():
            return self.check(composed)
        if not arguments.keys() >= set(self.schema.get("required", ())):
            return Problem.MISSING_ARGUMENT
        closed = self.schema.get("additionalProperties") is False
        if closed and not arguments.keys() <= self.schema.get("properties", {}).keys():
            return Problem.UNKNOWN_ARGUMENT
        return Problem.WRONG_VALUE

    def _fits(self, arguments: Mapping[str, Any]) -> bool:
        if self.plain is not None:
            return self._fits_plainly(arguments, self.plain)
        try:
            return self.validator.is_valid(dict(arguments))
        except ValueError:  # text that is no Unicode: a lone surrogate
            return False

    def _fits_plainly(self, arguments: Mapping[str, Any], plain: Mapping[str, Plain]) -> bool:
        for name, value in arguments.items():
            parameter = plain.get(name)
            if parameter is None or not parameter.takes(value):
                return False
        return all(name in arguments for name in self.schema.get("required", ()))


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
        >>> tools.check([Call("f", {"a": 1.5})]).value
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

    def check(self, calls: Sequence[Call]) -> Problem | None:
        """The first reason why `calls` do not fit the functions offered, None where they do."""
        for call in calls:
            signature = self.signature(call.name)
            problem = (
                Problem.UNKNOWN_FUNCTION if signature is None else signature.check(call.arguments)
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
    given = (specification.get(key) for key in PARAMETER_KEYS)
    parameters = next((parameters for parameters in given if parameters is not None), None)
    required = specification.get("required")
    plain = None if isinstance(required, list) else plain_schema(parameters)
    if plain is not None:
        return Signature(plain[0], (), plain[1])
    unchecked: list[str] = []
    schema = parameters_schema(parameters, required, unchecked.append)
    signature = Signature(schema, tuple(unchecked), plain_parameters(schema))
    if signature.plain is None:
        try:
            _ = signature.validator  # compiled at once, for it may be that it cannot be
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            unchecked.append(f"all arguments, {error}")
            return Signature({"type": "object"}, tuple(unchecked), None)
    return signature
