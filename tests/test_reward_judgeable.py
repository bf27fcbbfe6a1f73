"""What preprocess keeps earns 1 with its reference; what cannot be judged is dropped or named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from egpo_verl.calls import Call, Reason, ToolSet, parse, render
from egpo_verl.preprocess import main
from egpo_verl.reward import compute_score

THOUGHT = "<think>So.</think>"
TRUTH = '[{"name": "f", "arguments": {"a": 1}}]'


def row(
    arguments: dict[str, Any], *tools: dict[str, Any], name: str = "f", query: str = "Do it."
) -> dict[str, str]:
    """A row of xLAM."""
    answers = [{"name": name, "arguments": arguments}]
    return {"query": query, "tools": json.dumps(tools), "answers": json.dumps(answers)}


def tool(parameters: Any, name: str = "f", **more: Any) -> dict[str, Any]:
    return {"name": name, "description": "", "parameters": parameters, **more}


def preprocessed(folder: Path, *rows: dict[str, str]) -> tuple[list[dict[str, Any]], str]:
    """The rows kept, and the report."""
    source, out = folder / "rows.jsonl", folder / "out"
    source.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    words = ["xlam", "--local_dataset_path", str(source), "--local_save_dir", str(out)]
    assert main([*words, "--split_by", "random", "--test_size", "0.5"]) == 0
    tables = [pq.read_table(out / f"{part}.parquet") for part in ("train", "test")]
    rows = [one for table in tables for one in table.to_pylist()]
    return rows, (out / "report.md").read_text(encoding="utf-8")


def score_of_reference(row: dict[str, Any]) -> Reason:
    truth, info = row["reward_model"]["ground_truth"], row["extra_info"]
    calls = tuple(Call(call["name"], call["arguments"]) for call in json.loads(truth))
    result = compute_score(row["data_source"], THOUGHT + render(calls), truth, info)
    return Reason(result["reason"])


STRING = {"type": "string"}
A = {"$ref": "#/$defs/A"}
PLAIN = row({"a": "x"}, tool({"a": STRING}), query="The plain one.")
KEPT = {
    "Devanagari": row({"नाम": "x"}, tool({"नाम": STRING}, "मौसम_बताओ"), name="मौसम_बताओ"),
    "Thai": row({"ชื่อ": "x"}, tool({"ชื่อ": STRING}, "พยากรณ์"), name="พยากรณ์"),
    "vowel-marked Arabic": row({"اِسْم": "x"}, tool({"اِسْم": STRING}, "طَقْس"), name="طَقْس"),
    "a decomposed choice": row({"a": "café"}, tool({"a": {**STRING, "enum": ["cafe\u0301"]}})),
    "a composed choice": row({"a": "cafe\u0301"}, tool({"a": {**STRING, "enum": ["café"]}})),
    "a decomposed key inside": row(
        {"a": {"e\u0301": 1}},
        tool({"a": {"type": "object", "properties": {"é": {"type": "int"}}, "required": ["é"],
                    "additionalProperties": False}}),
    ),
    "a pattern of names": row(
        {"x_1": "v"},
        tool({"type": "object", "properties": {}, "patternProperties": {"^x_": STRING}}),
    ),
    "arguments in allOf": row(
        {"a": 1, "b": 2},
        tool({"type": "object", "allOf": [{"properties": {"a": {"type": "integer"}}},
                                          {"properties": {"b": {"type": "integer"}}}]}),
    ),
    "arguments in anyOf": row(
        {"b": 2, "c": 3},
        tool({"type": "object", "properties": {"c": {"type": "integer"}},
              "anyOf": [{"properties": {"a": {}}, "required": ["a"]},
                        {"properties": {"b": {}}, "required": ["b"]}]}),
    ),
    "a reference for all arguments": row(
        {"value": 1},
        tool({"$ref": "#/$defs/Args",
              "$defs": {"Args": {"type": "object", "properties": {"value": {"type": "number"}}}}}),
    ),
    "a list among the required": row(
        {"a-1": "x"},
        tool({"type": "object", "properties": {"a-1": STRING}, "required": ["a-1", ["b"]]}),
    ),
    "a list among the required beside": row(
        {"a-1": "x"}, tool({"a-1": STRING}, required=["a-1", ["b"]])
    ),
    "a number that no float holds": row({"a": 2**53 + 1}, tool({"a": {"type": "float"}})),
    "a number with many noughts": row({"a": 10**23}, tool({"a": {"type": "float"}})),
}  # fmt: skip
DROPPED = {
    "two tools of one composed name": (
        row({}, tool({}, "café"), tool({"a": STRING}, "cafe\u0301"), name="café"),
        "duplicate_tool",
    ),
    "a closing tag in a value": (
        row({"a": "say </think> now"}, tool({"a": STRING})),
        "unspellable",
    ),
    "an opening tag in a value": (row({"a": "<think>"}, tool({"a": STRING})), "unspellable"),
}


@pytest.mark.parametrize("name", KEPT)
def test_a_row_that_is_kept_earns_one_with_its_reference(name: str, tmp_path: Path) -> None:
    rows, report = preprocessed(tmp_path, PLAIN, {**KEPT[name], "query": "The other."})
    assert len(rows) == 2, report
    assert [score_of_reference(one) for one in rows] == [Reason.OK] * 2


@pytest.mark.parametrize("name", DROPPED)
def test_a_row_that_cannot_be_judged_is_dropped(name: str, tmp_path: Path) -> None:
    bad, reason = DROPPED[name]
    more = {**PLAIN, "query": "A third."}
    rows, report = preprocessed(tmp_path, PLAIN, more, {**bad, "query": "The other."})
    assert len(rows) == 2
    assert reason in report


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        ({"allOf": [{"properties": {"a": {"type": "integer"}}}]}, {"a": 1}, {"b": 1}),
        ({"anyOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}, {"b": 1}, {"c": 1}),
        ({**A, "$defs": {"A": {"properties": {"a": {}}}}}, {"a": 1}, {"b": 1}),
        ({"properties": {"a": {}}, "allOf": [A], "$defs": {"A": A}}, {"a": 1}, {"b": 1}),
    ],
)  # fmt: skip
def test_a_function_is_closed_wherever_it_declares_its_arguments(
    schema: dict[str, Any], right: dict[str, Any], wrong: dict[str, Any]
) -> None:
    tools = ToolSet.from_json(json.dumps([tool({"type": "object", **schema})]))
    assert tools.check([Call("f", right)]) is None
    assert tools.check([Call("f", wrong)]) in (Reason.UNKNOWN_ARGUMENT, Reason.WRONG_VALUE)


def test_a_part_that_takes_anything_leaves_the_function_open() -> None:
    more = {"allOf": [{"properties": {"a": {}}, "additionalProperties": True}]}
    tools = ToolSet.from_json(json.dumps([tool({"type": "object", **more})]))
    assert tools.check([Call("f", {"b": 1})]) is None


def test_patterns_of_names_are_unchecked_and_say_so() -> None:
    schema = {"type": "object", "patternProperties": {"^x-(a+)+$": {"type": "integer"}}}
    tools = ToolSet.from_json(json.dumps([tool(schema)]))
    assert tools.check([Call("f", {"x-1": "text"})]) is None
    assert "patternProperties" in tools.unchecked[0]


@pytest.mark.parametrize("name", ["नमस्ते", "สวัสดี", "مَرْحَبًا", "ở_đâu", "Straße"])
def test_names_that_python_spells_are_read(name: str) -> None:
    assert name.isidentifier()
    calls = (Call(name, {name: "x"}),)
    assert parse(f"[{name}({name}='x')]").calls == calls
    assert parse(render(calls)).calls == calls


@pytest.mark.parametrize("name", ["f，", "f“x”", "f\u00a0x", "f\u200b", "f．g"])
def test_names_that_python_does_not_spell_are_not(name: str) -> None:
    assert parse(f"[{name}(a='x')]").calls is None
    assert parse(f"[f({name}='x')]").calls is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"think_in_prompt": "False"}, "'think_in_prompt'] must be true or false, not 'False'"),
        ({"call_form": ["python"]}, r"unknown form of calls \['python'\]"),
        ({"call_form": "xml"}, "unknown form of calls 'xml'"),
        ({"tools": [{"name": "f"}]}, "must be JSON text"),
        ({"tools": "[{}]"}, "a tool has no name"),
        ({"tools": '[{"name": "é"}, {"name": "e\\u0301"}]'}, "two tools have the name 'é'"),
    ],
)
def test_a_row_that_cannot_be_judged_is_named(changes: dict[str, Any], says: str) -> None:
    info = {"index": 7, **changes}
    for response in (THOUGHT + "[f(a=1)]", "no thought at all", None):
        with pytest.raises(ValueError, match=rf"^row 7 of xlam: .*{says}"):
            compute_score("xlam", response, TRUTH, info)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"format_bonus": "0.5"}, "format_bonus must be a number, not '0.5'"),
        ({"name_credit": None}, "name_credit must be a number, not None"),
        ({"format_bonus": True}, "format_bonus must be a number, not True"),
        ({"format_bonus": float("nan")}, r"format_bonus must lie in \[0, 1\]"),
        ({"strings": ["exact"]}, r"unknown comparison of strings \['exact'\]"),
    ],
)
def test_an_option_of_another_type_is_one_sentence(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        compute_score("xlam", THOUGHT + "[f(a=1)]", TRUTH, None, **options)


def test_extra_info_that_is_no_mapping_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="row None of xlam: extra_info must be a mapping, not str"):
        compute_score("xlam", THOUGHT, TRUTH, "{}")  # type: ignore[arg-type]
