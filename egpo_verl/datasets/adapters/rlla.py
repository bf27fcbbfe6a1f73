"""The text layout of ToolRL ("rlla"): numbered tools, a tagged history, a tagged answer."""

from __future__ import annotations

import re
from dataclasses import replace

from egpo_verl.calls.call import Call
from egpo_verl.calls.thought import after_thought
from egpo_verl.datasets.adapters.dialogue import Turn
from egpo_verl.datasets.adapters.parts import call_from, loaded
from egpo_verl.datasets.sample import Tool
from egpo_verl.datasets.unusable import Unusable

LISTING = re.compile(r"\*\*Available Tools\*\*(.*?)\*\*Steps for Each Turn\*\*", re.DOTALL)
ENTRY = re.compile(r"^\d+\. (?=.+\n)", re.MULTILINE)
HEAD = re.compile(r"(?:Name: (?P<name>.+)\nDescription: |(?P<short>[^:\n]+): )", re.MULTILINE)
PARAMETERS = "\nParameters: "
TAGGED = re.compile(r"<(user|tool_call|response|obs)>(.*?)</\1>", re.DOTALL)


def tools_in(system: str) -> tuple[Tool, ...]:
    """The functions that the instructions list; raises `Unusable`."""
    listing = LISTING.search(system)
    if listing is None:
        raise Unusable("bad_tools", "no list of available tools in the instructions")
    return tuple(_tool(entry.strip()) for entry in ENTRY.split(listing[1])[1:])


def _tool(entry: str) -> Tool:
    about, separator, parameters = entry.rpartition(PARAMETERS)
    head = HEAD.match(about)
    if not separator or head is None:
        raise Unusable("bad_tools", f"not a tool: {entry[:60]!r}")
    name = (head["name"] or head["short"]).strip()
    description = about[head.end() :].strip()
    return {
        "name": name,
        "description": description,
        "parameters": loaded(parameters, "bad_tools"),
    }


def turns_in(history: str) -> list[Turn]:
    """The turns of a tagged history, thoughts left out; raises `Unusable`."""
    turns = []
    for tag, text in TAGGED.findall(history):
        if tag == "tool_call":
            turns.append(Turn("assistant", "", calls_in(text)))
        elif tag == "response" and turns and turns[-1].calls:
            turns[-1] = replace(turns[-1], text=text.strip())
        else:
            role = {"user": "user", "obs": "tool", "response": "assistant"}[tag]
            turns.append(Turn(role, text.strip()))
    return turns


def answer_in(output: str) -> tuple[Call, ...]:
    """The calls of an answer, none where it is a plain response; raises `Unusable`."""
    answer = after_thought(output)
    tags = dict(TAGGED.findall(answer))
    if "tool_call" in tags:
        return calls_in(tags["tool_call"])
    if "response" in tags:
        return ()
    raise Unusable("bad_calls", f"neither a call nor a response in {answer[:60]!r}")


def calls_in(text: str) -> tuple[Call, ...]:
    """Call objects, one on each line; raises `Unusable`."""
    lines = [line for line in text.splitlines() if line.strip()]
    return tuple(call_from(loaded(line, "bad_calls")) for line in lines)
