"""`doctor --model --data`: what verl could not use is named, with the fix."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from egpo_verl.doctor.environment import check_model_and_data
from egpo_verl.doctor.finding import Finding, State
from egpo_verl.doctor.rows import check_data
from egpo_verl.doctor.sample import TINY_MODEL
from egpo_verl.doctor.trl import check_trl

Tool = dict[str, Any]
PROMPT = [{"role": "user", "content": "How is the weather in Paris?"}]
CALLS = json.dumps([{"name": "weather", "arguments": {"city": "Paris"}}])


def tool(name: str, **parameters: str) -> Tool:
    properties = {key: {"type": kind} for key, kind in parameters.items()}
    return {"name": name, "parameters": {"type": "object", "properties": properties}}


def row(**columns: Any) -> dict[str, Any]:
    """A row in verl's columns."""
    tools = json.dumps([tool("weather", city="string")])
    return {
        "data_source": "own",
        "prompt": PROMPT,
        "reward_model": {"style": "rule", "ground_truth": CALLS},
        "extra_info": {"index": 0, "tools": tools},
        **columns,
    }


def write(path: Path, *rows: dict[str, Any]) -> str:
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return str(path)


def the_problem(findings: Any) -> Finding:
    (problem,) = [one for one in findings if one.state is not State.OK]
    return problem


def test_rows_of_the_right_shape_pass(tmp_path: Path) -> None:
    (finding,) = check_data(write(tmp_path / "a.parquet", row()))
    assert (finding.state, "1 rows read" in finding.text) == (State.OK, True)


def test_a_prompt_under_another_name(tmp_path: Path) -> None:
    """verl's data.prompt_key."""
    question = row()
    question["question"] = question.pop("prompt")
    name = write(tmp_path / "a.parquet", question)
    problem = the_problem(check_data(name))
    assert "lacks the column prompt, which data.prompt_key names" in problem.text
    assert "it has data_source, reward_model, extra_info, question" in problem.text
    assert [one.state for one in check_data(name, prompt_key="question")] == [State.OK]


@pytest.mark.parametrize("name", ["hdfs://cluster/a.parquet", "rows.json", "rows.jsonl"])
def test_files_that_verl_reads_and_the_doctor_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if "://" not in name:
        (tmp_path / name).write_text("{}\n")
    assert the_problem(check_data(name)).state is State.WARN


def test_a_format_that_verl_does_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("prompt\n")
    problem = the_problem(check_data(str(tmp_path / "a.csv")))
    assert "verl reads .parquet, .json and .jsonl only" in problem.text


def test_a_missing_file_names_the_tool_that_makes_it(tmp_path: Path) -> None:
    problem = the_problem(check_data(str(tmp_path / "no.parquet")))
    assert "is not there: make it with python -m egpo_verl.preprocess" in problem.text


@pytest.mark.parametrize("content", [b"", b"not parquet at all"])
def test_a_file_that_is_no_parquet(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    assert "is not a parquet file" in the_problem(check_data(str(tmp_path / "a.parquet"))).text


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    name = write(tmp_path / "a.parquet", {"prompt": "p"})
    problem = the_problem(check_data(name))
    assert "lacks the column data_source, reward_model" in problem.text


def test_no_rows(tmp_path: Path) -> None:
    empty = pa.Table.from_pylist([row()]).slice(0, 0)
    pq.write_table(empty, tmp_path / "a.parquet")
    assert "holds no rows" in the_problem(check_data(str(tmp_path / "a.parquet"))).text


def info(tools: Any) -> dict[str, Any]:
    return {"extra_info": {"index": 0, "tools": tools}}


def turns(arguments: Any) -> dict[str, Any]:
    call = {"name": "weather", "arguments": arguments}
    turn = {"role": "assistant", "content": "", "tool_calls": [{"function": call}]}
    return {"prompt": [*PROMPT, turn]}


@pytest.mark.parametrize(
    ("columns", "path"),
    [
        (info([tool("weather", city="string")]), "extra_info.tools"),
        (turns({"city": "Paris"}), "prompt.tool_calls"),
        ({"reward_model": {"ground_truth": [{"name": "f"}]}}, "reward_model.ground_truth"),
    ],
)
def test_structs_that_arrow_merges_are_warned_of(
    tmp_path: Path, columns: dict[str, Any], path: str
) -> None:
    name = write(tmp_path / "a.parquet", row(**columns))
    first = next(one for one in check_data(name) if one.state is not State.OK)
    assert (first.state, f"{path} is stored as Arrow structs" in first.text) == (State.WARN, True)
    assert "JSON text" in first.fix


INFO = {"index": 0, "tools": json.dumps([tool("weather", city="string")])}


@pytest.mark.parametrize(
    ("rows", "path"),
    [
        (
            [
                {"extra_info": {**INFO, "state": {"a": 1}}},
                {"extra_info": {**INFO, "state": {"b": 2}}},
            ],
            "extra_info.state",
        ),
        ([{"facts": [{"x": 1}]}, {"facts": [{"y": [1]}]}], "facts"),
        (
            [
                {"extra_info": {**INFO, "env": {"s": {"a": 1}}}},
                {"extra_info": {**INFO, "env": {"s": {"b": 1}}}},
            ],
            "extra_info.env.s",
        ),
    ],
)
def test_structs_of_any_name_whose_keys_differ_are_warned_of(
    tmp_path: Path, rows: list[dict[str, Any]], path: str
) -> None:
    name = write(tmp_path / "a.parquet", *(row(**columns) for columns in rows))
    problem = the_problem(check_data(name))
    assert (problem.state, f"{path} is stored as Arrow structs" in problem.text) == (
        State.WARN,
        True,
    )


def test_a_file_of_structs_that_has_not_verls_columns_names_both(tmp_path: Path) -> None:
    """A dataset's parquet, given to training as it is."""
    raw_row = {
        "messages": turns({"city": "Paris"})["prompt"],
        "tools": [tool("weather", city="string")],
    }
    findings = list(check_data(write(tmp_path / "a.parquet", raw_row)))
    assert [one.state for one in findings] == [State.FAIL, State.WARN]
    assert "lacks the column prompt" in findings[0].text
    assert "messages.tool_calls, tools are stored as Arrow structs" in findings[1].text
    assert "preprocess openai" in findings[1].fix


def test_what_arrow_does_to_such_rows(tmp_path: Path) -> None:
    """The reason for the warning: a tool has the other's parameter, as null."""
    rows = [row(**info([tool("a", city="string")])), row(**info([tool("b", days="integer")]))]
    name = write(tmp_path / "a.parquet", *rows)
    read = pq.read_table(name).to_pylist()[0]["extra_info"]["tools"][0]
    assert read["parameters"]["properties"]["days"] is None


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"prompt": [{"role": "user", "content": "q", "name": 1}]},
        {"extra_info": {**INFO, "state": {"a": 1, "b": None}}},
    ],
)
def test_structs_of_fixed_keys_are_as_verl_has_them(
    tmp_path: Path, columns: dict[str, Any]
) -> None:
    name = write(tmp_path / "a.parquet", row(**columns))
    more = write(tmp_path / "b.parquet", row(**columns), row(extra_info={**INFO, "more": 1}))
    assert [one.state for one in (*check_data(name), *check_data(more))] == [State.OK] * 2


def test_a_model_folder_needs_a_model_and_a_tokenizer(tmp_path: Path) -> None:
    first = next(iter(check_model_and_data(str(tmp_path))))
    assert "holds no config.json" in first.text
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    first = next(iter(check_model_and_data(str(tmp_path))))
    assert "holds no tokenizer" in first.text


@pytest.mark.parametrize(
    "name", ["/no/such/model", "./model", "~/model/x", "runs/a/model", "model"]
)
def test_a_path_that_is_no_folder(name: str) -> None:
    first = next(iter(check_model_and_data(name)))
    assert (first.state, "is no folder" in first.text) == (State.FAIL, True)


def test_several_files_are_all_checked(tmp_path: Path) -> None:
    good = write(tmp_path / "train.parquet", row())
    findings = list(check_model_and_data(str(TINY_MODEL), [good, str(tmp_path / "test.parquet")]))
    assert "1 rows read" in next(one.text for one in findings if one.check == "data")
    assert "test.parquet is not there" in the_problem(findings).text


@pytest.fixture
def installed_trl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A package `trl` with this content."""

    def install(content: str) -> None:
        (tmp_path / "trl.py").write_text(content)
        monkeypatch.delitem(__import__("sys").modules, "trl", raising=False)
        monkeypatch.syspath_prepend(tmp_path)

    return install


def test_a_trl_that_verl_cannot_live_beside(installed_trl: Callable[[str], None]) -> None:
    assert list(check_trl()) == []
    installed_trl("")
    problem = the_problem(check_trl())
    assert (problem.state, problem.commands) == (State.FAIL, ("pip uninstall trl",))


def test_a_trl_that_has_what_verl_patches(installed_trl: Callable[[str], None]) -> None:
    installed_trl("class AutoModelForCausalLMWithValueHead: ...")
    (finding,) = check_trl()
    assert finding.state is State.OK
