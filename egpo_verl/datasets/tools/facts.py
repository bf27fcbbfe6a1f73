"""What a function is asked in every row that offers it, found out once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache

from egpo_verl.calls import ToolSet
from egpo_verl.calls.python_form import is_python_name
from egpo_verl.calls.tools import Signature
from egpo_verl.datasets.reading.json_text import MOST, json_text
from egpo_verl.datasets.sample import Tool
from egpo_verl.datasets.tools.dialects import inner, name_of, parameters_of


class Facts:
    """Facts of one function, each found out when it is first asked for."""

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
    def text(self) -> str:
        """It as JSON; raises `Unusable`."""
        return json_text(self.tool)

    @cached_property
    def signature(self) -> Signature:
        """Its parameters, compiled."""
        return _compiled(json_text(inner(self.tool)))

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


_facts: dict[int, Facts] = {}


def facts_of(tool: Tool) -> Facts:
    """The facts of a function, which must not change any more.

    They are found by the object's identity: `read_functions` gives the same object for the same
    text. An entry holds its function, so no other object can have that identity meanwhile.
    """
    found = _facts.get(id(tool))
    if found is None:
        if len(_facts) >= MOST:
            _facts.clear()
        found = _facts[id(tool)] = Facts(tool)
    return found


class _Latest:
    """The functions asked for last, which are asked for again at every step of their row."""

    tools: tuple[Tool, ...] = ()
    facts: Sequence[Facts] = ()


def facts_of_all(tools: tuple[Tool, ...]) -> Sequence[Facts]:
    """The facts of each function."""
    if _Latest.tools is not tools:
        _Latest.tools, _Latest.facts = tools, [facts_of(tool) for tool in tools]
    return _Latest.facts


def listing(tools: tuple[Tool, ...]) -> str:
    """The functions as one JSON list; raises `Unusable`."""
    return f"[{', '.join([facts.text for facts in facts_of_all(tools)])}]"
