"""A thought from a language model for one row, as questions; knows nothing of networks.

The model sees the reference when it thinks, so its word is not taken for it: the thought is
accepted where each value of the reference stands in the dialogue or in the thought, and where the
model, shown the thought and not the reference, makes the reference's calls.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from egpo_verl.calls import ToolSet, render
from egpo_verl.calls.call import Call
from egpo_verl.datasets.adapters.parts import call_from
from egpo_verl.datasets.demonstrations.places import place_of
from egpo_verl.datasets.demonstrations.quotes import Speech
from egpo_verl.datasets.demonstrations.reasons import Unexplained
from egpo_verl.datasets.demonstrations.rows import with_thought
from egpo_verl.datasets.demonstrations.thought import speeches_of
from egpo_verl.datasets.parquet.rows import from_row
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.judge.prompts import Prompts
from egpo_verl.judge.stages import Question, calls_shown, parts_shown

OUTCOMES = {
    "followed": "the reference follows from the model's thought",
    "no_thought": "the model gave no thought, or where no call is expected no reply",
    "not_found": "a value of the reference stands neither in the dialogue nor in the thought",
    "not_followed": "with the thought, the model does not make the reference's calls",
    "refused": "the endpoint refused the question",
    "failed": "the question failed in every try, or no answer could be read",
}
"""What becomes of a row's thought; the first is kept."""
MODEL = "model"
"""Where a thought comes from that a language model wrote."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Thought:
    """What became of a row.

    Attributes:
        outcome: a key of `OUTCOMES`.
        demonstration: the row with the thought, where it is accepted.
        reason: why not, where it is not.
        stage: of the question that was refused or failed.
    """

    outcome: str
    demonstration: dict[str, Any] | None = None
    reason: str = ""
    stage: str = ""


def thought_over(row: Row, prompts: Prompts) -> Generator[Question, dict[str, Any], Thought]:
    """Yields questions, is sent their answers, returns what became of the row."""
    sample, form = from_row(row), row["extra_info"]["call_form"]
    shown = parts_shown(sample)
    text = prompts.filled("think", **shown, answer=calls_shown(sample.calls, form))
    answer = yield Question("think", text)
    thought, reply = answer["thought"].strip(), answer["reply"].strip()
    if not thought or not (sample.calls or reply):
        return Thought("no_thought")
    tools = ToolSet.from_json(row["extra_info"]["tools"])
    speeches = [*speeches_of(sample), Speech("thought", thought)]
    for call in sample.calls:
        missing = _missing(call, tools, speeches)
        if missing:
            return Thought("not_found", reason=f"{call.name}({missing})")
    followed = yield Question("follow", prompts.filled("follow", **shown, thought=thought))
    try:
        calls = tuple(map(call_from, followed["calls"]))
        made = render(calls, form) if calls or sample.calls else reply
        with_thought(row, thought, made, MODEL)
        written = render(sample.calls, form) if sample.calls else made
        return Thought("followed", with_thought(row, thought, written, MODEL))
    except (Unusable, Unexplained, ValueError) as problem:
        return Thought("not_followed", reason=str(problem)[:200])


def _missing(call: Call, tools: ToolSet, speeches: list[Speech]) -> str:
    """The first argument whose value stands nowhere; empty where all do."""
    signature = tools.signature(call.name)
    schemas = {} if signature is None else signature.schema.get("properties", {})
    for name, value in call.arguments.items():
        schema = schemas.get(name)
        if place_of(value, name, schema if isinstance(schema, dict) else {}, speeches):
            continue
        # What is no word itself is told by naming the argument; the calls decide.
        named = value in (None, "") or isinstance(value, bool)
        if not (named and speeches[-1].find(name)):
            return name
    return ""
