"""Rows that say the same, or nearly the same, as an earlier one."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from egpo_verl.calls import Call
from egpo_verl.datasets.checks.duplicates import Digests, Duplicates, signature
from egpo_verl.datasets.checks.keys import row_digest, steps
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.errors import UserError
from egpo_verl.preprocess import main

TIDE = {"name": "tide", "description": "Times of high water at one harbour."}
CALL = Call("tide", {"harbour": "Hoorn"})


def digest(sample: Sample) -> int:
    return row_digest(sample, steps(sample.messages, sample.calls, sample.tools)[-1])


def sample_of(text: str, tools: tuple[dict[str, Any], ...] = (TIDE,), *calls: Call) -> Sample:
    return Sample("x", ({"role": "user", "content": text},), tools, calls or (CALL,))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (sample_of("When is high water in Hoorn?"), True),
        (sample_of("when is HIGH water, in Hoorn"), True),
        (sample_of("When is high water in Ｈoorn?"), True),
        (sample_of("When is low water in Hoorn?"), False),
        (sample_of("When is high water in Hoorn?", (TIDE, {"name": "ebb"})), False),
        (sample_of("When is high water in Hoorn?", ({**TIDE, "description": "Tides."},)), True),
        (sample_of("When is high water in Hoorn?", ({**TIDE, "parameters": {"day": {}}},)), False),
        (sample_of("When is high water in Hoorn?", (TIDE,), CALL, CALL), False),
        (
            sample_of("When is high water in Hoorn?", (TIDE,), Call("tide", {"harbour": "hoorn"})),
            False,
        ),
    ],
)
def test_a_duplicate_has_the_same_words_functions_and_calls(other: Sample, same: bool) -> None:
    assert (digest(sample_of("When is high water in Hoorn?")) == digest(other)) is same


def test_only_the_first_of_equal_rows_is_let_in() -> None:
    seen = Duplicates()
    seen.admit(1)
    seen.admit(2)
    with pytest.raises(Unusable, match="says the same"):
        seen.admit(1)


def test_the_set_of_digests_is_a_set() -> None:
    chooser = random.Random(0)
    # Neighbours and multiples of large powers of two crowd into the same slots.
    digests = [chooser.choice((chooser.getrandbits(64), n, n << 40)) for n in range(1, 5000)]
    seen: set[int] = set()
    compact = Digests()
    for number in digests + digests[::-1]:
        assert compact.add(number) is (number not in seen)
        seen.add(number)


def test_near_duplicates_share_most_of_their_wording() -> None:
    pytest.importorskip("datasketch")
    text = "Please tell me when the water is highest in the old harbour of Hoorn on {} this year"
    seen = Duplicates(threshold=0.6)
    seen.admit(1, signature(sample_of(text.format("Monday"))))
    seen.admit(2, signature(sample_of("Which loaves does the village baker sell on a Friday?")))
    with pytest.raises(Unusable, match="nearly the same"):
        seen.admit(3, signature(sample_of(text.format("Tuesday"))))
    seen.admit(4, signature(sample_of("Hi")))


def test_near_duplicates_without_the_library_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "datasketch", None)
    with pytest.raises(UserError, match=r"pip install 'egpo-verl\[data\]'"):
        Duplicates(threshold=0.8)


def dialogues(language: str) -> list[dict[str, Any]]:
    """Each asks once, calls a function, and is told its result before it answers."""
    ask, result, answer = {
        "en": (
            "What will the {} bakery near the old harbour bake on day {}?",
            "The {} bakery bakes {} loaves of rye and as many of oat, from four in the morning on",
            "It will bake {} loaves.",
        ),
        "zh": (
            "请告诉我老港口附近的{}面包店在第{}天一共会烤多少个面包",
            "{}面包店从早上四点开始一共会烤{}个黑麦面包和同样多的燕麦面包",
            "一共会烤{}个面包。",
        ),
    }[language]
    names = (
        ["blue", "green", "white"] if language == "en" else ["蓝色的海鸥", "绿色的橡树", "小星星"]
    )
    rows = []
    for number, name in enumerate(names):
        call = {"name": "loaves", "arguments": {"bakery": name}}
        rows.append(
            {
                "messages": [
                    {"role": "user", "content": ask.format(f"{name} " * 6, number)},
                    {"role": "assistant", "tool_calls": [{"function": call}]},
                    {"role": "tool", "content": result.format(f"{name} " * 6, number)},
                    {"role": "assistant", "content": answer.format(number)},
                ],
                "tools": [{"name": "loaves", "parameters": {"bakery": {"type": "string"}}}],
            }
        )
    return rows


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_turn_after_a_tools_result_is_no_near_duplicate(
    tmp_path: Path, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its question is the tool's result, though the user says nothing new."""
    pytest.importorskip("datasketch")
    rows = dialogues(language)
    # The same dialogue, asked politely: both of its turns are near duplicates.
    polite = json.loads(json.dumps(rows[0]))
    polite["messages"][0]["content"] += " please" if language == "en" else "呢"
    source = tmp_path / "rows.json"
    source.write_text(json.dumps([*rows, polite], ensure_ascii=False), "utf-8")
    paths = ("--local_dataset_path", str(source), "--local_save_dir", str(tmp_path / "out"))
    assert main(["openai", *paths, "--near_duplicates", "0.6", "--split_by", "random"]) == 0
    report = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert "| kept | 6 |" in report
    assert "| near_duplicate | 2 |" in report


@pytest.mark.parametrize("order", [1, -1])
def test_turns_of_a_dialogue_given_once_per_turn_are_no_near_duplicates(
    tmp_path: Path, order: int
) -> None:
    """Each row repeats the dialogue up to its turn, so that its prompt is nearly the last one's."""
    pytest.importorskip("datasketch")
    rows = []
    for whole in dialogues("en"):
        whole["messages"][2]["content"] = "Some."
        rows += [{**whole, "messages": whole["messages"][:end]} for end in (2, 4)]
    source = tmp_path / "rows.json"
    source.write_text(json.dumps(rows[::order]), "utf-8")
    paths = ("--local_dataset_path", str(source), "--local_save_dir", str(tmp_path / "out"))
    assert main(["openai", *paths, "--near_duplicates", "0.6", "--test_size", "0"]) == 0
    lines = (tmp_path / "out" / "dropped.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["reason"] for line in lines] == ["duplicate"] * 3
    assert "| kept | 6 |" in (tmp_path / "out" / "report.md").read_text("utf-8")
