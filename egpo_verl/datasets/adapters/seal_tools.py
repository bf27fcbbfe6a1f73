"""Seal-Tools: the fine-tuning form, whose question carries the functions, and the plain one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from egpo_verl.calls.call import Call
from egpo_verl.datasets.adapters.dialogue import only_words, turns_of
from egpo_verl.datasets.adapters.parts import calls_from, loaded, present, user
from egpo_verl.datasets.adapters.seal_catalogue import CatalogueRows
from egpo_verl.datasets.sample import Sample, Tool
from egpo_verl.datasets.source import Row, Source
from egpo_verl.datasets.unusable import Unusable

TOOLS, QUESTION, ANSWER = "api_list = ", "\ntask_instruction = ", "\nOutput:"
RESULT = "API_call_"


def convert(row: Row) -> Iterator[Sample]:
    """One sample; a call that takes another call's result cannot be written and is refused."""
    if row.get("conversations") is None:
        question, answer, listed = row["query"], row["calling"], row["tools"]
    else:
        question, answer, listed = _conversation(row)
    calls = calls_from(answer)
    _refuse_nested(calls)
    tools = tuple(map(_tool, listed))
    yield Sample("seal_tools", (user(question),), tools, calls, present(row, "id"))


def _conversation(row: Row) -> tuple[str, str, Any]:
    """The question, the answer's text and the candidate functions."""
    turns = turns_of(row["conversations"], only_words)
    if [turn.role for turn in turns] != ["user", "assistant"]:
        raise Unusable("bad_dialogue", "not one question and one answer")
    listing, separator, question = turns[0].text.partition(TOOLS)[2].partition(QUESTION)
    if not separator:
        raise Unusable("bad_tools", "no api_list in the question")
    # The question stands in quotes that are not escaped inside it.
    text = question.rpartition(ANSWER)[0].strip().removeprefix('"').removesuffix('"')
    return text, turns[1].text, loaded(listing, "bad_tools")


def _tool(api: Any) -> Tool:
    """`required` stands beside the flat parameters, so they become a JSON Schema object."""
    if not isinstance(api, Mapping) or not isinstance(api.get("api_name"), str):
        raise Unusable("bad_tools", f"no name in {str(api)[:60]}")
    return {
        "name": api["api_name"],
        "description": api.get("api_description", ""),
        "parameters": {
            "type": "object",
            "properties": api.get("parameters", {}),
            "required": api.get("required", []),
        },
    }


def _refuse_nested(calls: tuple[Call, ...]) -> None:
    for call in calls:
        if any(RESULT in str(value) for value in call.arguments.values()):
            raise Unusable("nested_call", f"{call.name} {dict(call.arguments)}")


SOURCE = Source(
    name="seal_tools",
    title="Seal-Tools, the fine-tuning files or the plain ones with their catalogue",
    licence="Apache-2.0",
    size="14,076",
    home="github.com/fairyshine/Seal-Tools",
    columns=(("conversations",), ("query", "calling", "tools")),
    convert=convert,
    rows=CatalogueRows,
)
