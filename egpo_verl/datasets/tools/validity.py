"""What in a function's parameters is not valid JSON Schema, for the person who wrote them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import jsonschema_rs

from egpo_verl.calls.schemas import is_json_schema
from egpo_verl.datasets.reading.json_text import MOST, json_text
from egpo_verl.datasets.sample import Tool
from egpo_verl.datasets.tools.dialects import PARAMETER_KEYS, inner

_META_SCHEMA = jsonschema_rs.Draft202012Validator(
    {"$ref": "https://json-schema.org/draft/2020-12/schema"}
)
_CHECKS_NOTHING = frozenset(("title", "description", "examples", "format", "$schema", "$id"))
_OLDER_DRAFTS: Mapping[str, type] = {
    "required": bool,
    "exclusiveMinimum": bool,
    "exclusiveMaximum": bool,
    "items": list,
}
"""Keyword -> what an older draft allows it to be."""


def invalid_part(tool: Tool) -> str:
    """The first part that is not valid, and why; empty where all is, or it is no JSON Schema.

    Names of types, of which datasets have their own, are not looked at.
    """
    for key in PARAMETER_KEYS:
        parameters = inner(tool).get(key)
        if isinstance(parameters, dict):
            return _invalid_part(json_text(parameters)) if is_json_schema(parameters) else ""
    return ""


@lru_cache(maxsize=MOST)
def _invalid_part(text: str) -> str:
    parameters = json.loads(text)
    return "" if _META_SCHEMA.is_valid(parameters) else next(_problems(parameters), "")


def _problems(parameters: dict[str, Any]) -> Iterator[str]:
    for error in _META_SCHEMA.iter_errors(parameters):
        path = error.instance_path
        value: Any = parameters
        for step in path:
            value = value[step]
        keyword = next((step for step in reversed(path) if isinstance(step, str)), "")
        is_older = isinstance(value, _OLDER_DRAFTS.get(keyword, ()))
        if keyword != "type" and keyword not in _CHECKS_NOTHING and not is_older:
            yield f"{'.'.join(map(str, path))}: {error.message[:80]}"
