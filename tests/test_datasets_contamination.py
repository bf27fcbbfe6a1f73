"""Rows that a benchmark has too: its questions, its words, its tools, in any language."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from egpo_verl.datasets.checks.contamination import Benchmarks, benchmarks_in
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.errors import UserError
from egpo_verl.preprocess import main

TIDE = {"name": "tide", "description": "Times of high water at one harbour."}


def sample_of(text: str, tools: tuple[dict[str, Any], ...] = (TIDE,)) -> Sample:
    return Sample("x", ({"role": "user", "content": text},), tools, ())


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
            benchmark.check(sample_of(wording))
    with pytest.raises(Unusable, match="13 words"):
        benchmark.check(sample_of(f"Hello! {text}, and what does it cost, please?"))
    benchmark.check(
        sample_of("Hello! " + " ".join(text.split()[:12]) + " no more", ({"name": "t"},))
    )


def test_a_tool_is_known_by_its_description_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text(
        json.dumps({"tools": [TIDE, {"name": "get", "description": "Get it."}]})
    )
    known = benchmarks_in((tmp_path,))
    masked = {"name": "xq7", "description": "times of high water, at one harbour"}
    wrapped = {"type": "function", "function": masked}
    for tool in (masked, wrapped):
        with pytest.raises(Unusable, match=r"describes the same tool.*b\.json"):
            known.check(sample_of("Tide?", (tool,)))
    known.check(sample_of("Tide?", ({"name": "get", "description": "Get it."},)))


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


LANGUAGES = {
    "en": {
        "ask": "Please tell me how many loaves the bakery near the old harbour will bake on day {}",
        "tool": "The number of loaves that a bakery bakes on one day.",
        "hello": "Good morning! ",
    },
    "zh": {
        "ask": "请告诉我老港口附近的面包店在第{}天一共会烤多少个面包",
        "tool": "查询某一家面包店在某一天烤制的面包数量。",
        "hello": "早上好！",
    },
    "ja": {
        "ask": "古い港の近くのパン屋さんが{}日目に焼くパンの数を教えてください",
        "tool": "ある日にパン屋が焼くパンの数を調べます。",
        "hello": "おはよう！",
    },
    "th": {
        "ask": "ช่วยบอกหน่อยว่าร้านขนมปังใกล้ท่าเรือเก่าจะอบขนมปังทั้งหมดกี่ก้อนในวันที่{}ของเดือนนี้",
        "tool": "ค้นหาจำนวนขนมปังที่ร้านขนมปังอบในแต่ละวัน",
        "hello": "สวัสดี ",
    },
    "hi": {
        "ask": "कृपया बताइए कि पुराने बंदरगाह के पास वाली बेकरी दिन {} को कितनी रोटियाँ बनाएगी",
        "tool": "एक दिन में बेकरी द्वारा बनाई गई रोटियों की संख्या।",
        "hello": "नमस्ते! ",
    },
}


def bakery_rows(language: str, greeting: str = "") -> list[dict[str, Any]]:
    """Rows in the schema in which LLaMA-Factory publishes Glaive, in one language."""
    texts = LANGUAGES[language]
    rows = []
    for number in range(12):
        tool = {"name": f"loaves{number % 4}", "description": texts["tool"]}
        tool |= {"parameters": {"type": "object", "properties": {"day": {"type": "integer"}}}}
        call = {"name": f"loaves{number % 4}", "arguments": {"day": number}}
        question = greeting + texts["ask"].format(number)
        turns = [("human", question), ("function_call", json.dumps(call))]
        talk = [{"from": speaker, "value": text} for speaker, text in turns]
        rows.append({"conversations": talk, "tools": json.dumps([tool], ensure_ascii=False)})
    return rows


def clean_rows(folder: Path, rows: list[dict[str, Any]], benchmark: Path) -> int:
    """How many rows are left after decontamination; the sentence where none is."""
    source = folder / "train.json"
    source.write_text(json.dumps(rows, ensure_ascii=False), "utf-8")
    paths = ("--local_dataset_path", str(source), "--local_save_dir", str(folder / "out"))
    more = ("--decontaminate", str(benchmark), "--split_by", "random")
    code = main(["glaive", *paths, *more])
    if code == 2:
        return 0
    report = (folder / "out" / "report.md").read_text("utf-8")
    (line,) = (line for line in report.splitlines() if line.startswith("| kept |"))
    return int(line.split("|")[2])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_question_is_found_inside_a_longer_one_in_any_script(
    tmp_path: Path, language: str
) -> None:
    benchmark = tmp_path / "benchmark.json"
    questions = [{"question": row["conversations"][0]["value"]} for row in bakery_rows(language)]
    benchmark.write_text(json.dumps(questions, ensure_ascii=False), "utf-8")
    greeted = bakery_rows(language, LANGUAGES[language]["hello"])
    other = bakery_rows("en" if language != "en" else "zh")
    assert clean_rows(tmp_path, greeted + other, benchmark) == len(other)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_loses_as_much_to_itself(tmp_path: Path, language: str) -> None:
    """All but what is too short to tell where it comes from."""
    rows = bakery_rows(language) + bakery_rows(language)[:2]
    for short, row in zip(("Bread?", "面包"), rows[-2:], strict=True):
        row["conversations"][0]["value"] = short
        row["tools"] = row["tools"].replace(LANGUAGES[language]["tool"], "")
    benchmark = tmp_path / "benchmark.json"
    benchmark.write_text(json.dumps(rows, ensure_ascii=False), "utf-8")
    assert clean_rows(tmp_path, rows, benchmark) == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_tool_is_found_by_its_description_in_any_script(tmp_path: Path, language: str) -> None:
    benchmark = tmp_path / "benchmark.json"
    tool = {"name": "other", "description": LANGUAGES[language]["tool"]}
    benchmark.write_text(json.dumps([{"function": [tool]}], ensure_ascii=False), "utf-8")
    other = bakery_rows("en" if language != "en" else "zh")
    assert clean_rows(tmp_path, bakery_rows(language) + other, benchmark) == len(other)


@pytest.mark.parametrize("language", ["zh", "ja", "th", "hi"])
def test_short_phrases_of_any_script_are_no_coincidence_of_a_benchmark(
    tmp_path: Path, language: str
) -> None:
    """A greeting that is shared, or half of a question, says nothing."""
    hello = LANGUAGES[language]["hello"]
    half = LANGUAGES[language]["ask"].partition("{}")[0]
    benchmark = tmp_path / "benchmark.json"
    benchmark.write_text(
        json.dumps([{"question": hello}, {"question": f"{hello}{half[: len(half) // 3]}"}])
    )
    rows = bakery_rows(language)
    assert clean_rows(tmp_path, rows, benchmark) == len(rows)


def test_files_in_subfolders_are_read_and_every_file_is_listed(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    (folder / "live" / "zh").mkdir(parents=True)
    (folder / "possible_answer").mkdir()
    questions = [row["conversations"][0]["value"] for row in bakery_rows("zh")]
    nested = folder / "live" / "zh" / "rows.jsonl"
    lines = [json.dumps({"question": text, "function": [TIDE]}) for text in questions]
    nested.write_text("\n".join(lines), "utf-8")
    (folder / "top.json").write_text(json.dumps([{"question": QUESTION}]))
    answers = folder / "possible_answer" / "top.json"
    answers.write_text('{"id": "top_0"}\n{"id": \n{"id": "top_2"}\n')
    benchmarks = benchmarks_in((folder,))
    assert [tuple(file) for file in benchmarks.files] == [
        ("bench/live/zh/rows.jsonl", 12, 1, 0),
        ("bench/possible_answer/top.json", 0, 0, 1),
        ("bench/top.json", 1, 0, 0),
    ]
    assert clean_rows(tmp_path, bakery_rows("zh") + bakery_rows("ja"), folder) == 12
    report = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert "| bench/live/zh/rows.jsonl | 12 | 1 | 0 |" in report
    assert "| bench/possible_answer/top.json | 0 | 0 | 1 |" in report
