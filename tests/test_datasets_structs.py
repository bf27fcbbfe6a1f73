"""Parquet that stores tools and calls as structs: Arrow fills every absent key with null."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from egpo_verl.preprocess import main
from egpo_verl.reward import compute_score

Row = dict[str, Any]
Convert = Callable[..., dict[int, Row]]


def tool(name: str, required: list[str], /, **properties: Any) -> Row:
    parameters = {"type": "object", "properties": properties, "required": required}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def called(name: str, arguments: Row) -> Row:
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"type": "function", "function": {"name": name, "arguments": arguments}}],
    }


def row(question: str, tools: list[Row], *calls: Row) -> Row:
    messages = [{"role": "user", "content": question}]
    for number, call in enumerate(calls):
        if number:
            messages.append({"role": "tool", "content": "done"})
        messages.append(call)
    return {"messages": messages, "tools": tools}


TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
WEATHER = tool("weather", ["city"], city=TEXT, days=WHOLE)
PLAY = tool("play", ["song"], song=TEXT, where={"type": "object", "properties": {"room": TEXT}})
SQUARE = tool("square", ["x"], x={**WHOLE, "minimum": 0})
MAYBE = tool("maybe", [], name={"anyOf": [TEXT, {"type": "null"}]})
MUST = tool("must", ["name"], name={"anyOf": [TEXT, {"type": "null"}]})
GOOD = [
    row("Weather?", [WEATHER, SQUARE], called("weather", {"city": "Paris"})),
    row("Play!", [PLAY], called("play", {"song": "Hey", "where": {"room": "hall"}})),
    row("Play?", [PLAY, SQUARE], called("play", {"song": "Yo"}), called("square", {"x": 3})),
    row("Square?", [SQUARE, WEATHER], called("square", {"x": 3})),
    row("Who?", [MUST, PLAY], called("must", {"name": None})),
]


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    """Preprocess rows as a file of a kind; gives them by index, all of them for training."""

    def call(rows: list[Row], kind: str) -> dict[int, Row]:
        source, out = tmp_path / f"in.{kind}", tmp_path / kind
        if kind == "parquet":
            pq.write_table(pa.Table.from_pylist(rows), source)
        else:
            source.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        paths = ["--local_dataset_path", str(source), "--local_save_dir", str(out)]
        assert main(["openai", *paths, "--test_size", "0"]) == 0
        written = pq.read_table(out / "train.parquet").to_pylist()
        return dict(enumerate(written))

    return call


def test_merged_structs_are_the_rows_that_they_were(convert: Convert, tmp_path: Path) -> None:
    merged, plain = convert(GOOD, "parquet"), convert(GOOD, "jsonl")
    assert len(merged) == len(plain) == 6
    for number, expected in plain.items():
        info, other = merged[number]["extra_info"], expected["extra_info"]
        assert json.loads(info["tools"]) == json.loads(other["tools"])
        assert merged[number]["reward_model"] == expected["reward_model"]
        assert [m["content"] for m in merged[number]["prompt"][1:]] == [
            m["content"] for m in expected["prompt"][1:]
        ]
    report = (tmp_path / "parquet" / "report.md").read_text()
    assert "| null-filled keys of merged structs removed | 6 |" in report


def test_the_right_answer_to_a_merged_row_is_paid(convert: Convert) -> None:
    rows = convert(GOOD, "parquet")
    answers = ["weather(city='Paris')", "play(song='Hey', where={'room': 'hall'})"]
    for number, answer in enumerate(answers):
        row = rows[number]
        truth = row["reward_model"]["ground_truth"]
        response = f"<think>So.</think>[{answer}]"
        assert compute_score("openai", response, truth, row["extra_info"])["score"] == 1.0


@pytest.mark.parametrize(
    ("tools", "call"),
    [
        ([MAYBE], called("maybe", {"name": None})),
        ([tool("free", ["o"], o={"type": "object"})], called("free", {"o": {"a": 1}})),
    ],
)
def test_a_null_that_may_be_meant_drops_the_row_and_names_the_cure(
    convert: Convert, tmp_path: Path, tools: list[Row], call: Row
) -> None:
    """`name` may be null and may be absent; a free object may hold any key, null or not."""
    other = row(
        "Free?", [tool("free", ["o"], o={"type": "object"})], called("free", {"o": {"b": 2}})
    )
    rows = convert([*GOOD, row("Ambiguous?", tools, call), other], "parquet")
    assert not any("Ambiguous" in r["prompt"][-1]["content"] for r in rows.values())
    report = (tmp_path / "parquet" / "report.md").read_text()
    assert "merged_structs" in report
    assert "JSON text" in report


def test_nulls_of_a_json_file_are_what_somebody_wrote(convert: Convert) -> None:
    (written,) = convert([row("Who?", [MAYBE], called("maybe", {"name": None}))], "jsonl").values()
    assert json.loads(written["reward_model"]["ground_truth"])[0]["arguments"] == {"name": None}


def test_structs_that_hold_json_text_are_left_alone(convert: Convert, tmp_path: Path) -> None:
    """The cure that the report names: arguments and tools as text."""
    rows = [
        {**r, "tools": json.dumps(r["tools"]), "messages": json.dumps(r["messages"])} for r in GOOD
    ]
    assert convert(rows, "parquet") == convert(GOOD, "jsonl")
    assert "merged structs" not in (tmp_path / "parquet" / "report.md").read_text()


DEFINED = tool("visit", ["place"], place={"$ref": "#/$defs/Place"}, level={"enum": ["low", "high"]})
DEFINED["function"]["parameters"]["$defs"] = {
    "Place": {"type": "object", "properties": {"town": TEXT, "near": {"$ref": "#/$defs/Near"}}},
    "Near": {"allOf": [{"enum": ["sea", "lake"]}]},
}
PING = tool("ping", [])
EITHER = {"anyOf": [{"$ref": "#/$defs/Spot"}, {"type": "object", "properties": {"zone": TEXT}}]}
SPOT = tool("park", ["at"], at=EITHER)
SPOT["function"]["parameters"]["$defs"] = {"Spot": {"type": "object", "properties": {"x": WHOLE}}}
COUNTED = tool("tally", ["of"], of={"type": "object", "additionalProperties": {"type": "integer"}})


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(
            [row("Ping?", [PING, WEATHER], called("ping", {}))], id="a function without parameters"
        ),
        pytest.param(
            [
                row(
                    "Ping and?",
                    [PING, WEATHER],
                    called("ping", {}),
                    called("weather", {"city": "A"}),
                )
            ],
            id="one in the history",
        ),
        pytest.param(
            [
                row("Visit?", [DEFINED], called("visit", {"place": {"town": "Hoorn"}})),
                row("To sea?", [DEFINED], called("visit", {"place": {"near": "sea"}})),
                row("How?", [DEFINED], called("visit", {"place": {}, "level": "low"})),
            ],
            id="$ref, and an enum without a type",
        ),
        pytest.param(
            [
                row("Park?", [SPOT], called("park", {"at": {"x": 1}})),
                row("Where?", [SPOT], called("park", {"at": {"zone": "B"}})),
            ],
            id="alternatives, one of them a $ref",
        ),
        pytest.param(
            [
                row("Tally a?", [COUNTED], called("tally", {"of": {"a": 1}})),
                row("Tally b?", [COUNTED], called("tally", {"of": {"b": 2}})),
            ],
            id="a map of whole numbers",
        ),
    ],
)
def test_a_null_that_nobody_can_have_written_loses_no_row(
    convert: Convert, rows: list[Row]
) -> None:
    rows = [*GOOD, *rows]
    merged, plain = convert(rows, "parquet"), convert(rows, "jsonl")
    assert len(merged) == len(plain)
    for number, expected in plain.items():
        assert merged[number]["reward_model"] == expected["reward_model"]
        assert merged[number]["prompt"][1:] == expected["prompt"][1:]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/Maybe"},
        {"enum": ["a", None]},
        {"oneOf": [TEXT, {"$ref": "#/$defs/Nothing"}]},
    ],
)
def test_a_null_that_a_definition_allows_may_be_meant(
    convert: Convert, tmp_path: Path, schema: Row
) -> None:
    odd = tool("odd", [], name=schema)
    odd["function"]["parameters"]["$defs"] = {
        "Maybe": {"type": ["string", "null"]},
        "Nothing": {"type": "null"},
    }
    convert([*GOOD, row("Odd?", [odd], called("odd", {}))], "parquet")
    assert "| merged_structs | 1 |" in (tmp_path / "parquet" / "report.md").read_text()


@pytest.mark.parametrize(
    "others",
    [
        {"additionalProperties": True},
        {"additionalProperties": {"description": "anything"}},
        {"additionalProperties": {"type": ["integer", "null"]}},
        {"patternProperties": {"^x": {"description": "anything"}}},
    ],
)
def test_a_null_under_a_key_that_may_be_anything_may_be_meant(
    convert: Convert, tmp_path: Path, others: Row
) -> None:
    odd = tool("odd", [], city=TEXT)
    odd["function"]["parameters"].update(others)
    meant = called("odd", {"city": "A", "x": None})
    convert([*GOOD, row("Odd?", [odd], meant)], "parquet")
    assert "| merged_structs | 1 |" in (tmp_path / "parquet" / "report.md").read_text()
