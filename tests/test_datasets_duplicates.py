"""Rows that say the same as an earlier one, and rows that a benchmark has too."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from egpo_verl.calls import Call
from egpo_verl.datasets.checks.contamination import Benchmarks, benchmarks_in
from egpo_verl.datasets.checks.duplicates import Digests, Duplicates, digest, signature
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.errors import UserError
from egpo_verl.preprocess import main

TIDE = {"name": "tide", "description": "Times of high water at one harbour."}
CALL = Call("tide", {"harbour": "Hoorn"})


def asked(text: str, tools: tuple[dict[str, Any], ...] = (TIDE,), *calls: Call) -> Sample:
    return Sample("x", ({"role": "user", "content": text},), tools, calls or (CALL,))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (asked("When is high water in Hoorn?"), True),
        (asked("when is HIGH water, in Hoorn"), True),
        (asked("When is high water in Ｈoorn?"), True),
        (asked("When is low water in Hoorn?"), False),
        (asked("When is high water in Hoorn?", (TIDE, {"name": "ebb"})), False),
        (asked("When is high water in Hoorn?", (TIDE,), CALL, CALL), False),
        (asked("When is high water in Hoorn?", (TIDE,), Call("tide", {"harbour": "hoorn"})), False),
    ],
)
def test_a_duplicate_has_the_same_words_functions_and_calls(other: Sample, same: bool) -> None:
    assert (digest(asked("When is high water in Hoorn?")) == digest(other)) is same


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
    seen.admit(1, signature(asked(text.format("Monday"))))
    seen.admit(2, signature(asked("Which loaves does the village baker sell on a Friday?")))
    with pytest.raises(Unusable, match="nearly the same"):
        seen.admit(3, signature(asked(text.format("Tuesday"))))
    seen.admit(4, signature(asked("Hi")))


def test_near_duplicates_without_the_library_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("egpo_verl.datasets.checks.duplicates.import_module", missing)
    with pytest.raises(UserError, match=r"pip install 'egpo-verl\[data\]'"):
        Duplicates(threshold=0.8)


QUESTION = "How long does a fast train take from Utrecht to Groningen on a Sunday"
LONG = "I would like to know how many apples of the late kind fit into the small blue crate"
BENCHMARKS: list[tuple[str, Any]] = [
    (
        "bfcl.json",
        {
            "id": "simple_0",
            "question": [[{"role": "user", "content": QUESTION}]],
            "function": [{"name": "train.time", "description": "Hours of a train ride."}],
        },
    ),
    (
        "acebench.json",
        {"id": "a", "question": f"user: {LONG}.\nsystem: Why?\nuser: I pack them.\n"},
    ),
    (
        "rlla.jsonl",
        {"input": f"**History**\n<user> {QUESTION}? </user>\n\n<response> 2 h </response>"},
    ),
    ("when2call.jsonl", {"question": QUESTION, "tools": [json.dumps({**TIDE, "name": "other"})]}),
    ("sharegpt.json", {"conversations": [{"from": "human", "value": LONG}]}),
]


@pytest.fixture(params=BENCHMARKS, ids=[name for name, _ in BENCHMARKS])
def benchmark(request: pytest.FixtureRequest, tmp_path: Path) -> Benchmarks:
    name, row = request.param
    (tmp_path / name).write_text(json.dumps(row), "utf-8")
    return benchmarks_in((tmp_path / name,))


def test_questions_are_found_in_any_schema(benchmark: Benchmarks) -> None:
    text = LONG if any("apples" in question for question in benchmark.questions) else QUESTION
    for wording in (text, text.upper() + "???", text.replace(" ", "  \n")):
        with pytest.raises(Unusable, match="asks the same question"):
            benchmark.check(asked(wording))
    with pytest.raises(Unusable, match="13 words"):
        benchmark.check(asked(f"Hello! {text}, and what does it cost, please?"))
    benchmark.check(asked("Hello! " + " ".join(text.split()[:12]) + " no more", ({"name": "t"},)))


def test_a_tool_is_known_by_its_description_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text(
        json.dumps({"tools": [TIDE, {"name": "get", "description": "Get it."}]})
    )
    known = benchmarks_in((tmp_path,))
    masked = {"name": "xq7", "description": "times of high water, at one harbour"}
    wrapped = {"type": "function", "function": masked}
    for tool in (masked, wrapped):
        with pytest.raises(Unusable, match=r"describes the same tool.*b\.json"):
            known.check(asked("Tide?", (tool,)))
    known.check(asked("Tide?", ({"name": "get", "description": "Get it."},)))


def test_a_file_with_nothing_to_look_for_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("[1, 2]")
    with pytest.raises(UserError, match="no question and no tool"):
        benchmarks_in((tmp_path / "b.json",))


def test_a_test_set_drawn_from_a_benchmark_is_caught_row_by_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with When2Call: the questions of a benchmark, asked again in another schema."""
    questions = [f"{QUESTION} in week {n}" for n in range(20)]
    bfcl = [
        {"id": f"simple_{n}", "question": [[{"role": "user", "content": text}]], "function": []}
        for n, text in enumerate(questions)
    ]
    benchmark = tmp_path / "BFCL_v4_simple_python.json"
    benchmark.write_text("".join(json.dumps(row) + "\n" for row in bfcl))

    train = {"name": "train", "parameters": {"week": {"type": "int"}}}
    harmless = [f"Which train leaves first on day {n}?" for n in range(20)]
    mixed = [text for pair in zip(harmless, questions, strict=True) for text in pair]
    rows = [
        {
            "query": text.lower() + "?",
            "tools": json.dumps([{**train, "name": f"train{n % 7}"}]),
            "answers": json.dumps([{"name": f"train{n % 7}", "arguments": {"week": n}}]),
        }
        for n, text in enumerate(mixed)
    ]
    (tmp_path / "in.json").write_text(json.dumps(rows))
    out = tmp_path / "out"
    paths = ("--local_dataset_path", str(tmp_path / "in.json"), "--local_save_dir", str(out))
    more = ("--decontaminate", str(benchmark), "--num_proc", "2")
    assert main(["xlam", *paths, *more]) == 0

    named = [json.loads(line) for line in (out / "contaminated.jsonl").read_text().splitlines()]
    assert [row["index"] for row in named] == list(range(1, 40, 2))
    assert all("BFCL_v4_simple_python.json" in row["found"] for row in named)
    assert "benchmark_question" in capsys.readouterr().out
