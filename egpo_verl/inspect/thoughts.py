"""A response taken apart for its patterns: the thought, the calls, and the tools offered."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from egpo_verl.calls import FORMS, Call, ToolSet, parse
from egpo_verl.calls.thought import THINK_CLOSE, THINK_OPEN, after_thought
from egpo_verl.inspect.patterns import Tools, patterns
from egpo_verl.inspect.response import Response

_OPENING = re.compile(r"^[ \t]*(?=[\[<{]|[\w.]+\()", re.MULTILINE)
_CLOSING = "])>}"
_JSON = re.compile(r"^[ \t]*(?=[\[{])", re.MULTILINE)
_MOST_PLACES = 100
"""Of a prompt at which a tool is looked for; each may take time linear in the prompt."""
_DECODER = json.JSONDecoder()


def patterns_of(response: Response) -> dict[str, bool | None] | None:
    """The patterns of a response's thought; None without one."""
    thought = _thought(response)
    if not thought:
        return None
    calls = () if THINK_CLOSE not in response.text else _calls(response)
    return patterns(thought, calls, _tools(response))


def _thought(response: Response) -> str:
    """What stands inside the tags, the first of which the prompt may have opened."""
    *closed, rest = response.text.split(THINK_CLOSE)
    if not closed:
        return rest.partition(THINK_OPEN)[2].strip()
    first, *others = closed
    opened = [first.partition(THINK_OPEN)[2] if THINK_OPEN in first else first]
    return "\n".join([*opened, *(other.partition(THINK_OPEN)[2] for other in others)]).strip()


def _calls(response: Response) -> tuple[Call, ...]:
    """The calls of the answer, also where other text beside them makes it invalid."""
    answer = after_thought(response.text)
    form = response.extra_info.get("call_form")
    forms = (form,) if form in FORMS else FORMS
    part = _part_with_calls(answer)
    for text in dict.fromkeys((answer, part, f"[{part}]")):
        for each in forms:
            calls = parse(text, each).calls
            if calls:
                return calls
    return ()


def _part_with_calls(answer: str) -> str:
    """From the first line that may open calls to the last place that may close them."""
    opening = _OPENING.search(answer)
    end = max(map(answer.rfind, _CLOSING)) + 1
    return answer[opening.end() : end] if opening else ""


def _tools(response: Response) -> Tools | None:
    """Out of the row where it was recorded, else out of the prompt that shows them."""
    tools = response.extra_info.get("tools")
    if isinstance(tools, str):
        return _required(tools)
    texts = [message.get("content") for message in response.messages]
    return _shown("\n".join(text for text in texts if isinstance(text, str)))


@lru_cache(maxsize=64)
def _required(tools: str) -> Tools | None:
    try:
        offered = ToolSet.from_json(tools)
    except ValueError:
        return None
    signatures = {name: offered.signature(name) for name in offered.names}
    return {
        name: tuple(signature.schema.get("required", ())) if signature else ()
        for name, signature in signatures.items()
    }


@lru_cache(maxsize=64)
def _shown(prompt: str) -> Tools | None:
    """The tools that a prompt lists as JSON: one list, or one object a line."""
    tools: list[Any] = []
    end = 0
    for match in islice(_JSON.finditer(prompt), _MOST_PLACES):
        if match.end() < end:
            continue
        try:
            value, end = _DECODER.raw_decode(prompt, match.end())
        except (ValueError, RecursionError):
            continue
        tools += [
            tool for tool in (value if isinstance(value, list) else [value]) if _is_tool(tool)
        ]
    return _required(json.dumps(tools)) if tools else None


def _is_tool(value: Any) -> bool:
    """A tool, and no call of one."""
    inner = value.get("function", value) if isinstance(value, Mapping) else None
    return isinstance(inner, Mapping) and "name" in inner and _describes(inner)


def _describes(tool: Mapping[str, Any]) -> bool:
    parameters: Any = tool.get("parameters", tool.get("input_schema"))
    return "description" in tool or (isinstance(parameters, Mapping) and "properties" in parameters)
