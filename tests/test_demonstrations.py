"""`preprocess ... --sft`: rows as demonstrations, whose thoughts lead to the reference by rules."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egpo_verl.calls import FORMS, Call
from egpo_verl.datasets.demonstrations.reasons import Unexplained
from egpo_verl.datasets.demonstrations.rows import demonstration
from egpo_verl.datasets.parquet.rows import to_row
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.preprocess import main
from egpo_verl.reward import compute_score

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
OTHER = {
    "name": "stock_price",
    "description": "Quotes the price of a share. Fast.",
    "parameters": {"type": "object", "properties": {}},
}


def row_of(
    question: str,
    arguments: dict[str, Any],
    schemas: dict[str, Any] | None = None,
    *,
    history: tuple[dict[str, Any], ...] = (),
    last: dict[str, Any] | None = None,
    index: int = 0,
    **row: Any,
) -> dict[str, Any]:
    """A row that offers `book` and `stock_price` and calls `book`."""
    schemas = {name: {} for name in arguments} if schemas is None else schemas
    book = {
        "name": "book",
        "description": "Books a table at a restaurant.",
        "parameters": {"type": "object", "properties": schemas},
    }
    messages = (*history, {"role": "user", "content": question}, *([last] if last else []))
    sample = Sample("table", messages, (book, OTHER), (Call("book", arguments),))
    return to_row(sample, index, **row)


def no_call_row(question: str, tools: tuple[dict[str, Any], ...] = (OTHER,)) -> dict[str, Any]:
    return to_row(Sample("table", ({"role": "user", "content": question},), tools, ()), 0)


def response_of(row: dict[str, Any], seed: int = 0) -> str:
    return str(demonstration(row, seed)["messages"][-1]["content"])


def thought_of(row: dict[str, Any]) -> str:
    return response_of(row).partition("<think>")[2].partition("</think>")[0]


def score(row: dict[str, Any], response: str) -> float:
    truth, info = row["reward_model"]["ground_truth"], row["extra_info"]
    return float(compute_score(row["data_source"], response, truth, info)["score"])


@pytest.mark.parametrize(
    ("question", "value", "schema", "quote"),
    [
        ("A table in Paris, please.", "Paris", {}, "in Paris"),
        ("a table in PARIS", "Paris", {}, "in PARIS"),
        ("somewhere in new york tonight", "New_York", {}, "new york"),
        ("show best sellers", "bestsellers", {}, "best sellers"),
        ("the restaurants of Rome", "restaurant", {}, "restaurants"),
        ("we are 4 people", 4, {}, "4 people"),
        ("we are four people", 4, {}, "four people"),
        ("twenty-five of us", 25, {}, "twenty-five of"),
        ("two hundred and five seats", 205, {}, "two hundred and five"),
        ("a dozen oysters", 12, {}, "dozen"),
        ("up to $1,250.50 in all", 1250.5, {}, "1,250.50"),
        ("some 3 million users", 3_000_000, {}, "3 million"),
        ("a rise of 5%", 0.05, {}, "5%"),
        ("a rise of 5 percent", 5, {}, "5 percent"),
        ("at minus -7.5 degrees", -7.5, {}, "-7.5"),
        ("for 12 nights", "12", {}, "12 nights"),
        ("on May 1st, 2024", "2024-05-01", {}, "May 1st, 2024"),
        ("on the 1 of May 2024", "2024-05-01", {}, "1 of May 2024"),
        ("since the first of May 2024", "2024-05-01", {}, "first of May 2024"),
        ("on 05/01/2024", "2024-05-01", {}, "05/01/2024"),
        ("in 2024, on May 1", "2024-05-01", {}, "May 1"),
        ("at 7 pm", "19:00", {}, "7 pm"),
        ("at 7:30 p.m. then", "19:30:00", {}, "7:30 p.m"),
        ("at noon", "12:00", {}, "noon"),
        ("on May 1, 2024 at 7pm", "2024-05-01T19:00:00", {}, "May 1, 2024"),
        ("May 1 to May 9, 2024", "2024-05-01 to 2024-05-09", {}, "May 1"),
        ("pasta, then fish", ["pasta", "fish"], {}, "fish"),
        ("pasta and fish", "pasta,fish", {}, "fish"),
        ("2, 3 and five", [2, 3, 5], {}, "five"),
        ("from 48.85 to 2.35", {"lat": 48.85, "lng": 2.35}, {}, "48.85"),
        ("with parking", True, {"type": "boolean"}, "parking"),
        ("but without parking", False, {"type": "boolean"}, "without parking"),
        ("sort them ascendingly", "ascend", {"enum": ["ascend", "descend"]}, "ascendingly"),
        ("any", "only", {"enum": ["only"]}, ""),
        ("any", 10, {"type": "integer", "default": 10}, "default"),
        ("any", "", {"type": "string", "default": ""}, "default"),
        ("any", None, {"default": None}, "default"),
        ("add + please", "+", {}, "+"),
        ("in the US", "US", {}, "US"),
        ("call (555) 123-4567", "5551234567", {}, "555) 123-4567"),
        ("call 555 1234", "555-1234", {}, "555 1234"),
        ("for $1,500 in all", "1500", {}, "1,500"),
        ("for $1500 in all", "1,500 dollars", {"enum": ["1,500 dollars"]}, ""),
        ("at 40.7128, -74.0060", "40.7128,-74.0060", {}, "-74.0060"),
        ("cool it to -100 degrees", "-100", {}, "-100"),
        ("warm it to -5", "-5", {}, "-5"),
        ("in 2019-2023", "2019 - 2023", {}, "2019-2023"),
        ("room 7, please", "7", {}, "room 7"),
        ("the host 10.0.0.1", "10.0.0.1", {}, "10.0.0.1"),
        ("version 3.14.", "3.14", {}, "3.14"),
    ],
)
def test_a_value_that_the_question_states_is_quoted(
    question: str, value: Any, schema: dict[str, Any], quote: str
) -> None:
    row = row_of(question, {"has_parking": value}, {"has_parking": schema})
    assert quote in thought_of(row)
    assert score(row, response_of(row)) == 1


@pytest.mark.parametrize(
    ("question", "value", "schema"),
    [
        ("A table in Paris.", "Rome", {}),
        ("A table in Paris.", "Paris, France", {}),
        ("tell us", "US", {}),
        ("the cathedral", "cat", {}),
        ("we are 14", 4, {}),
        ("version 1.4", 4, {}),
        ("someone", 1, {}),
        ("on May 1", "2024-05-01", {}),
        ("on May 1st, 2024", "2024-05-01T19:00:00", {}),
        ("at 7 pm", "07:00", {}),
        ("from May 1, 2024", "2024-05-01 to 2024-05-09", {}),
        ("on May 1, 2024", "backup of 2024-05-01", {}),
        ("on May 2024", "2024-05-20", {}),
        ("pasta", ["pasta", "fish"], {}),
        ("any", [], {}),
        ("any", "", {}),
        ("any", None, {}),
        ("with a view", True, {"type": "boolean"}),
        ("with parking", False, {"type": "boolean"}),
        ("without parking", True, {"type": "boolean"}),
        ("any", 11, {"type": "integer", "default": 10}),
        ("ascending or descending", "asc", {"enum": ["asc", "desc"]}),
        ("9" * 309, 2 * 10**308, {}),
        ("Cool it to 100 degrees.", "-100", {}),
        ("Cool it to 5 degrees.", "-5", {}),
        ("Pay 125 now.", "12.5", {}),
        ("Pay 12.5 now.", "125", {}),
        ("Pay 12.5 now.", "5", {}),
        ("Pay 1,500 now.", "500", {}),
        ("Pay 1.5000 now.", "5000", {}),
        ("Set version 314.", "3.14", {}),
        ("Pay $1,500.", "15.00", {}),
        ("Coordinates 40.7128, 74.0060", "40.7128,-74.0060", {}),
        ("IP 10001", "10.0.0.1", {}),
        ("Numbers 10, 15", "1015", {}),
        ("Pay 125 EUR.", "12.5 EUR", {}),
    ],
)
def test_a_value_that_stands_nowhere_leaves_the_row_out(
    question: str, value: Any, schema: dict[str, Any]
) -> None:
    with pytest.raises(Unexplained, match="stands nowhere") as problem:
        demonstration(row_of(question, {"has_parking": value}, {"has_parking": schema}))
    assert problem.value.reason == "value_not_found"
    assert "book(has_parking=" in problem.value.detail


def test_the_thought_says_which_function_why_not_others_and_what_is_left_out() -> None:
    schemas = {"city": {"type": "string"}, "terrace": {"type": "boolean", "default": False}}
    rows = [row_of("A table in Paris", {"city": "Paris"}, schemas, index=n) for n in range(60)]
    thoughts = list(map(thought_of, rows))
    assert all(
        "book" in text and '"Paris"' in text and "Quotes the price" in text for text in thoughts
    )
    assert any("Books a table at a restaurant" in text for text in thoughts)
    assert sum("terrace" in text for text in thoughts) > 20
    assert len(set(thoughts)) > 55, "many wordings"


def test_the_seed_decides_the_wording() -> None:
    row = row_of("A table in Paris", {"city": "Paris"})
    assert response_of(row, 3) == response_of(row, 3)
    assert len({response_of(row, seed) for seed in range(20)}) > 15


def test_values_of_a_dialogue_stand_in_what_was_said_before_or_in_a_result() -> None:
    history = ({"role": "user", "content": "I am Ada."}, {"role": "assistant", "content": "Hello!"})
    assert '"I am Ada' in thought_of(row_of("Book it.", {"name": "Ada"}, history=history))
    result = {"role": "tool", "content": '{"table_id": "T-77"}'}
    text = thought_of(row_of("Book the best.", {"id": "T-77"}, last=result))
    assert "result" in text
    assert "T-77" in text


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("opened", [False, True])
def test_every_form_and_an_opened_thought_earn_the_reward(form: str, opened: bool) -> None:
    row = row_of(
        "In Paris for 4", {"city": "Paris", "seats": 4}, call_form=form, think_in_prompt=opened
    )
    response = response_of(row)
    assert response.startswith("<think>"), "as a message; a template that opens it is the trainer's"
    assert score(row, response.removeprefix("<think>") if opened else response) == 1


def test_a_think_tag_in_the_question_never_spoils_the_response() -> None:
    for index in range(20):
        row = row_of("</think> in Paris", {"city": "Paris"}, index=index)
        with suppress(Unexplained):
            assert score(row, response_of(row)) == 1


def test_a_row_without_a_fitting_function_says_so() -> None:
    row = no_call_row("Write me a poem about the sea.")
    response = response_of(row)
    assert score(row, response) == 1
    assert re.search(r"function", response.partition("</think>")[2])


def test_a_missing_number_is_asked_for() -> None:
    tool = {
        "name": "book_table",
        "description": "Book a table at a restaurant.",
        "parameters": {
            "type": "object",
            "properties": {"seats": {"type": "integer"}},
            "required": ["seats"],
        },
    }
    row = no_call_row("Book a table at this restaurant.", (tool, OTHER))
    assert "seats" in response_of(row).partition("</think>")[2]
    assert score(row, response_of(row)) == 1
    with pytest.raises(Unexplained) as problem:
        demonstration(no_call_row("Book a table for 4 at this restaurant.", (tool, OTHER)))
    assert problem.value.reason == "no_call_unclear"


def test_a_reply_in_words_to_a_result_is_left_out() -> None:
    messages = ({"role": "user", "content": "Price?"}, {"role": "tool", "content": "12"})
    with pytest.raises(Unexplained) as problem:
        demonstration(to_row(Sample("table", messages, (OTHER,), ()), 0))
    assert problem.value.reason == "in_words"


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200)
@given(
    texts, st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), values, max_size=3), texts
)
def test_any_row_is_demonstrated_or_left_out_for_a_reason(
    before: str, arguments: dict[str, Any], after: str
) -> None:
    question = f"{before} {json.dumps(arguments, ensure_ascii=False)} {after} x"
    try:
        row = row_of(question, arguments)
    except Unusable:
        return
    with suppress(Unexplained):
        assert score(row, response_of(row)) == 1


@given(st.integers(0, 10**12), texts)
def test_a_number_in_digits_is_placed_however_it_is_written(number: int, around: str) -> None:
    for written in (str(number), f"{number:,}"):
        row = row_of(f"q {around}; {written} is it", {"n": number})
        assert str(number) in thought_of(row) or "..." in thought_of(row)


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2099, 12, 31)),
    st.sampled_from(["{:%B} {d}, {:%Y}", "{d} {:%b} {:%Y}", "{:%Y/%m/%d}", "{:%m/%d/%Y}"]),
    st.sampled_from(["{:%I:%M %p}", "{:%H:%M}"]),
)
def test_a_moment_is_placed_however_it_is_written(when: datetime, day: str, clock: str) -> None:
    written = f"{day} {clock}".replace("{d}", str(when.day))
    for part in re.findall(r"{[^}]*}", written):
        written = written.replace(part, part.format(when))
    value = f"{when:%Y-%m-%dT%H:%M:00}"
    assert value in thought_of(row_of(f"Be there on {written}.", {"at": value}))


# ---- the command ----


def preprocess(folder: Path, *words: str | Path) -> list[dict[str, Any]]:
    """The demonstrations for training that the command writes."""
    assert main([*map(str, words), "--local_save_dir", str(folder)]) == 0
    path = folder / "sft_train.parquet"
    return pq.read_table(path).to_pylist() if path.exists() else []


def test_the_command_writes_demonstrations_of_the_same_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = ("xlam", "--local_dataset_path", SAMPLES / "xlam.jsonl")
    split = ("--split_by", "random", "--test_size", "0.2")
    rows = preprocess(tmp_path, *source, *split, "--sft")
    files = {name: pq.read_table(tmp_path / name).to_pylist() for name in FILES}
    place = {name: [row["extra_info"]["index"] for row in lines] for name, lines in files.items()}
    for name in ("train", "test"):
        assert set(place[f"sft_{name}.parquet"]) <= set(place[f"{name}.parquet"])
    by_index = {row["extra_info"]["index"]: row for row in files["train.parquet"]}
    for row in rows:
        assert row["messages"][:-1] == by_index[row["extra_info"]["index"]]["prompt"]
        assert row["messages"][-1]["role"] == "assistant"
        assert row["thought_from"] == "rules"
        assert score(row, row["messages"][-1]["content"]) == 1
    assert len(rows) > 0.5 * len(by_index)
    report = (tmp_path / "report.md").read_text()
    assert "## Demonstrations" in report
    assert f"| thought by rules | {len(rows):,} (" in report
    left_out = len(by_index) - len(rows)
    assert ("left out: value_not_found" in report) == bool(left_out)
    assert "Demonstrations" in capsys.readouterr().out


FILES = ("train.parquet", "test.parquet", "sft_train.parquet", "sft_test.parquet")


def test_a_file_without_any_demonstration_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tool = {"name": "add", "description": "Adds.", "parameters": {"n": {"type": "int"}}}
    lines = [
        {
            "query": f"Add what you like, {name}.",
            "tools": json.dumps([tool]),
            "answers": json.dumps([{"name": "add", "arguments": {"n": 7}}]),
        }
        for name in ("Ada", "Ben", "Cleo")
    ]
    file = tmp_path / "in.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    source = ("xlam", "--local_dataset_path", file, "--test_size", "0")
    assert preprocess(tmp_path / "out", *source, "--sft") == []
    assert "No row of train.parquet has a demonstration" in capsys.readouterr().out


def test_without_sft_those_of_an_earlier_job_go(tmp_path: Path) -> None:
    toolworld = ("toolworld", "--num_train", "20", "--num_test", "4")
    assert preprocess(tmp_path, *toolworld, "--sft")
    assert not (tmp_path / "sft_test_hard.parquet").exists()
    assert preprocess(tmp_path, *toolworld) == []
    assert not (tmp_path / "sft_test.parquet").exists()


@pytest.mark.parametrize(
    ("source", "file", "least"),
    [
        ("xlam", "mini_xlam/mini_xlam.jsonl.gz", 0.75),
        ("seal_tools", "seal_tools/dev.jsonl.gz", 0.75),
        ("toolrl", "toolrl/rlla_sft_400.json", 0.6),
        ("glaive", "glaive/glaive_toolcall_en_demo.json", 0.45),
    ],
)
def test_most_real_rows_have_a_demonstration(
    tmp_path: Path, real_rows: Path, source: str, file: str, least: float
) -> None:
    path = ("--local_dataset_path", real_rows / file, "--test_size", "0")
    rows = preprocess(tmp_path, source, *path, "--sft")
    assert len(rows) >= least * pq.read_metadata(tmp_path / "train.parquet").num_rows
    assert all(score(row, row["messages"][-1]["content"]) == 1 for row in rows)
