"""Names that Python cannot spell are renamed, and the way back is exact."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egpo_verl.calls import Call, parse, render
from egpo_verl.calls.python_form import is_python_name
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.tools.dialects import parameters_of
from egpo_verl.datasets.tools.names import Renaming, new_names, rename, restore


@pytest.mark.parametrize(
    ("name", "dotted", "good"),
    [
        ("f", False, True),
        ("_f2", False, True),
        ("a.b.c", True, True),
        ("a.b", False, False),
        ("a..b", True, False),
        (".a", True, False),
        ("a.", True, False),
        ("a.class", True, False),
        ("from", False, False),
        ("None", False, False),
        ("Search Managers", True, False),
        ("hive-id", False, False),
        ("7day", True, False),
        ("a/b", True, False),
        ("", True, False),
        ("größe", False, True),
        ("天气", True, True),
        ("ﬁle", False, False),
    ],
)
def test_spellable(name: str, dotted: bool, good: bool) -> None:
    assert is_python_name(name, dotted=dotted) is good


@pytest.mark.parametrize(
    ("name", "new"),
    [
        ("Search Managers", "Search_Managers"),
        ("Daily Match List-Scheduled", "Daily_Match_List_Scheduled"),
        ("7day", "_7day"),
        ("from", "from_"),
        ("a/b", "a_b"),
        ("g.3kq.", "g._3kq"),
        ("ﬁle", "file"),
        ("!?", "_"),
        ("", "_"),
        ("²", "_2"),
    ],
)
def test_new_names_stay_close_to_the_old(name: str, new: str) -> None:
    assert new_names([name], dotted=True) == {name: new}


def test_new_names_do_not_collide() -> None:
    names = ["a b", "a_b", "a-b", "a/b"]
    assert new_names(names) == {"a b": "a_b_2", "a_b": "a_b", "a-b": "a_b_3", "a/b": "a_b_4"}


@given(st.lists(st.text(max_size=8)), st.booleans())
def test_any_names_become_distinct_names_that_python_can_spell(
    names: list[str], dotted: bool
) -> None:
    new = new_names(names, dotted)
    assert set(new) == set(names)
    assert len(set(new.values())) == len(new)
    assert all(is_python_name(name, dotted=dotted) for name in new.values())
    assert all(name == new[name] for name in names if is_python_name(name, dotted=dotted))


FLAT = {"hive-id": {"type": "int"}, "from": {"type": "str"}, "days": {"type": "int, optional"}}
SCHEMA = {"type": "object", "properties": FLAT, "required": ["hive-id", "from"]}
NEW_FLAT = {"hive_id": {"type": "int"}, "from_": {"type": "str"}, "days": FLAT["days"]}
NEW_SCHEMA = {"type": "object", "properties": NEW_FLAT, "required": ["hive_id", "from_"]}


@pytest.mark.parametrize(
    ("tool", "new"),
    [
        (
            {"name": "Hive Weight", "parameters": FLAT},
            {"name": "Hive_Weight", "parameters": NEW_FLAT},
        ),
        (
            {"name": "Hive Weight", "parameters": SCHEMA, "required": None},
            {"name": "Hive_Weight", "parameters": NEW_SCHEMA, "required": None},
        ),
        (
            {"name": "Hive Weight", "arguments": SCHEMA},
            {"name": "Hive_Weight", "arguments": NEW_SCHEMA},
        ),
        (
            {"type": "function", "function": {"name": "Hive Weight", "parameters": SCHEMA}},
            {"type": "function", "function": {"name": "Hive_Weight", "parameters": NEW_SCHEMA}},
        ),
    ],
)
def test_a_row_is_renamed_as_a_whole_and_restored(
    tool: dict[str, object], new: dict[str, object]
) -> None:
    call = Call("Hive Weight", {"hive-id": 12, "from": "May", "days": 3})
    question = {"role": "user", "content": "How heavy is Hive Weight?"}
    earlier = {"role": "assistant", "content": "", "calls": (call,)}
    sample = Sample("xlam", (question, earlier, question), (tool, {"name": "idle"}), (call,))
    renamed, way_back = rename(sample)

    expected = Call("Hive_Weight", {"hive_id": 12, "from_": "May", "days": 3})
    assert renamed.tools == (new, {"name": "idle"})
    assert renamed.calls == (expected,)
    assert renamed.messages == (question, {**earlier, "calls": (expected,)}, question)
    assert parse(render(renamed.calls)).calls == renamed.calls
    assert restore(renamed.calls, Renaming.from_json(way_back.to_json())) == (call,)


def test_a_row_with_good_names_is_left_alone() -> None:
    sample = Sample("xlam", (), ({"name": "a.b", "parameters": {"c": {}}},), (Call("a.b"),))
    assert rename(sample) == (sample, Renaming())
    assert Renaming().to_json() == "{}"


@pytest.mark.parametrize("text", ["[]", "null", "x", ""])
def test_a_broken_way_back_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json's error is a ValueError too
        Renaming.from_json(text)


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({"type": {"type": "str"}, "properties": {"type": "dict"}}, ["type", "properties"]),
        ({"properties": {"type": "dict", "description": "what"}}, ["properties"]),
        ({"properties": {"a": {"type": "str"}}}, ["a"]),
        ({"type": "dict", "properties": {"a": {}}, "required": ["a"]}, ["a"]),
        ({"type": "object"}, []),
        ({}, []),
        (None, []),
    ],
)
def test_parameters_named_like_schema_words_are_parameters(
    parameters: object, names: list[str]
) -> None:
    assert list(parameters_of({"name": "f", "parameters": parameters})) == names
