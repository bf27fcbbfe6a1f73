"""A sample becomes verl's row and comes back from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from egpo_verl.calls import Call, parse
from egpo_verl.datasets.parquet.rows import SCHEMA, from_row, to_row
from egpo_verl.datasets.parquet.writer import ParquetOut, batch_of
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.prompt import system_prompt

TOOL = {
    "name": "tide",
    "parameters": {"harbour": {"type": "str"}, "day": {"type": "str, optional"}},
}
QUESTION = {"role": "user", "content": "High water in Vlissingen?"}
CALL = Call("tide", {"harbour": "Vlissingen"})


def test_a_row_has_what_verl_and_the_reward_read() -> None:
    row = to_row(Sample("xlam", (QUESTION,), (TOOL,), (CALL,), {"id": 7}), index=3, split="test")
    assert row["data_source"] == "xlam"
    assert row["ability"] == "function_call"
    assert row["prompt"] == [{"role": "system", "content": system_prompt([TOOL])}, QUESTION]
    assert row["reward_model"] == {
        "style": "rule",
        "ground_truth": '[{"name": "tide", "arguments": {"harbour": "Vlissingen"}}]',
    }
    assert row["extra_info"] == {
        "index": 3,
        "split": "test",
        "tools": json.dumps([TOOL]),
        "call_form": "python",
        "think_in_prompt": False,
        "renamed": "{}",
        "facts": '{"id": 7}',
        "env": "",
    }


def test_a_row_without_a_call_wants_an_empty_list() -> None:
    row = to_row(Sample("xlam", (QUESTION,), (TOOL,), ()), 0)
    assert row["reward_model"]["ground_truth"] == "[]"


def test_the_datasets_own_system_text_follows_ours() -> None:
    system = {"role": "system", "content": "Today is Monday."}
    sample = Sample("xlam", (system, QUESTION), (TOOL,), (CALL,))
    row = to_row(sample, 0)
    assert [message["role"] for message in row["prompt"]] == ["system", "user"]
    assert row["prompt"][0]["content"] == f"{system_prompt([TOOL])}\n\nToday is Monday."
    assert from_row(row) == sample


def test_earlier_calls_are_written_in_the_form_of_the_row() -> None:
    earlier = {"role": "assistant", "content": "", "calls": (CALL, CALL)}
    result = {"role": "tool", "content": "14:05"}
    row = to_row(Sample("x", (QUESTION, earlier, result, QUESTION), (TOOL,), (CALL,)), 0)
    assert parse(row["prompt"][2]["content"]).calls == (CALL, CALL)
    assert row["prompt"][3] == result


def test_a_row_comes_back_as_its_sample_through_parquet(tmp_path: Path) -> None:
    tool = {
        "name": "Hive Weight",
        "parameters": {"hive-id": {"type": "int"}, "f": {"default": 2.0}},
    }
    calls = (Call("Hive Weight", {"hive-id": 1, "f": 5.0}), Call("tide", {"harbour": "ü\n'\"\\"}))
    samples = [
        Sample(
            "xlam", (QUESTION,), (tool, TOOL), calls, {"id": "a", "deep": {"x": [1, 2.0, None]}}
        ),
        Sample("other", (QUESTION,), (TOOL,), ()),
    ]
    with ParquetOut(tmp_path / "rows.parquet") as output:
        output.add(batch_of([to_row(sample, n) for n, sample in enumerate(samples)]))
    table = pq.read_table(tmp_path / "rows.parquet")
    assert table.schema.equals(SCHEMA)
    first, second = (from_row(row) for row in table.to_pylist())
    assert second == samples[1]
    assert [tool["name"] for tool in first.tools] == ["Hive_Weight", "tide"]
    assert first.calls == (Call("Hive_Weight", {"hive_id": 1, "f": 5.0}), calls[1])
    assert type(first.calls[0].arguments["f"]) is float
    assert first.extra == samples[0].extra


@pytest.mark.parametrize(
    ("messages", "tools", "calls", "extra", "reason"),
    [
        ([{"role": "user", "content": "\ud83d"}], [TOOL], [], {}, "bad_text"),
        ([QUESTION], [{**TOOL, "description": "\udc00"}], [], {}, "bad_text"),
        ([QUESTION], [TOOL], [Call("tide", {"harbour": float("nan")})], {}, "unspellable"),
        ([QUESTION], [TOOL], [], {"weight": float("inf")}, "bad_calls"),
        ([QUESTION], [TOOL], [Call("tide", {"harbour": {1, 2}})], {}, "unspellable"),
    ],
)
def test_what_no_row_can_carry_is_unusable(
    messages: list[Any], tools: list[Any], calls: list[Call], extra: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Unusable) as caught:
        to_row(Sample("x", tuple(messages), tuple(tools), tuple(calls), extra), 0)
    assert caught.value.reason == reason
