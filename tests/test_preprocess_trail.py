"""Whoever asks what became of a row finds it: in the report, and line by line beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from egpo_verl import __version__
from egpo_verl.preprocess import main

Row = dict[str, Any]
Run = Callable[..., Path]


def function(name: str, **properties: str) -> Row:
    schemas = {key: {"type": kind} for key, kind in properties.items()}
    parameters = {"type": "object", "properties": schemas, "required": list(properties)[:1]}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOOLS = [function("f", n="integer", s="string"), function("g", n="integer")]


def called(name: str, **arguments: Any) -> Row:
    call = {"name": name, "arguments": json.dumps(arguments)}
    return {"role": "assistant", "tool_calls": [{"type": "function", "function": call}]}


def user(text: str) -> Row:
    return {"role": "user", "content": text}


def asking(question: str, *answers: Row, tools: list[Row] = TOOLS) -> Row:
    messages = []
    for number, answer in enumerate(answers):
        messages += [user(f"{question} {number}?"), answer]
        if "tool_calls" in answer:
            messages.append({"role": "tool", "content": "done"})
    return {"messages": messages, "tools": tools}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Preprocess rows of one's own; gives the folder."""

    def call(rows: list[Row], *words: str, code: int = 0) -> Path:
        source, out = tmp_path / "mine.jsonl", tmp_path / "out"
        source.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        paths = ["--local_dataset_path", str(source), "--local_save_dir", str(out)]
        assert main(["openai", *paths, "--test_size", "0", *words]) == code
        return out

    return call


def lines(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_every_dropped_row_is_named_with_its_reason(run: Run) -> None:
    rows = [
        asking("Good", called("f", n=1)),
        asking("Bad", called("f", n=1), called("f", n=2, s=[3])),
        asking("Missing", called("f", s="x")),
        asking("Unknown", called("f", n=1, z=2)),
        asking("No such", called("h", n=1)),
        asking("Good", called("f", n=1)),
        {"messages": "x"},
    ]
    out = run(rows)
    dropped = lines(out / "dropped.jsonl")
    named = [{k: v for k, v in line.items() if k != "detail"} for line in dropped]
    assert sorted(named, key=lambda line: line["index"]) == [
        {
            **{"file": "mine.jsonl", "index": 1, "turn": 4, "reason": "wrong_value"},
            **{"call": "f", "argument": "s", "value": [3]},
        },
        {
            **{"file": "mine.jsonl", "index": 2, "turn": 1, "reason": "missing_argument"},
            **{"call": "f", "argument": "n"},
        },
        {
            **{"file": "mine.jsonl", "index": 3, "turn": 1, "reason": "unknown_argument"},
            **{"call": "f", "argument": "z", "value": 2},
        },
        {
            **{"file": "mine.jsonl", "index": 4, "turn": 1, "reason": "unknown_tool"},
            **{"call": "h"},
        },
        {"file": "mine.jsonl", "index": 5, "turn": 1, "reason": "duplicate"},
        {"file": "mine.jsonl", "index": 6, "reason": "missing_column"},
    ]
    assert f"| dropped | {len(dropped)} |" in (out / "report.md").read_text()


def test_every_repair_is_there_before_and_after(run: Run) -> None:
    rows = [
        asking("Fine", called("f", n=1)),
        asking("Text", called("g", n=1), called("f", n="2", s=3)),
        asking("Nothing", called("f", n=3, s=None)),
    ]
    out = run(rows)
    where = {"file": "mine.jsonl", "call": "f"}
    assert lines(out / "repaired.jsonl") == [
        {
            **{**where, "index": 1, "turn": 4, "reason": "str -> integer"},
            **{"argument": "n", "before": "2", "after": 2},
        },
        {
            **{**where, "index": 1, "turn": 4, "reason": "int -> string"},
            **{"argument": "s", "before": 3, "after": "3"},
        },
        {
            **{**where, "index": 2, "turn": 1, "reason": "None left out"},
            **{"argument": "s", "before": None},
        },
    ]
    assert not (out / "dropped.jsonl").exists()


def test_contaminated_rows_are_named_by_row_and_turn(run: Run, tmp_path: Path) -> None:
    benchmark = tmp_path / "benchmark.jsonl"
    benchmark.write_text(json.dumps({"question": "Which of the ships is late 1?"}))
    rows = [asking("Which of the ships is late", called("f", n=1), called("f", n=2))]
    out = run([*rows, asking("Another", called("f", n=3))], "--decontaminate", str(benchmark))
    (line,) = lines(out / "contaminated.jsonl")
    place = line.pop("found")
    assert line == {"file": "mine.jsonl", "index": 0, "turn": 4, "reason": "benchmark_question"}
    assert "benchmark.jsonl" in place


def test_half_a_character_in_a_dropped_row_is_written_as_its_escape(run: Run) -> None:
    out = run([asking("Good", called("f", n=1)), asking("Bad", called("f", n=1, s=["\ud83d"]))])
    assert lines(out / "dropped.jsonl")[0]["value"] == ["\ud83d"]


def test_the_report_says_how_the_job_was_started(run: Run, tmp_path: Path) -> None:
    page = (run([asking("Good", called("f", n=1))], "--seed", "7") / "report.md").read_text()
    source = tmp_path / "mine.jsonl"
    command = f"python -m egpo_verl.preprocess openai --local_dataset_path {source}"
    assert f"| command | {command}" in page

    for line in ("| --seed | 7 |", f"| egpo-verl | {__version__} |", "| --split_by | auto |"):
        assert line in page


def test_a_job_that_keeps_no_row_leaves_its_report(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [asking(f"Bad {n}", called("h", n=1)) for n in range(3)]
    out = run(rows, code=2)
    err = capsys.readouterr().err
    assert "a call names a function that is not offered (3 of 3 rows" in err
    assert str(out / "report.md") in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in out.iterdir()) == [
        "dropped.jsonl",
        "manifest.json",
        "report.md",
    ]
    assert "| unknown_tool | 3 |" in (out / "report.md").read_text()
    assert run([asking("Good", called("f", n=1))]) == out


def test_a_job_that_keeps_no_row_leaves_what_an_earlier_one_wrote(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    out = run([asking("Good", called("f", n=1))])
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    run([asking("Bad", called("h", n=1))], code=2)
    assert "nothing was written" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_the_report_counts_kinds_in_each_file_after_selection(run: Run) -> None:
    one, four = TOOLS[:1], [function(name, n="integer") for name in ("a", "b", "c", "d")]
    rows = [asking(f"One {n}", called("f", n=n), tools=one) for n in range(20)]
    rows += [asking(f"Some {n}", called("a", n=n), tools=four) for n in range(20)]
    rows += [asking("Hello", {"role": "assistant", "content": "Hi!"})]
    page = (run(rows, "--irrelevance", "0.99") / "report.md").read_text()
    assert "| kind | kept | train | meaning |" in page
    (no_call,) = [line for line in page.splitlines() if line.startswith("| no_call")]
    assert no_call.startswith("| no_call | 1 (2.4%) | 2")
    assert no_call.endswith("no call is expected |")
    assert "| single | 20 (48.8%) | 20 (48.8%) | one call, one function offered |" in page


def test_what_looks_wrong_is_a_warning(run: Run) -> None:
    broken = function("odd", n="integer")
    broken["function"]["parameters"]["properties"]["n"] = {"type": "integr"}
    words = [asking(f"Hello {n}", {"role": "assistant", "content": f"Hi {n}!"}) for n in range(30)]
    wrong = [asking(f"Wrong {n}", called("f", n=n, extra=n)) for n in range(12)]
    odd = [asking(f"Odd {n}", called("odd", n=n), tools=[broken]) for n in range(3)]
    page = (run([*words, *wrong, *odd]) / "report.md").read_text()
    assert "91% of the training rows expect no call" in page
    assert "12 of the 12 rows dropped as unknown_argument call the function f" in page
    assert "A part of the schema of a function that 3 rows call is not understood" in page
    assert "odd: type 'integr'" in page


def no_constant(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")


def test_numbers_that_json_has_not_are_written_as_text(run: Run) -> None:
    nan, infinite = float("nan"), float("inf")
    one_of = function("one_of", n="string")
    rows = [
        asking("Good", called("f", n=1)),
        asking("Bad", called("f", n=nan)),
        asking("Worse", called("f", n=1, s=[1.5, {"a": -infinite, "b": [infinite]}])),
        asking("Text", called("one_of", n=infinite), tools=[one_of]),
    ]
    out = run(rows)
    lines_of = {
        path.name: [
            json.loads(line, parse_constant=no_constant) for line in path.read_text().splitlines()
        ]
        for path in out.glob("*.jsonl")
    }
    values = [line["value"] for line in lines_of["dropped.jsonl"]]
    assert values == ["NaN", [1.5, {"a": "-Infinity", "b": ["Infinity"]}]]
    (repair,) = lines_of["repaired.jsonl"]
    assert (repair["before"], repair["after"]) == ("Infinity", "inf")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files of rows, and what else lies in a folder."""
    source = tmp_path / "rows"
    (source / "more").mkdir(parents=True)
    (source / "pictures").mkdir()
    good, bad = asking("Good", called("f", n=1)), asking("Bad", called("f", s="x"))
    mended = asking("Mended", called("f", n="2"))
    files = {"a.jsonl": [good, bad], "b.json": [bad, mended], "more/c.jsonl": [good]}
    for name, rows in files.items():
        text = json.dumps(rows) if name.endswith("json") else "\n".join(map(json.dumps, rows))
        (source / name).write_text(text)
    for name in ("README.md", "d.csv"):
        (source / name).write_text("x")
    return source


def preprocessed(source: Path, out: Path, *words: str) -> str:
    paths = ["--local_dataset_path", str(source), "--local_save_dir", str(out)]
    assert main(["openai", *paths, "--test_size", "0", *words]) == 0
    return (out / "report.md").read_text()


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_row_of_a_folder_is_named_by_its_file(
    folder: Path, tmp_path: Path, processes: str
) -> None:
    out = tmp_path / "out"
    preprocessed(folder, out, "--num_proc", processes)
    places = {
        path.name: [
            (line["file"], line["row"], line["index"], line["reason"]) for line in lines(path)
        ]
        for path in out.glob("*.jsonl")
    }
    assert places == {
        "dropped.jsonl": [
            ("a.jsonl", 1, 1, "missing_argument"),
            ("b.json", 0, 2, "missing_argument"),
        ],
        "repaired.jsonl": [("b.json", 1, 3, "str -> integer")],
    }
    assert main(["show", str(out / "train.parquet"), "--repaired"]) == 0


def test_the_report_lists_what_of_a_folder_was_read(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = preprocessed(folder, tmp_path / "out")
    for line in (
        f"## Files of {folder}",
        "| a.jsonl | 2 |",
        "| b.json | 2 |",
        "| README.md | not read |",
        "| d.csv | not read |",
        "| more/ | not read |",
        "| pictures/ | not read |",
    ):
        assert line in page
    warning = f"d.csv, more/ of {folder} were not read"
    assert warning in page
    assert warning in " ".join(capsys.readouterr().err.split())
    assert "Files of" not in preprocessed(folder / "a.jsonl", tmp_path / "other")


def test_a_folder_with_rows_below_it_only_names_them(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.jsonl", "b.json"):
        (folder / name).unlink()
    paths = ["--local_dataset_path", str(folder), "--local_save_dir", str(tmp_path / "out")]
    assert main(["openai", *paths]) == 2
    assert "but more/ in it has some" in capsys.readouterr().err


def test_answers_of_a_benchmark_are_read_beside_its_questions(tmp_path: Path) -> None:
    samples = Path(__file__).parents[1] / "data" / "samples" / "bfcl"
    paths = ["--local_dataset_path", str(samples), "--local_save_dir", str(tmp_path)]
    assert main(["bfcl", *paths]) == 0
    page = (tmp_path / "report.md").read_text()
    assert "| possible_answer/ | read beside the others |" in page
    assert "not read" not in page


def test_a_folder_of_many_files_is_listed_in_part(tmp_path: Path) -> None:
    source = tmp_path / "rows"
    source.mkdir()
    for number in range(60):
        row = asking(f"Good {number}", called("f", n=1))
        (source / f"{number:02}.jsonl").write_text(json.dumps(row))
    page = preprocessed(source, tmp_path / "out")
    assert "| 49.jsonl | 1 |" in page
    assert "| 50.jsonl | 1 |" not in page
    assert "| 10 more files | 10 |" in page


def declared(name: str, **schema: Any) -> Row:
    return {"type": "function", "function": {"name": name, "parameters": schema}}


BROKEN = [
    declared("needs", type="object", properties={"n": {"type": "integer"}}, required=[["x"]]),
    declared("bound", type="object", properties={"n": {"type": "integer", "minimum": "0"}}),
    declared("many", type="object", properties={"n": {"type": "array", "items": "integer"}}),
]
ODD_BUT_VALID = [
    declared("bfcl", type="dict", properties={"n": {"type": "float", "required": True}}),
    declared("draft4", type="object", properties={"n": {"minimum": 0, "exclusiveMinimum": True}}),
    declared("tuple", type="object", properties={"n": {"items": [{"type": "integer"}]}}),
    declared("xlam", n={"type": "int, optional", "description": None}),
]


def test_functions_whose_own_schemas_are_not_valid_are_named(run: Run) -> None:
    rows = [asking(f"One {n}", called("needs", n=n), tools=BROKEN) for n in range(3)]
    rows += [asking("Two", called("f", n=1), tools=[*TOOLS, BROKEN[1], *ODD_BUT_VALID])]
    page = (run([*rows, asking("Good", called("f", n=1))]) / "report.md").read_text()
    assert "The schemas of 3 functions, offered in 4 rows, are not valid JSON Schema" in page
    assert 'needs, bound, many; for instance needs, required.0: ["x"] is not of type' in page


def test_odd_schemas_that_are_understood_are_no_warning(run: Run) -> None:
    rows = [asking("Good", called("f", n=1), tools=[*TOOLS, *ODD_BUT_VALID])]
    assert "not valid JSON Schema" not in (run(rows) / "report.md").read_text()


PATTERNS = {"^x-": {"type": "string"}}


@pytest.mark.parametrize("closing", [{}, {"additionalProperties": False}])
@pytest.mark.parametrize("key", ["x-a", "other-key"])
def test_keys_of_a_pattern_are_kept_where_the_form_can_spell_them(
    run: Run, closing: Row, key: str
) -> None:
    """Patterns are foreign regular expressions: they are never run, and the report says so."""
    open_to = declared("f", type="object", properties={}, patternProperties=PATTERNS, **closing)
    rows = [
        asking("Dash", called("f", **{key: "v"}), tools=[open_to]),
        asking("A", called("g", n=1)),
    ]
    out = run(rows)
    (line,) = lines(out / "dropped.jsonl")
    assert line["reason"] == "unspellable"
    assert f"f takes the argument '{key}' without declaring it" in line["detail"]
    assert "--call_form json" in line["detail"]
    out = run(rows, "--call_form", "json")
    assert not (out / "dropped.jsonl").exists()
    page = (out / "report.md").read_text()
    assert "is not understood or not checked: f: patternProperties {'^x-'" in page


def test_values_behind_a_reference_are_repaired_as_others_are(run: Run) -> None:
    schemas: Row = {
        "n": {"$ref": "#/$defs/Whole"},
        "deep": {"allOf": [{"$ref": "#/$defs/Deep"}]},
        "either": {"anyOf": [{"type": "boolean"}, {"$ref": "#/$defs/Whole"}]},
        "level": {"enum": ["low", "high"]},
    }
    whole, deep = {"type": "integer"}, {"properties": {"n": {"$ref": "#/$defs/Whole"}}}
    defs = {"Whole": whole, "Deep": {"type": "object", **deep}}
    referring = declared("f", type="object", properties=schemas, **{"$defs": defs})
    values = {"n": "1", "deep": "{'n': '2'}", "either": "3", "level": None}
    out = run([asking("A", called("f", **values), tools=[referring])])
    repairs = {line["argument"]: line.get("after") for line in lines(out / "repaired.jsonl")}
    assert repairs == {"n": 1, "deep": {"n": 2}, "either": 3, "level": None}
    assert not (out / "dropped.jsonl").exists()
