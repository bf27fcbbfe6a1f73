"""What every row asks of a function that it offers, computed once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache

from egpo_verl.calls import ToolSet
from egpo_verl.calls.python_form import is_python_name
from egpo_verl.calls.tools import Signature
from egpo_verl.calls.values import nfc
from egpo_verl.datasets.reading.json_text import MOST, json_text
from egpo_verl.datasets.sample import Tool
from egpo_verl.datasets.tools.dialects import (
    PARAMETER_KEYS,
    inner,
    name_of,
    parameters_of,
    with_parameters,
)
from egpo_verl.datasets.tools.plain import plain_text
from egpo_verl.datasets.tools.validity import invalid_part


class Features:
    """Features of one function, each computed when it is first needed."""

    def __init__(self, tool: Tool) -> None:
        self.tool = tool

    @cached_property
    def is_named(self) -> bool:
        """Whether it is an object that has a name."""
        name = inner(self.tool).get("name") if isinstance(self.tool, Mapping) else None
        return isinstance(name, str) and bool(name)

    @cached_property
    def name(self) -> str:
        """Its name; KeyError where there is none."""
        return name_of(self.tool)

    @cached_property
    def composed_name(self) -> str:
        """Its name with composed characters."""
        return nfc(self.name)

    @cached_property
    def is_usual(self) -> bool:
        """Whether it is a named object with its schema, if any, where OpenAI has it."""
        return self.is_named and self.with_parameters is self.tool

    @cached_property
    def with_parameters(self) -> Tool:
        """It with its JSON Schema under `parameters`, whatever its dialect calls it."""
        return with_parameters(self.tool)

    @cached_property
    def text(self) -> str:
        """It as JSON; raises `Unusable`."""
        return json_text(self.tool)

    @cached_property
    def digest(self) -> int:
        """64 bits that are equal for functions of one name with the same parameters."""
        specification = inner(self.tool)
        parameters = [specification.get(key) for key in (*PARAMETER_KEYS, "required")]
        text = nfc(json.dumps([self.name, *parameters], sort_keys=True, ensure_ascii=False))
        key = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8)
        return int.from_bytes(key.digest(), "big")

    @cached_property
    def signature(self) -> Signature:
        """Its parameters, compiled."""
        return _compiled(json_text(inner(self.tool)))

    @cached_property
    def unchecked(self) -> tuple[str, ...]:
        """Parts of its schema that are not understood and check nothing, each behind its name."""
        return tuple(f"{self.name}: {part}" for part in self.signature.unchecked)

    @cached_property
    def plain_defaults(self) -> Mapping[str, str]:
        """Parameter -> the default that it states, if any, as `plain_text`."""
        normal = self.signature.normal
        defaults = self.signature.defaults.items()
        return {name: plain_text(normal(name, value)) for name, value in defaults}

    @cached_property
    def invalid_part(self) -> str:
        """What of its schema is not valid, if anything."""
        return invalid_part(self.tool)

    @cached_property
    def is_python(self) -> bool:
        """Whether Python can spell its name and its parameters'."""
        return is_spelled_name(self.name, dotted=True) and all(
            map(is_spelled_name, parameters_of(self.tool))
        )


# Rows that come as objects, not as text, make new objects for the same functions each time.
is_spelled_name = lru_cache(maxsize=1 << 16)(is_python_name)


@lru_cache(maxsize=MOST)
def _compiled(specification: str) -> Signature:
    tools = ToolSet.from_json(f"[{specification}]")
    signature = tools.signature(tools.names[0])
    assert signature is not None
    return signature


_features: dict[int, Features] = {}


def features_of(tool: Tool) -> Features:
    """The features of a function, which must not change afterwards.

    They are looked up by the object's identity: `read_functions` gives the same object for the same
    text. An entry holds its function, so no other object can have that identity meanwhile.
    """
    features = _features.get(id(tool))
    if features is None:
        if len(_features) >= MOST:
            _features.clear()
        features = _features[id(tool)] = Features(tool)
    return features


class _Latest:
    """The last functions and their features: every step of a row needs the same ones."""

    tools: tuple[Tool, ...] = ()
    features: Sequence[Features] = ()
    by_name: Mapping[str, Features] | None = None


def features_of_all(tools: tuple[Tool, ...]) -> Sequence[Features]:
    """The features of each function."""
    if _Latest.tools is not tools:
        _Latest.tools, _Latest.features = tools, [features_of(tool) for tool in tools]
        _Latest.by_name = None
    return _Latest.features


def features_by_name(tools: tuple[Tool, ...]) -> Mapping[str, Features]:
    """Name -> the features of the function; the last where several have it."""
    features = features_of_all(tools)
    if _Latest.by_name is None:
        _Latest.by_name = {one.name: one for one in features}
    return _Latest.by_name


def listing(tools: tuple[Tool, ...]) -> str:
    """The functions as one JSON list; raises `Unusable`."""
    return f"[{', '.join([features.text for features in features_of_all(tools)])}]"
