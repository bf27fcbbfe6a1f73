"""verl's row: the fixed parquet schema, and the way from a `Sample` to a row and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from egpo_verl.calls import render
from egpo_verl.calls.call import Call
from egpo_verl.calls.thought import THINK_CLOSE, THINK_OPEN
from egpo_verl.datasets.alternatives import first_answer
from egpo_verl.datasets.reading.json_text import json_text, must_be_unicode
from egpo_verl.datasets.sample import Sample, Tool
from egpo_verl.datasets.tools.features import is_spelled_name, listing
from egpo_verl.datasets.tools.names import SAME, Renaming, rename
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.prompt import build_prompt, dataset_system_message

ABILITY = "function_call"
PYTHON_FORMS = ("python", "answer_tag")
"""Forms written in Python's syntax, which cannot spell every name."""

MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])
# Tools, calls and facts are JSON texts: as Arrow structs they would be merged over all rows,
# with nulls for absent keys and integers turned into floats.
SCHEMA = pa.schema(
    [
        ("data_source", pa.string()),
        ("prompt", pa.list_(MESSAGE)),
        ("ability", pa.string()),
        ("reward_model", pa.struct([("style", pa.string()), ("ground_truth", pa.string())])),
        (
            "extra_info",
            pa.struct(
                [
                    ("index", pa.int64()),
                    ("split", pa.string()),
                    ("tools", pa.string()),
                    ("call_form", pa.string()),
                    ("think_in_prompt", pa.bool_()),
                    ("renamed", pa.string()),
                    ("facts", pa.string()),
                    ("env", pa.string()),
                ]
            ),
        ),
    ]
)
"""Columns of every parquet file that this package writes, the same for all sources."""
_INFO = SCHEMA.field("extra_info")
BEFORE_LIVE = SCHEMA.set(
    SCHEMA.get_field_index("extra_info"),
    _INFO.with_type(pa.struct([field for field in _INFO.type if field.name != "env"])),
)
"""The columns of 0.1.0, which knew no live environments."""


def to_row(
    sample: Sample,
    index: int,
    split: str = "train",
    call_form: str = "python",
    think_in_prompt: bool = False,
) -> dict[str, Any]:
    """One row of `SCHEMA`; `index` is the position in the source, `call_form` one of `FORMS`.

    Raises:
        Unusable: the form cannot carry the reference, or a text is no valid Unicode.
    """
    sample, way_back = spell_names(sample, call_form)
    return build_row(sample, way_back, index, split, call_form, think_in_prompt)


def spell_names(sample: Sample, call_form: str) -> tuple[Sample, Renaming]:
    """The sample under names that the form can spell, and the way back."""
    return rename(sample) if call_form in PYTHON_FORMS else (sample, SAME)


def build_row(
    sample: Sample,
    way_back: Renaming,
    index: int,
    split: str,
    call_form: str,
    think_in_prompt: bool,
) -> dict[str, Any]:
    """`to_row` for a sample whose names the form can spell."""
    try:
        # The paper's syntax-tree stage: what the model should write parses to what we reward.
        answer = render(sample.calls, call_form)
    except ValueError as error:
        raise Unusable(
            "unspellable", _unspellable(sample.calls, call_form) or str(error)
        ) from error
    if THINK_OPEN in answer or THINK_CLOSE in answer:
        raise Unusable("unspellable", f"a think tag breaks the template: {answer[:200]}")
    tools, renamed = listing(sample.tools), way_back.to_json()
    must_be_unicode(renamed)
    return {
        "data_source": sample.source,
        "prompt": _prompt(sample, tools, call_form),
        "ability": ABILITY,
        "reward_model": {"style": "rule", "ground_truth": _ground_truth(sample)},
        "extra_info": {
            "index": index,
            "split": split,
            "tools": tools,
            "call_form": call_form,
            "think_in_prompt": think_in_prompt,
            "renamed": renamed,
            "facts": json_text(dict(sample.extra)),
            "env": "",
        },
    }


def _unspellable(calls: Sequence[Call], call_form: str) -> str:
    """Which argument keeps the calls from being written in Python, if any."""
    for call in calls if call_form in PYTHON_FORMS else ():
        for name in call.arguments:
            if not is_spelled_name(name):
                return (
                    f"{call.name} takes the argument {name!r:.60} without declaring it, so it "
                    "cannot be renamed to a name that Python can spell; --call_form json carries it"
                )
    return ""


def with_tools(row: Mapping[str, Any], tools: Sequence[Tool], way_back: Renaming) -> dict[str, Any]:
    """The row with other functions offered; those that its calls need must be among them."""
    info, offered = row["extra_info"], listing(tuple(tools))
    prompt = build_prompt(_dialogue(row), offered, info["call_form"])
    changed = {**info, "tools": offered, "renamed": way_back.to_json()}
    return {**row, "prompt": prompt, "extra_info": changed}


def with_sample(row: Mapping[str, Any], sample: Sample, way_back: Renaming) -> dict[str, Any]:
    """The row with another sample in it: same place, split and form."""
    info = row["extra_info"]
    return build_row(
        sample,
        way_back,
        info["index"],
        info["split"],
        info["call_form"],
        info["think_in_prompt"],
    )


def from_row(row: Mapping[str, Any]) -> Sample:
    """The sample of a row that `to_row` made, under the names that the row uses.

    Calls of earlier turns come back as text. Raises ValueError or KeyError on a foreign row.
    """
    info = row["extra_info"]
    tools = tuple(json.loads(info["tools"]))
    calls, reference = read_truth(row["reward_model"]["ground_truth"])
    extra = json.loads(info["facts"])
    return Sample(row["data_source"], tuple(_dialogue(row)), tools, calls, extra, reference)


def read_truth(text: str) -> tuple[tuple[Call, ...], dict[str, Any] | None]:
    """One right answer of a row's `ground_truth`, and its alternatives where it has any."""
    truth = json.loads(text)
    if isinstance(truth, list):
        return tuple(Call(item["name"], item["arguments"]) for item in truth), None
    return first_answer(truth), truth


def _dialogue(row: Mapping[str, Any]) -> list[dict[str, str]]:
    """The messages of a row without the system prompt that is ours."""
    info, prompt = row["extra_info"], row["prompt"]
    system = dataset_system_message(prompt, info["tools"], info["call_form"])
    return [*([{"role": "system", "content": system}] if system else []), *prompt[1:]]


def _prompt(sample: Sample, tools: str, call_form: str) -> list[dict[str, str]]:
    try:
        prompt = build_prompt(sample.messages, tools, call_form)
    except ValueError as error:
        raise Unusable("invalid_history", str(error)) from error
    for message in prompt:
        must_be_unicode(message["content"])
    return prompt


def _ground_truth(sample: Sample) -> str:
    if sample.reference is not None:
        return json_text(dict(sample.reference))
    return json_text(
        [{"name": call.name, "arguments": dict(call.arguments)} for call in sample.calls]
    )
