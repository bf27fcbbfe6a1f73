"""What an API answers to a call that it does not take."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from egpo_verl.calls import Call, Reason, ToolSet
from egpo_verl.calls.tools import Signature
from egpo_verl.envs.script import Script


def refusal(problem: str) -> str:
    """An error as the text of a tool's result, in the shape that TRL gives it.

    Half a surrogate pair, which a call may spell, is no Unicode and becomes a "?".
    """
    readable = problem.encode("utf-8", "replace").decode("utf-8")
    return json.dumps({"error": readable}, ensure_ascii=False)


def misfit(call: Call, tools: ToolSet) -> str | None:
    """The answer to a call that does not fit the tools offered, None where it does.

    >>> tools = ToolSet({"now": {"name": "now", "parameters": {"zone": {"type": "str"}}}})
    >>> misfit(Call("now", {"zone": 1}), tools)
    '{"error": "now: zone: 1 is not of type \\\\"string\\\\""}'
    """
    reason = tools.check([call])
    if reason is None:
        return None
    signature = tools.signature(call.name)
    if signature is None:
        return refusal(f"there is no tool {call.name}; there are {', '.join(tools.names)}")
    schema = signature.schema
    if reason is Reason.MISSING_ARGUMENT:
        names = [name for name in schema.get("required", ()) if name not in call.arguments]
    elif reason is Reason.UNKNOWN_ARGUMENT:
        names = [name for name in call.arguments if name not in schema.get("properties", {})]
    else:
        return refusal(f"{call.name}: {_first_error(signature, call) or reason.words}")
    return refusal(f"{call.name}: {reason.words}: {', '.join(names)}")


def _first_error(signature: Signature, call: Call) -> str:
    try:
        error = next(iter(signature.validator.iter_errors(dict(call.arguments))), None)
    except ValueError:  # text that is no Unicode: a lone surrogate
        error = None
    return ": ".join([*map(str, error.instance_path), error.message]) if error else ""


def unknown_tool(script: Script, tools: Sequence[Mapping[str, Any]]) -> str | None:
    """Which tool a turn adds that the environment has not, None where there is none.

    Such a turn adds nothing, and the tool that was meant is offered from the start.
    """
    names = [tool["name"] for tool in tools]
    for number, turn in enumerate(script.turns):
        for name in turn.tools:
            if name not in names:
                there = ", ".join(names)
                return f"turn {number}: 'tools' names {name}, which is no tool; there are {there}."
    return None


def misfit_of_reference(
    call: Call, tools: Sequence[Mapping[str, Any]], script: Script, turn: int
) -> str | None:
    """The same for a call of a reference, with the tools that are offered in its turn."""
    later = {name for one in script.turns[turn + 1 :] for name in one.tools}
    offered = {tool["name"]: tool for tool in tools if tool["name"] not in later}
    return misfit(call, ToolSet(offered))
