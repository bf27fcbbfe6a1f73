"""Everybody's own data in OpenAI's chat format, in the spellings that people have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from egpo_verl.preprocess import main

FERRY: dict[str, Any] = {
    "name": "book_ferry",
    "description": "Book a ferry across the lake.",
    "parameters": {
        "type": "object",
        "properties": {"pier": {"type": "string"}, "class": {"type": "integer"}},
        "required": ["pier"],
    },
}
CALL = {"name": "book_ferry", "arguments": {"pier": "east"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [{"function": CALL}]}
QUESTION = {"role": "user", "content": "A ferry from the east pier?"}
BOOKED = {"role": "tool", "content": "booked"}
DONE = {"role": "assistant", "content": "It is booked."}


def row(*messages: Any, **columns: Any) -> dict[str, Any]:
    return {"messages": list(messages), "tools": [FERRY], **columns}


def preprocess(folder: Path, *rows: Any, form: str = "json") -> list[dict[str, Any]]:
    """The rows that come of it, in their order; none where the job says that there are none."""
    source = folder / "rows.jsonl"
    source.write_text("".join(json.dumps(item) + "\n" for item in rows), "utf-8")
    out = folder / "out"
    paths = ["--local_dataset_path", str(source), "--local_save_dir", str(out)]
    # A row more on each side, so that the split always finds one.
    other = [row({"role": "user", "content": f"Pier {n}?"}, CALLED) for n in (1, 2)]
    with source.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(item) + "\n" for item in other)
    main(["openai", *paths, "--call_form", form, "--split_by", "random"])
    made = [
        item
        for name in ("train", "test")
        for item in pq.read_table(out / f"{name}.parquet").to_pylist()
    ]
    items = [item for item in made if not item["prompt"][-1]["content"].startswith("Pier ")]
    return sorted(items, key=lambda item: (item["extra_info"]["index"], len(item["prompt"])))


def dropped(folder: Path) -> dict[str, int]:
    """Reason -> count, as the report says."""
    report = (folder / "out" / "report.md").read_text("utf-8")
    _, _, table = report.partition("## Dropped")
    cells = [line.split("|") for line in table.partition("##")[0].splitlines()[4:]]
    return {cell[1].strip(): int(cell[2]) for cell in cells if len(cell) > 3}


def truths(rows: list[dict[str, Any]]) -> list[Any]:
    return [json.loads(item["reward_model"]["ground_truth"]) for item in rows]


def roles(item: dict[str, Any]) -> str:
    return " ".join(message["role"] for message in item["prompt"])


# What a person has, and what it means.


@pytest.mark.parametrize(
    "messages",
    [
        [QUESTION, {"role": "assistant", "tool_call": [CALL]}],
        [QUESTION, {"role": "assistant", "content": ""}],
        [QUESTION, {"role": "assistant", "content": " \n", "tool_calls": []}],
        [QUESTION, {"role": "assistant", "content": "<think>Hm.</think>\n"}],
    ],
)
def test_a_turn_with_neither_words_nor_calls_is_no_row(tmp_path: Path, messages: Any) -> None:
    assert preprocess(tmp_path, row(*messages, BOOKED, DONE)) == []
    assert dropped(tmp_path) == {"empty_turn": 1, "invalid_history": 1}


@pytest.mark.parametrize(
    "words",
    [
        "[book_ferry(pier='east')]",
        "<think>East.</think>[book_ferry(pier='east')]",
        '{"name": "book_ferry", "arguments": {"pier": "east"}}',
        '<tool_call>{"name": "book_ferry", "arguments": {"pier": "east"}}</tool_call>',
        "I'll call book_ferry('east').",
    ],
)
def test_words_that_are_a_call_do_not_say_that_no_call_fits(tmp_path: Path, words: str) -> None:
    """The reward would take them for a call and pay nothing; as history they may stand."""
    made = preprocess(
        tmp_path, row(QUESTION, {"role": "assistant", "content": words}, BOOKED, DONE)
    )
    assert [roles(item) for item in made] == ["system user assistant tool"]
    assert dropped(tmp_path) == {"written_call": 1}


@pytest.mark.parametrize(
    "words",
    [
        "Ask the harbour (office='east') for that.",
        "I could use book_ferry(pier), but which pier?",
        "In Python:\n```python\nprint(sorted(piers, key=len))\n```\nI cannot run it.",
    ],
)
def test_words_that_speak_of_calls_say_that_no_call_fits(tmp_path: Path, words: str) -> None:
    made = preprocess(tmp_path, row(QUESTION, {"role": "assistant", "content": words}))
    assert truths(made) == [[]]


def test_parquet_fills_parts_with_nulls(tmp_path: Path) -> None:
    parts = [
        {"type": "text", "text": "A ferry", "value": None},
        {"type": "text", "text": None, "value": "from the east pier?"},
    ]
    messages = [
        {"role": "user", "content": parts, "tool_calls": None},
        {"role": "assistant", "content": None, "tool_calls": json.dumps([CALL])},
    ]
    source = tmp_path / "rows.parquet"
    other = [{"role": "user", "content": [{**parts[0], "text": "Pier?"}]}, messages[1]]
    columns = [{"messages": item, "tools": json.dumps([FERRY])} for item in (messages, other)]
    pq.write_table(pa.Table.from_pylist(columns), source)
    out = tmp_path / "out"
    words = ("--local_dataset_path", str(source), "--local_save_dir", str(out))
    assert main(["openai", *words, "--split_by", "random"]) == 0
    texts = {
        item["prompt"][1]["content"]
        for name in ("train", "test")
        for item in pq.read_table(out / f"{name}.parquet").to_pylist()
    }
    assert texts == {"A ferry\nfrom the east pier?", "Pier?"}


def test_a_turn_of_weight_0_is_history_only(tmp_path: Path) -> None:
    first = {**CALLED, "weight": 0}
    made = preprocess(tmp_path, row(QUESTION, first, BOOKED, {**DONE, "weight": 1}))
    assert truths(made) == [[]]
    assert roles(made[0]) == "system user assistant tool"
    assert preprocess(tmp_path, row(QUESTION, first)) == []
    assert dropped(tmp_path) == {"bad_dialogue": 1}


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "input_audio", "input_audio": {}},
        {"type": "file", "file": {}},
        {"type": "tool_use", "name": "book_ferry", "input": {}},
        7,
    ],
)
def test_what_is_no_text_is_dropped_with_its_reason(tmp_path: Path, part: Any) -> None:
    shown = {"role": "user", "content": [{"type": "text", "text": "This pier?"}, part]}
    made = preprocess(tmp_path, row(QUESTION, CALLED, shown, CALLED, BOOKED, DONE))
    assert truths(made) == [[CALL]]
    assert dropped(tmp_path) == {"unsupported_content": 2}


@pytest.mark.parametrize("column", ["image", "images", "video", "audio"])
def test_a_column_of_media_is_dropped_with_its_reason(tmp_path: Path, column: str) -> None:
    assert preprocess(tmp_path, row(QUESTION, CALLED, **{column: ["a.png"]})) == []
    assert dropped(tmp_path) == {"unsupported_content": 1}


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("python", "Let me see.\n[book_ferry(pier='east')]"),
        (
            "hermes",
            'Let me see.\n<tool_call>\n{"name": "book_ferry", "arguments": {"pier": "east"}}\n'
            "</tool_call>",
        ),
    ],
)
def test_words_beside_calls_stay_in_the_history(tmp_path: Path, form: str, written: str) -> None:
    remark = {**CALLED, "content": "Let me see."}
    made = preprocess(tmp_path, row(QUESTION, remark, BOOKED, DONE), form=form)
    assert made[1]["prompt"][2] == {"role": "assistant", "content": written}
    assert truths(made) == [[CALL], []]


@pytest.mark.parametrize(
    ("content", "left"),
    [
        ("<think>East, then.</think>\n\nOne moment.", "One moment."),
        ("East, then.</think>One moment.", "One moment."),
        ("One moment.<think>And now", "One moment."),
        ([{"type": "reasoning", "value": "East."}, {"type": "text", "text": "So."}], "So."),
    ],
)
def test_thoughts_leave_the_history(tmp_path: Path, content: Any, left: str) -> None:
    earlier = {"role": "assistant", "content": content}
    made = preprocess(
        tmp_path, row(QUESTION, earlier, QUESTION, {**CALLED, "content": content}, QUESTION, DONE)
    )
    assert made[1]["prompt"][2]["content"] == left
    assert made[2]["prompt"][4]["content"].startswith(f"{left}\n[")
    # What users and tools write is theirs.
    question = {"role": "user", "content": "What is <think>a</think>?"}
    assert preprocess(tmp_path, row(question, DONE))[0]["prompt"][1] == question


@pytest.mark.parametrize(
    "item",
    [
        row({"role": "developer", "content": "Be brief."}, QUESTION, CALLED),
        row({"role": "system", "content": "Be brief."}, QUESTION, CALLED),
    ],
)
def test_the_developer_is_the_system(tmp_path: Path, item: dict[str, Any]) -> None:
    (made,) = preprocess(tmp_path, item)
    assert roles(made) == "system user"
    assert made["prompt"][0]["content"].endswith("\n\nBe brief.")
    both = row({"role": "system", "content": "Be kind."}, *item["messages"])
    (made,) = preprocess(tmp_path, both)
    assert made["prompt"][0]["content"].endswith("\n\nBe kind.\n\nBe brief.")
    assert json.loads(made["extra_info"]["facts"])["turn"] == 3


def test_a_function_message_is_a_tools_result(tmp_path: Path) -> None:
    called = {"role": "assistant", "function_call": {**CALL, "arguments": '{"pier": "east"}'}}
    heard = {"role": "function", "name": "book_ferry", "content": "booked"}
    made = preprocess(tmp_path, row(QUESTION, called, heard, DONE))
    assert truths(made) == [[CALL], []]
    assert made[1]["prompt"][-1] == BOOKED


def test_a_result_that_is_an_object_is_shown_as_json(tmp_path: Path) -> None:
    heard = {"role": "tool", "content": {"booked": True, "seat": None}}
    made = preprocess(tmp_path, row(QUESTION, CALLED, heard, DONE))
    assert made[1]["prompt"][-1]["content"] == '{"booked": true, "seat": null}'


TEXT = json.dumps({"pier": "east"})
SPELLINGS: dict[str, dict[str, Any]] = {
    "arguments as JSON text": row(
        QUESTION, {"role": "assistant", "tool_calls": [{"function": {**CALL, "arguments": TEXT}}]}
    ),
    "arguments encoded twice": row(
        QUESTION,
        {
            "role": "assistant",
            "tool_calls": [{"function": {**CALL, "arguments": json.dumps(TEXT)}}],
        },
    ),
    "a call without its wrapping": row(QUESTION, {"role": "assistant", "tool_calls": [CALL]}),
    "tool_calls as JSON text": row(
        QUESTION, {"role": "assistant", "tool_calls": json.dumps([{"function": CALL}])}
    ),
    "function_call as JSON text": row(
        QUESTION, {"role": "assistant", "function_call": json.dumps(CALL)}
    ),
    "a role function_call": row(QUESTION, {"role": "function_call", "content": json.dumps(CALL)}),
    "messages as JSON text": {"messages": json.dumps([QUESTION, CALLED]), "tools": [FERRY]},
    "tools as JSON text": {"messages": [QUESTION, CALLED], "tools": json.dumps([FERRY])},
    "each tool as JSON text": {"messages": [QUESTION, CALLED], "tools": [json.dumps(FERRY)]},
    "the column functions": {"messages": [QUESTION, CALLED], "functions": [FERRY]},
    "functions beside empty tools": {
        "messages": [QUESTION, CALLED],
        "tools": [],
        "functions": [FERRY],
    },
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_each_spelling_means_the_same_row(tmp_path: Path, spelling: str) -> None:
    assert truths(preprocess(tmp_path, SPELLINGS[spelling])) == [[CALL]]


def test_a_call_of_no_arguments_may_leave_them_empty(tmp_path: Path) -> None:
    bell = {"name": "ring", "parameters": {"type": "object", "properties": {}}}
    called = {"role": "assistant", "tool_calls": [{"function": {"name": "ring", "arguments": ""}}]}
    made = preprocess(tmp_path, {"messages": [QUESTION, called], "tools": [bell]})
    assert truths(made) == [[{"name": "ring", "arguments": {}}]]


@pytest.mark.parametrize("calls", ["[", "{}", 7, "7", [7], [None], [{"function": "f"}]])
def test_calls_that_cannot_be_read_are_told(tmp_path: Path, calls: Any) -> None:
    broken = {"role": "assistant", "content": "", "tool_calls": calls}
    assert preprocess(tmp_path, row(QUESTION, broken, BOOKED, DONE)) == []
    assert set(dropped(tmp_path)) <= {"bad_calls", "empty_turn", "invalid_history"}


@pytest.mark.parametrize("key", ["inputSchema", "input_schema"])
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("form", ["python", "json"])
def test_tools_of_mcp_and_of_anthropic_are_checked(
    tmp_path: Path, key: str, wrapped: bool, form: str
) -> None:
    tool = {"name": "book_ferry", "description": "Book.", key: FERRY["parameters"]}
    tools = [{"type": "function", "function": tool}] if wrapped else [tool]

    def called(**arguments: Any) -> Any:
        return {"role": "assistant", "tool_calls": [{"name": "book_ferry", "arguments": arguments}]}

    rows = [
        {"messages": [QUESTION, called(pier="west", **{"class": 2})], "tools": tools},
        {"messages": [QUESTION, called(pier="west", **{"class": "first"})], "tools": tools},
        {"messages": [QUESTION, called(berth=2)], "tools": tools},
    ]
    (made,) = preprocess(tmp_path, *rows, form=form)
    name = "class_" if form == "python" else "class"
    assert truths([made]) == [[{"name": "book_ferry", "arguments": {"pier": "west", name: 2}}]]
    assert dropped(tmp_path) == {"wrong_value": 1, "missing_argument": 1}
    (offered,) = json.loads(made["extra_info"]["tools"])
    spec = offered.get("function", offered)
    assert list(spec["parameters"]["properties"]) == ["pier", name]
    assert key not in spec


def test_tools_of_one_name_with_other_parameters_are_no_duplicates(tmp_path: Path) -> None:
    parameters = {**FERRY["parameters"], "required": ["pier", "class"]}
    call = {**CALL, "arguments": {"pier": "east"}}
    same = [row(QUESTION, {"role": "assistant", "tool_calls": [call]}) for _ in range(3)]
    same[1]["tools"] = [{**FERRY, "parameters": {**parameters, "required": []}}]
    same[2]["tools"] = [{**FERRY, "description": "The same in other words."}]
    assert len(preprocess(tmp_path, *same)) == 2
    assert dropped(tmp_path) == {"duplicate": 1}


def test_a_role_that_nobody_knows_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    preprocess(tmp_path, row(QUESTION, {"role": "narrator", "content": "Night falls."}, DONE))
    assert dropped(tmp_path) == {"bad_dialogue": 1}
    assert "narrator" in (tmp_path / "out" / "report.md").read_text("utf-8")


def test_the_help_names_the_roles_and_shows_a_row_that_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["openai", "--help"])
    told = capsys.readouterr().out
    for role in ("developer", "system", "user", "assistant", "tool", "function"):
        assert role in told
    start = told.index('{"messages"')
    shown, _ = json.JSONDecoder().raw_decode(told, start)
    (made,) = preprocess(tmp_path, shown)
    assert truths([made]) == [[{"name": "weather", "arguments": {"city": "Paris", "days": 3}}]]


@pytest.mark.parametrize("columns", [{"tools": None}, {"functions": None}, {"tools": []}])
def test_null_tools_are_a_row_without_tools(tmp_path: Path, columns: dict[str, Any]) -> None:
    assert preprocess(tmp_path, {"messages": [QUESTION, DONE], **columns}) == []
    assert dropped(tmp_path) == {"no_tools": 1}


def test_functions_count_where_tools_are_null(tmp_path: Path) -> None:
    made = preprocess(tmp_path, row(QUESTION, CALLED) | {"tools": None, "functions": [FERRY]})
    assert truths(made) == [[CALL]]


# The weight of a turn.


@pytest.mark.parametrize("weight", [0, 0.0, -0.0, "0", "0.0", " 0 ", False, "false", "False"])
def test_a_turn_of_no_weight_is_history_only(tmp_path: Path, weight: Any) -> None:
    made = preprocess(tmp_path, row(QUESTION, {**CALLED, "weight": weight}, BOOKED, DONE))
    assert truths(made) == [[]]
    assert '"book_ferry"' in made[0]["prompt"][2]["content"]


@pytest.mark.parametrize("weight", [1, 1.0, 0.5, "1", "0.5", True, "true", None])
def test_a_turn_of_some_weight_is_a_reference(tmp_path: Path, weight: Any) -> None:
    made = preprocess(tmp_path, row(QUESTION, {**CALLED, "weight": weight}, BOOKED, DONE))
    assert truths(made) == [[CALL], []]


@pytest.mark.parametrize(
    "weight", ["", " ", "high", "nan", float("nan"), float("inf"), [0], {"a": 0}]
)
def test_a_weight_that_is_no_number_drops_the_row(tmp_path: Path, weight: Any) -> None:
    """Whether the turn is right is what it should tell."""
    assert preprocess(tmp_path, row(QUESTION, {**CALLED, "weight": weight}, BOOKED, DONE)) == []
    assert dropped(tmp_path) == {"bad_dialogue": 1}
    report = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert f"the weight {str(weight)!r} of a message is no number" in report


def test_a_trajectory_of_tau2_bench_becomes_its_agents_turns(tmp_path: Path) -> None:
    """The agent speaks first, calls are flat, and the user has tools of its own (telecom)."""
    call = {"id": "t1", **CALL, "requestor": "assistant"}
    looks = {"id": "u1", "name": "look_at_ticket", "arguments": {}, "requestor": "user"}
    trajectory = row(
        {"role": "assistant", "content": "How can I help you?", "tool_calls": None, "turn_idx": 0},
        {**QUESTION, "tool_calls": None, "turn_idx": 1, "cost": 0.001},
        {"role": "assistant", "content": None, "tool_calls": [call], "turn_idx": 2},
        {"role": "tool", "id": "t1", **BOOKED, "requestor": "assistant", "error": False},
        {"role": "assistant", "content": "What does it say?", "tool_calls": None},
        {"role": "user", "content": None, "tool_calls": [looks]},
        {"role": "tool", "id": "u1", "content": "east", "requestor": "user", "error": False},
        {"role": "user", "content": "East. Another one?"},
        {"role": "assistant", "content": None, "tool_calls": [{**call, "id": "t2"}]},
    )
    rows = preprocess(tmp_path, trajectory)
    assert truths(rows) == [[CALL], [], [CALL]]
    assert [item["prompt"][-1]["content"] for item in rows] == [
        "A ferry from the east pier?",
        "booked",
        "East. Another one?",
    ]
    users_own = rows[-1]["prompt"][-3]
    assert users_own["role"] == "user"
    assert "look_at_ticket" in users_own["content"]
    assert dropped(tmp_path) == {"no_question": 1}, "nobody has asked for the greeting"
