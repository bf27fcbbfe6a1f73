"""What the judge may answer: a shape a stage, asked for as structured output and checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jsonschema_rs

TEXT = {"type": "string"}
SHOWN = 200
"""Characters of a foreign text that are shown."""


def _shape(**properties: Any) -> dict[str, Any]:
    """A closed object in which everything is required, as strict structured output wants it."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


# Arguments are a JSON text, since a strict schema cannot say "any object".
_CALLS = _shape(calls={"type": "array", "items": _shape(name=TEXT, arguments=TEXT)}, reason=TEXT)
SHAPES: Mapping[str, dict[str, Any]] = {
    "judge": _shape(reason=TEXT, verdict={"type": "string", "enum": ["right", "wrong"]}),
    "correct": _CALLS,
    "evaluate": _shape(reason=TEXT, verdict={"type": "string", "enum": ["accept", "reject"]}),
    "think": _shape(thought=TEXT, reply=TEXT),
    "follow": _CALLS,
}
"""Stage -> JSON Schema of its answer."""

_VALIDATORS = {stage: jsonschema_rs.Draft202012Validator(shape) for stage, shape in SHAPES.items()}


def response_format(stage: str) -> dict[str, Any]:
    """OpenAI's `response_format` for a stage."""
    schema = {"name": stage, "strict": True, "schema": SHAPES[stage]}
    return {"type": "json_schema", "json_schema": schema}


def read_answer(stage: str, text: str) -> dict[str, Any]:
    """The answer of a stage; ValueError where it is no JSON, has another shape or half letters."""
    try:
        answer = json.loads(text)
        _VALIDATORS[stage].validate(answer)
        json.dumps(answer, ensure_ascii=False).encode()
    except jsonschema_rs.ValidationError as error:
        raise ValueError(f"another shape than {stage} asks for: {error.message[:SHOWN]}") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON that can be kept ({error}): {text[:SHOWN]!r}") from error
    return dict(answer)
