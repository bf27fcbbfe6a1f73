"""`python -m egpo_verl.preprocess`: what a user sees and gets."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from egpo_verl.calls import parse, render
from egpo_verl.calls.call import Call
from egpo_verl.datasets.parquet.rows import SCHEMA, from_row
from egpo_verl.datasets.tools.names import Renaming, restore
from egpo_verl.preprocess import main

ROOT = Path(__file__).parents[1]
XLAM = ROOT / "data" / "samples" / "xlam.jsonl"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process; gives exit code, stdout, stderr."""

    def call(*words: str | Path) -> tuple[int, str, str]:
        try:
            code = main([str(word) for word in words])
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def rows_of(path: Path) -> list[dict[str, Any]]:
    return list(pq.read_table(path).to_pylist())


def xlam_row(**changes: Any) -> dict[str, Any]:
    tools = [{"name": "tide", "parameters": {"harbour": {"type": "str"}}}]
    answers = [{"name": "tide", "arguments": {"harbour": "Hoorn"}}]
    row = {"query": "Tide?", "tools": json.dumps(tools), "answers": json.dumps(answers)}
    return {**row, **changes}


def test_a_dataset_becomes_train_and_test_with_a_report(run: Run, tmp_path: Path) -> None:
    code, out, err = run(
        "xlam",
        *("--local_dataset_path", XLAM, "--local_save_dir", tmp_path),
        *("--test_size", "0.25", "--split_by", "random"),
    )
    assert (code, err) == (0, "")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "manifest.json",
        "repaired.jsonl",
        "report.md",
        "test.parquet",
        "train.parquet",
    ]
    train, test = rows_of(tmp_path / "train.parquet"), rows_of(tmp_path / "test.parquet")
    assert (len(train), len(test)) == (6, 2)
    assert pq.read_schema(tmp_path / "train.parquet").equals(SCHEMA)
    assert {row["extra_info"]["split"] for row in train} == {"train"}
    assert {row["extra_info"]["split"] for row in test} == {"test"}
    assert sorted(row["extra_info"]["index"] for row in [*train, *test]) == list(range(8))
    for text in (out, (tmp_path / "report.md").read_text("utf-8")):
        assert "rows in" in text
        assert "Repaired arguments" in text
        assert "str -> integer" in text


def test_every_reference_is_what_the_file_said(run: Run, tmp_path: Path) -> None:
    """Calls under their old names, repaired values aside, equal the file's answers."""
    run("xlam", "--local_dataset_path", XLAM, "--local_save_dir", tmp_path)
    expected = {
        row["id"]: tuple(Call(c["name"], c["arguments"]) for c in json.loads(row["answers"]))
        for row in map(json.loads, XLAM.read_text("utf-8").splitlines())
    }
    expected[2] = (Call("Hive Weight", {"hive-id": 12, "from": "2030-06-01", "days": 10}),)
    expected[3] = (Call("knit.rows", {"pattern": [2, 3, 2], "repeats": 8}),)
    for row in rows_of(tmp_path / "train.parquet") + rows_of(tmp_path / "test.parquet"):
        sample = from_row(row)
        assert parse(render(sample.calls)).calls == sample.calls
        way_back = Renaming.from_json(row["extra_info"]["renamed"])
        assert restore(sample.calls, way_back) == expected[sample.extra["id"]]


def test_the_split_is_the_seeds(run: Run, tmp_path: Path) -> None:
    def split(name: str, *more: str) -> list[int]:
        paths = ("--local_dataset_path", XLAM, "--local_save_dir", tmp_path / name)
        run("xlam", *paths, "--split_by", "random", *more)
        rows = rows_of(tmp_path / name / "test.parquet")
        return [row["extra_info"]["index"] for row in rows]

    half = ("--test_size", "0.5")
    assert split("a", *half) == split("b", *half)
    others = {tuple(split(f"seed{n}", *half, "--seed", str(n))) for n in range(1, 6)}
    assert len(others) > 1
    assert len(split("few", "--max_samples", "4", *half)) == 2


def test_several_processes_write_the_same_rows(run: Run, tmp_path: Path) -> None:
    """They take fifty rows at a time, to begin with; the last rows repeat the first."""
    source, rows = tmp_path / "in.jsonl", XLAM.read_text("utf-8")
    more = "".join(json.dumps(xlam_row(query=f"The tide on day {n}?")) + "\n" for n in range(300))
    source.write_text("{broken\n" + rows + more + "[]\n" + rows, "utf-8")
    for processes in ("1", "2"):
        code, _, _ = run(
            "xlam",
            *("--local_dataset_path", source, "--local_save_dir", tmp_path / processes),
            *("--num_proc", processes),
        )
        assert code == 0
    one, two = tmp_path / "1", tmp_path / "2"
    for name in ("train.parquet", "test.parquet"):
        assert rows_of(one / name) == rows_of(two / name)
    dropped = (one / "dropped.jsonl").read_text()
    assert dropped == (two / "dropped.jsonl").read_text()
    assert dropped.count("duplicate") == 8
    tables = [(path / "report.md").read_text().partition("## Run")[0] for path in (one, two)]
    assert tables[0] == tables[1]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("not a row", "not_an_object"),
        ({"query": "q"}, "missing_column"),
        (xlam_row(query="  "), "no_question"),
        (xlam_row(query=["q"]), "no_question"),
        (xlam_row(tools="[]"), "no_tools"),
        (xlam_row(tools="[{"), "bad_tools"),
        (xlam_row(tools='[{"description": "no name"}]'), "bad_tools"),
        (xlam_row(tools='{"name": "tide"}'), "bad_tools"),
        (xlam_row(tools='[{"name": "a"}, {"name": "a", "description": "b"}]'), "duplicate_tool"),
        (xlam_row(answers="tide()"), "bad_calls"),
        (xlam_row(answers='[{"arguments": {}}]'), "bad_calls"),
        (xlam_row(answers='[{"name": "tide", "arguments": 3}]'), "bad_calls"),
        (xlam_row(answers="7"), "bad_calls"),
        (xlam_row(answers='[{"name": "ebb", "arguments": {}}]'), "unknown_tool"),
        (xlam_row(answers='[{"name": "tide", "arguments": {}}]'), "missing_argument"),
        (
            xlam_row(answers='[{"name": "tide", "arguments": {"harbour": "a", "b": 1}}]'),
            "unknown_argument",
        ),
        (xlam_row(answers='[{"name": "tide", "arguments": {"harbour": ["a"]}}]'), "wrong_value"),
        (xlam_row(query="\ud83d"), "bad_text"),
    ],
)
def test_a_bad_row_among_good_ones_is_counted_out(
    run: Run, tmp_path: Path, row: Any, reason: str
) -> None:
    rows = [xlam_row(query="Ebb?"), row, xlam_row(query="Flow?")]
    (tmp_path / "in.json").write_text(json.dumps(rows))
    out = tmp_path / "out"
    paths = ("--local_dataset_path", tmp_path / "in.json", "--local_save_dir", out)
    code, _, err = run("xlam", *paths, "--split_by", "random")
    assert (code, err) == (0, "")
    written = rows_of(out / "train.parquet") + rows_of(out / "test.parquet")
    assert [r["extra_info"]["index"] for r in written] in ([0, 2], [2, 0])
    assert f"| {reason} | 1 |" in (out / "report.md").read_text()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("[]", "it holds no rows"),
        ("hello", "not a JSON object"),
        ('{"question": "q"}\n{"question": "r"}', "a column of the schema is missing (2 of 2"),
        (json.dumps([xlam_row(tools="[]")]), "no function is offered (1 of 1"),
        (json.dumps([xlam_row()]), "too few for a train and a test file"),
    ],
)
def test_a_file_of_which_nothing_survives_is_one_sentence(
    run: Run, tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "in.json").write_text(text)
    out = tmp_path / "deep" / "out"
    code, shown, err = run(
        "xlam", "--local_dataset_path", tmp_path / "in.json", "--local_save_dir", out
    )
    assert (code, shown) == (2, "")
    assert says in err
    assert err.count("\n") == 1
    # A report of what was dropped is all that there may be.
    assert not list(out.glob("*.parquet"))
    assert not out.exists() or (out / "report.md").exists()


def test_a_failed_job_leaves_the_folder_as_it_was(run: Run, tmp_path: Path) -> None:
    run("xlam", "--local_dataset_path", XLAM, "--local_save_dir", tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    code, _, _ = run("xlam", "--local_dataset_path", "none.json", "--local_save_dir", tmp_path)
    assert code == 2
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "required: SOURCE"),
        (["nosuch"], "invalid choice: 'nosuch'"),
        (["xlam"], "required: --local_save_dir"),
        (["bfcl"], "required: --local_dataset_path, --local_save_dir"),
        (["xlam", "--local_dataset_path", "none.json", "--local_save_dir", "o"], "does not exist"),
        (["toolworld", "--local_save_dir", "o", "--num_train", "0"], "whole number above 0"),
        (["toolworld", "--local_save_dir", "o", "--levels", "9"], "invalid choice: 9"),
        (["toolworld", "--local_save_dir", "/proc/no/where"], "choose another --local_save_dir"),
        (["toolworld", "--local_save_dir", "o", "--max_prompt_length", "9"], "name a --tokenizer"),
        (["toolworld", "--local_save_dir", "o", "--tokenizer", "./none"], "--tokenizer"),
        (["show", "none.parquet"], "does not exist"),
        (["show", str(XLAM)], "not a parquet file"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_test_size_is_a_share(run: Run, tmp_path: Path) -> None:
    for share in ("1", "-1", "x", "nan"):
        code, _, err = run("xlam", "--test_size", share, "--local_save_dir", tmp_path)
        assert code == 2
        assert "not a share between 0 and 1" in err


def test_show_prints_rows_for_a_person(run: Run, tmp_path: Path) -> None:
    run("xlam", "--local_dataset_path", XLAM, "--local_save_dir", tmp_path)
    code, out, _ = run("show", tmp_path / "train.parquet", "-n", "2")
    assert code == 0
    assert "2 of 7 rows" in out
    assert "user: " in out
    assert "answer: " in out
    assert "offers: " in out


def test_show_refuses_foreign_parquet(run: Run, tmp_path: Path) -> None:
    pq.write_table(pa.table({"prompt": ["p"]}), tmp_path / "other.parquet")
    code, _, err = run("show", tmp_path / "other.parquet")
    assert code == 2
    assert "lacks the columns data_source" in err


def test_help_lists_sources_with_licence_and_size(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    flat = " ".join(out.split())
    for words in (
        "examples:",
        "for evaluation: BFCL",
        "xlam",
        "60,000 rows",
        "CC-BY-4.0",
        "toolworld",
        "show",
    ):
        assert words in flat


def test_toolworld_needs_no_file(run: Run, tmp_path: Path) -> None:
    sizes = ("--num_train", "30", "--num_test", "10", "--levels", "1", "2")
    code, out, _ = run("toolworld", "--local_save_dir", tmp_path, *sizes)
    assert code == 0
    assert "dropped" in out
    for name, count in (("train", 30), ("test", 10), ("test_hard", 10)):
        rows = rows_of(tmp_path / f"{name}.parquet")
        assert len(rows) == count
        assert {row["extra_info"]["split"] for row in rows} == {name}
        assert {row["data_source"] for row in rows} == {"toolworld"}


def test_a_benchmark_is_not_written_for_training_unless_told_to(run: Run, tmp_path: Path) -> None:
    words = ("bfcl", "--local_dataset_path", XLAM.parent / "bfcl", "--local_save_dir", tmp_path)
    code, _, _ = run(*words)
    assert code == 0
    assert {"report.md", "test.parquet"} < {path.name for path in tmp_path.iterdir()}
    assert not (tmp_path / "train.parquet").exists()
    assert len(rows_of(tmp_path / "test.parquet")) == 4
    code, _, _ = run(*words, "--max_samples", "2")
    assert code == 0
    assert len(rows_of(tmp_path / "test.parquet")) == 2
    code, _, _ = run(*words, "--allow_benchmark_training", "--split_by", "random")
    assert code == 0
    assert len(rows_of(tmp_path / "train.parquet")) == 3
    code, _, _ = run(*words)
    assert code == 0
    assert not (tmp_path / "train.parquet").exists(), "a file of another job was left beside"


def test_it_works_without_torch_and_verl(tmp_path: Path) -> None:
    """The base installation has neither; nothing of the way may import them."""
    program = (
        "import sys\n"
        "from egpo_verl.preprocess import main\n"
        f"code = main(['xlam', '--local_dataset_path', {str(XLAM)!r}, "
        f"'--local_save_dir', {str(tmp_path / 'out')!r}])\n"
        "heavy = {'torch', 'verl', 'transformers', 'datasets'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else code)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_real_xlam_rows_are_all_accounted_for(run: Run, real_rows: Path, tmp_path: Path) -> None:
    file = real_rows / "mini_xlam" / "mini_xlam.jsonl.gz"
    code, _, err = run("xlam", "--local_dataset_path", file, "--local_save_dir", tmp_path)
    assert (code, err) == (0, "")
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        total = sum(1 for _ in lines)
    rows = rows_of(tmp_path / "train.parquet") + rows_of(tmp_path / "test.parquet")
    report = (tmp_path / "report.md").read_text("utf-8")
    dropped = total - len(rows)
    assert f"| rows in | {total:,} |" in report
    assert f"| dropped | {dropped:,} |" in report
    assert dropped < 0.05 * total
    for row in rows:
        sample = from_row(row)
        assert parse(render(sample.calls)).calls == sample.calls
