"""BFCL's single-turn Python categories, with their alternatives: for evaluation.

Each category is a `data_source` of its own, so that verl's validation logs one accuracy for each,
and each row says that it is judged by BFCL's rules (`egpo_verl.calls.bfcl_rules`): the accuracy is
then the one that the official scorer would give.

Other languages take every value as a text in that language's syntax, and the multi-turn and
agentic categories are scored by running them: those rows are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product
from typing import Any

from egpo_verl.datasets.adapters.dialogue import history_of, only_words, turns_of
from egpo_verl.datasets.adapters.parts import tools_from
from egpo_verl.datasets.alternatives import first_answer
from egpo_verl.datasets.reading.answered import AnsweredRows
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.source import Row, Source
from egpo_verl.datasets.unusable import Unusable

LEFT_OUT = ""
"""Among alternatives it stands for leaving the parameter out."""
MOST = 256
"""Alternatives of one argument, after those of its parts are multiplied out."""
REFUSED = ("java", "multi_turn", "memory", "web_search")


def convert(row: Row) -> Iterator[Sample]:
    """One sample, whose reference carries the alternatives."""
    identity = str(row["id"])
    category = identity.rpartition("_")[0]
    if "function" not in row or any(word in category for word in REFUSED):
        raise Unusable("unsupported", identity)
    answered = "relevance" not in category
    if answered and "ground_truth" not in row:
        raise Unusable(
            "missing_column", f"ground_truth of {identity}; keep possible_answer/ beside"
        )
    if len(row["question"]) != 1:
        raise Unusable("bad_dialogue", f"{identity} has {len(row['question'])} turns")
    reference: dict[str, Any] = {"calls": [], "alternatives": True, "rules": "bfcl"}
    if answered:
        reference["calls"] = _expected_calls(row["ground_truth"])
    elif "irrelevance" not in category:
        reference["any_call"] = True
    yield Sample(
        f"bfcl_{category}",
        history_of(turns_of(row["question"][0], only_words)),
        tools_from(row["function"]),
        first_answer(reference),
        {"id": identity, "category": category},
        reference,
    )


def _expected_calls(truth: Any) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "arguments": {key: _alternatives(values) for key, values in arguments.items()},
            "omissible": [key for key, values in arguments.items() if LEFT_OUT in values],
        }
        for call in truth
        for name, arguments in call.items()
    ]


def _alternatives(values: list[Any]) -> list[Any]:
    """The values that serve, with the alternatives inside objects multiplied out."""
    present = [value for value in values if value != LEFT_OUT]
    return list(islice((item for value in present for item in _multiplied(value)), MOST))


def _multiplied(value: Any) -> Iterator[Any]:
    """An object states alternatives for each of its keys; a list may hold such objects."""
    if isinstance(value, dict):
        keys = list(value)
        for chosen in product(*(value[key] for key in keys)):
            pairs = zip(keys, chosen, strict=True)
            yield {key: item for key, item in pairs if item != LEFT_OUT}
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        yield from map(list, product(*(list(_multiplied(item)) for item in value)))
    else:
        yield value


SOURCE = Source(
    name="bfcl",
    title="BFCL v4, its single-turn Python categories",
    licence="Apache-2.0",
    size="3,491",
    home="pypi.org/project/bfcl-eval, bfcl_eval/data",
    columns=(("id", "question"),),
    convert=convert,
    benchmark=True,
    rows=AnsweredRows,
)
