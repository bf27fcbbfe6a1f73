"""A function's name and parameters, whatever dialect its dataset speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from egpo_verl.calls.schemas import is_json_schema
from egpo_verl.datasets.sample import Tool

PARAMETER_KEYS = ("parameters", "arguments")


def inner(tool: Tool) -> Tool:
    """The specification itself, out of OpenAI's `{"type": "function", "function": {...}}`."""
    function = tool.get("function")
    return function if isinstance(function, dict) else tool


SCHEMA_KEYS = ("inputSchema", "input_schema")
"""What MCP and Anthropic call `parameters`."""


def with_parameters(tool: Tool) -> Tool:
    """The tool with its JSON Schema under `parameters`, as OpenAI has it."""
    spec = inner(tool)
    key = next((key for key in SCHEMA_KEYS if isinstance(spec.get(key), Mapping)), None)
    if key is None or "parameters" in spec:
        return tool
    renamed = {"parameters" if name == key else name: value for name, value in spec.items()}
    return {**tool, "function": renamed} if spec is not tool else renamed


def name_of(tool: Tool) -> str:
    """The function's name; KeyError where there is none."""
    return str(inner(tool)["name"])


def parameters_of(tool: Tool) -> Mapping[str, Any]:
    """Parameter name -> its description in the tool's dialect; empty where there is none."""
    for key in PARAMETER_KEYS:
        parameters = inner(tool).get(key)
        if isinstance(parameters, dict):
            if not is_json_schema(parameters):
                return parameters
            properties = parameters.get("properties")
            return properties if isinstance(properties, dict) else {}
    return {}


def with_names(tool: Tool, name: str, names: Mapping[str, str]) -> Tool:
    """The tool under another name, its parameters renamed by `names` (old -> new)."""
    spec = {**inner(tool), "name": name}
    for key in PARAMETER_KEYS:
        if isinstance(spec.get(key), Mapping):
            spec[key] = _renamed(spec[key], names)
    if isinstance(spec.get("required"), list):
        spec["required"] = _renamed_list(spec["required"], names)
    return {**tool, "function": spec} if inner(tool) is not tool else spec


def _renamed(parameters: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[str, Any]:
    if not is_json_schema(parameters):
        return {names.get(key, key): value for key, value in parameters.items()}
    renamed = dict(parameters)
    if isinstance(renamed.get("properties"), Mapping):
        renamed["properties"] = {
            names.get(key, key): value for key, value in renamed["properties"].items()
        }
    if isinstance(renamed.get("required"), list):
        renamed["required"] = _renamed_list(renamed["required"], names)
    return renamed


def _renamed_list(required: Sequence[Any], names: Mapping[str, str]) -> list[Any]:
    """The names required, and whatever else a dataset lists among them."""
    return [names.get(item, item) if isinstance(item, str) else item for item in required]
