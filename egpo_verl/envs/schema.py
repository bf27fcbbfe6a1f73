"""A tool's schema from its signature and docstring, as `transformers.utils.get_json_schema` has it.

It is written anew because that one imports torch, and this is read wherever data is made.
"""

from __future__ import annotations

import inspect
import json
import re
import types
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from egpo_verl.errors import UserError

Schema = dict[str, Any]

_PLAIN: Mapping[Any, Schema] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    list: {"type": "array"},
    tuple: {"type": "array"},
    dict: {"type": "object"},
    Any: {},
}
_SECTION = re.compile(
    r"^(Args|Arguments|Returns|Raises|Yields|Examples?|Notes?):\s*$", re.MULTILINE
)
_ARGUMENT = re.compile(r"^(\w+)(?:\s*\([^)]*\))?:\s*(.*)$")
_CHOICES = re.compile(r"\(choices:\s*(.*?)\)\s*$", re.IGNORECASE)


def schema_of(method: Callable[..., Any], label: str) -> Schema:
    """`{"name", "description", "parameters"}` of a method, `self` left out where it has one.

    Descriptions are those of a Google-style docstring, as far as there are any.

    Args:
        method: a function of a class, in its `staticmethod` where it is one; a class method.
        label: how messages name the method: `Shop.add`.

    Raises:
        UserError: a parameter that a call by keyword in JSON cannot pass.
    """
    has_self = not isinstance(method, staticmethod) and not inspect.ismethod(method)
    parameters = list(inspect.signature(method).parameters.values())[has_self:]
    hints = _hints(method, label)
    description, documented = _docstring(inspect.getdoc(method) or "")
    properties: dict[str, Schema] = {}
    for parameter in parameters:
        name = parameter.name
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise UserError(f"{label}: tools are called by keyword, so {parameter} cannot be one.")
        if name not in hints:
            raise UserError(f"{label}: the parameter {name} needs a type hint, like {name}: str.")
        properties[name] = _of_hint(hints[name], f"{label}: the parameter {name}")
        if name in documented:
            properties[name] |= _described(documented[name])
    required = [one.name for one in parameters if one.default is one.empty]
    schema: Schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return {"name": method.__name__, "description": description, "parameters": schema}


def _hints(method: Callable[..., Any], label: str) -> dict[str, Any]:
    try:
        return get_type_hints(method)
    except Exception as error:  # a hint in quotes is code, and may raise anything
        what = f"{type(error).__name__}: {error}"
        raise UserError(f"{label}: a type hint cannot be read: {what}.") from error


def _of_hint(hint: Any, label: str) -> Schema:
    """JSON Schema of a type hint; raises `UserError` for what JSON cannot say."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is None:
        if isinstance(hint, Hashable) and hint in _PLAIN:
            return dict(_PLAIN[hint])
    elif origin is Union or origin is types.UnionType:
        return _of_union([_of_hint(one, label) for one in inner if one is not type(None)], inner)
    elif origin is Literal and all(type(value) in _PLAIN for value in inner):
        names = list(dict.fromkeys(_PLAIN[type(value)]["type"] for value in inner))
        return {"type": names[0] if len(names) == 1 else names, "enum": list(inner)}
    elif origin is list:
        return {"type": "array", "items": _of_hint(inner[0], label)}
    elif origin is tuple and Ellipsis not in inner:
        return {"type": "array", "prefixItems": [_of_hint(one, label) for one in inner]}
    elif origin is dict and inner[0] is str:
        return {"type": "object", "additionalProperties": _of_hint(inner[1], label)}
    raise UserError(
        f"{label} has the type {hint}, which JSON cannot say; use str, int, float, bool, "
        "list[...], dict[str, ...], Literal[...], or a union of them."
    )


def _of_union(schemas: list[Schema], inner: tuple[Any, ...]) -> Schema:
    if len(schemas) == 1:
        schema = schemas[0]
    elif all(isinstance(one.get("type"), str) and len(one) == 1 for one in schemas):
        schema = {"type": sorted(one["type"] for one in schemas)}
    else:
        schema = {"anyOf": schemas}
    if type(None) not in inner:
        return schema
    # Beside an enum, "nullable" admits nothing (JSON Schema).
    choices = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, **choices, "nullable": True}


def _described(text: str) -> Schema:
    """The description of a parameter; `(choices: ["a", "b"])` at its end becomes an enum."""
    choices = _CHOICES.search(text)
    if choices is None:
        return {"description": text}
    try:
        values = json.loads(choices[1])
    except ValueError:
        return {"description": text}
    return {"enum": values, "description": text[: choices.start()].strip()}


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """The description of a docstring, and those of its `Args`."""
    first, *sections = _SECTION.split(text)
    bodies = dict(zip(sections[::2], sections[1::2], strict=True))
    lines = [line for line in bodies.get("Args", bodies.get("Arguments", "")).split("\n") if line]
    documented: dict[str, str] = {}
    indent = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    name = ""
    for line in lines:
        argument = _ARGUMENT.match(line[indent:])
        if argument is not None:
            name = argument[1]
            documented[name] = argument[2].strip()
        elif name:
            documented[name] = f"{documented[name]} {line.strip()}".strip()
    return first.strip(), documented
