"""API-Bank's training rows of level 3: a request, and the search for the tool that serves it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from egpo_verl.calls.call import Call
from egpo_verl.datasets.adapters.brackets import bracketed_calls
from egpo_verl.datasets.adapters.parts import loaded
from egpo_verl.datasets.sample import Message, Sample, Tool
from egpo_verl.datasets.source import Row, Source
from egpo_verl.datasets.unusable import Unusable

QUESTION = re.compile(r"\nUser: (?P<text>.*?)(?:\s*TIME: (?P<time>.*))?$", re.MULTILINE)
REQUEST = "API-Request: "
STEP = re.compile(r"^API-Request: (?P<call>\[.*?\])->(?P<result>.*)$", re.MULTILINE)


def convert(row: Row) -> Iterator[Sample]:
    """One sample; tools that earlier searches found are offered beside the search."""
    text = str(row["input"])
    question = QUESTION.search(text)
    if question is None:
        raise Unusable("no_question", "no user in the input")
    tools = [tool_of(loaded(text[: question.start()], "bad_tools"))]
    time = f"\nTime: {question['time'].strip()}" if question["time"] else ""
    messages: list[Message] = [{"role": "user", "content": question["text"] + time}]
    for step in STEP.finditer(text, question.end()):
        messages.append({"role": "assistant", "content": "", "calls": _calls(step["call"], tools)})
        messages.append({"role": "tool", "content": step["result"]})
        tools += tools_in(step["result"])
    answer = str(row["output"]).strip().removeprefix(REQUEST)
    yield Sample("api_bank", tuple(messages), distinct_tools(tools), _calls(answer, tools))


def _calls(text: str, tools: list[Tool]) -> tuple[Call, ...]:
    return bracketed_calls(text, [tool["name"] for tool in tools], bare=True)


def tools_in(result: str) -> list[Tool]:
    """The tools in a search's result, none where it is the result of another call."""
    try:
        result_value: Any = loaded(result, "bad_tools")
    except Unusable:
        return []
    items = result_value if isinstance(result_value, list) else [result_value]
    return [
        tool_of(item) for item in items if isinstance(item, dict) and "input_parameters" in item
    ]


def tool_of(api: Any) -> Tool:
    """A function from API-Bank's description of it; raises `Unusable`."""
    name = api.get("apiCode", api.get("name")) if isinstance(api, dict) else None
    if not isinstance(name, str):
        raise Unusable("bad_tools", f"no name in {json.dumps(api)[:60]}")
    parameters = api.get("parameters", api.get("input_parameters", {}))
    return {"name": name, "description": api.get("description", ""), "parameters": parameters}


def distinct_tools(tools: list[Tool]) -> tuple[Tool, ...]:
    """The last description of each tool: searches repeat themselves in other words."""
    return tuple({tool["name"]: tool for tool in tools}.values())


SOURCE = Source(
    name="api_bank",
    title="API-Bank, the training rows of level 3",
    licence="Apache-2.0",
    size="907",
    home="github.com/AlibabaResearch/DAMO-ConvAI, api-bank",
    columns=(("instruction", "input", "output"),),
    convert=convert,
)
