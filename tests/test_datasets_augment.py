"""Training rows changed: needed functions gone, names masked, order changed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egpo_verl.calls import Call, ToolSet
from egpo_verl.datasets.parquet.rows import from_row, to_row
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.selection.augment import Augmentation, augmented
from egpo_verl.datasets.tools.names import Renaming, compose, restore

QUESTION = {"role": "user", "content": "How heavy is hive 12?"}
TOOLS = tuple(
    {"name": f"Hive {n}", "description": f"Number {n}.", "parameters": {"hive-id": {"type": "int"}}}
    for n in range(6)
)
CALL = Call("Hive 0", {"hive-id": 12})


def row_of(*messages: dict[str, Any], calls: tuple[Call, ...] = (CALL,), index: int = 0) -> Any:
    return to_row(Sample("xlam", messages or (QUESTION,), TOOLS, calls), index)


def test_without_the_needed_function_no_call_is_wanted() -> None:
    row = augmented(row_of(), Augmentation(irrelevance=1.0))
    sample = from_row(row)
    assert sample.calls == ()
    assert [tool["name"] for tool in sample.tools] == [f"Hive_{n}" for n in range(1, 6)]
    assert row["reward_model"]["ground_truth"] == "[]"
    assert "Hive_0" not in row["prompt"][0]["content"]
    assert sample.extra == {"augmented": ["without_needed"]}


def test_masked_names_say_nothing_and_lead_back() -> None:
    row = augmented(row_of(), Augmentation(mask=1.0))
    sample = from_row(row)
    assert "Hive_" not in row["prompt"][0]["content"]
    assert "hive_id" not in row["prompt"][0]["content"]
    assert [tool["description"] for tool in sample.tools] == [f"Number {n}." for n in range(6)]
    assert ToolSet.from_json(row["extra_info"]["tools"]).check(sample.calls) is None
    assert sample.calls[0].arguments != CALL.arguments
    assert restore(sample.calls, Renaming.from_json(row["extra_info"]["renamed"])) == (CALL,)


def test_the_order_of_functions_changes_and_nothing_else() -> None:
    row = augmented(row_of(), Augmentation(shuffle=1.0))
    names = [tool["name"] for tool in from_row(row).tools]
    assert names != [f"Hive_{n}" for n in range(6)]
    assert sorted(names) == [f"Hive_{n}" for n in range(6)]
    assert from_row(row).calls == from_row(row_of()).calls


def test_all_of_it_at_once_is_still_a_sound_row() -> None:
    row = augmented(row_of(), Augmentation(irrelevance=0.5, mask=1.0, shuffle=1.0, seed=3))
    sample = from_row(row)
    assert ToolSet.from_json(row["extra_info"]["tools"]).check(sample.calls) is None
    assert len(json.loads(row["extra_info"]["facts"])["augmented"]) >= 2


def test_a_share_of_the_rows_is_changed_and_the_seed_says_which() -> None:
    def changed(seed: int) -> list[int]:
        plan = Augmentation(mask=0.3, seed=seed)
        return [n for n in range(400) if augmented(row_of(index=n), plan) != row_of(index=n)]

    assert 80 <= len(changed(0)) <= 160
    assert changed(0) == changed(0)
    assert changed(0) != changed(1)


@pytest.mark.parametrize(
    "row",
    [
        row_of(QUESTION, {"role": "assistant", "content": "", "calls": (CALL,)}, QUESTION),
        row_of(QUESTION, {"role": "assistant", "content": "12 kg"}, QUESTION),
    ],
)
def test_dialogues_are_left_alone(row: Any) -> None:
    assert augmented(row, Augmentation(irrelevance=1.0, mask=1.0, shuffle=1.0)) == row


def test_a_row_cannot_lose_its_only_function() -> None:
    only = to_row(Sample("xlam", (QUESTION,), TOOLS[:1], (CALL,)), 0)
    assert augmented(only, Augmentation(irrelevance=1.0)) == only


NAMES = ["a", "b", "c", "d"]


@st.composite
def bijections(draw: st.DrawFn, fresh: list[str]) -> dict[str, str]:
    """Old name -> new name for all of NAMES, some unchanged."""
    unchanged = {name for name in NAMES if draw(st.booleans())}
    new = iter(draw(st.permutations(fresh)))
    return {name: name if name in unchanged else next(new) for name in NAMES}


@given(
    bijections(["p", "q", "r", "s"]),
    bijections(["t", "u", "v", "w"]),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
)
def test_two_renamings_lead_back_as_one(
    first: dict[str, str], second: dict[str, str], name: str, parameter: str
) -> None:
    """`first` and `second` are used for functions and, reversed in order, for parameters."""
    second = {first[old]: new if new != old else first[old] for old, new in second.items()}
    earlier = back(first, {old: dict(first) for old in NAMES})
    later = back(second, {new: dict(second) for new in second})
    call = Call(second[first[name]], {second[first[parameter]]: 1})
    both = restore(restore([call], later), earlier)
    assert both == (Call(name, {parameter: 1}),)
    assert restore([call], compose(later, earlier)) == both


def back(functions: dict[str, str], parameters: dict[str, dict[str, str]]) -> Renaming:
    from egpo_verl.datasets.tools.names import way_back_of

    return way_back_of(functions, parameters)
