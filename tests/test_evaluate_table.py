"""A table says the same in the terminal, in Markdown and in JSON, and marks what is quoted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from egpo_verl.errors import UserError
from egpo_verl.evaluate.table import PAPER, Row, Table, write

TABLE = Table(
    "Scores (SUBSET: the first 8)",
    ("live", "answers"),
    (Row("ours|1", (12.345, 1234)), Row("theirs", (81.34, None), PAPER)),
    ("mean of two",),
)


def test_markdown_marks_quoted_rows_and_escapes_bars() -> None:
    assert TABLE.markdown() == (
        "## Scores (SUBSET: the first 8)\n\n"
        "|  | live | answers |\n"
        "| --- | ---: | ---: |\n"
        "| ours\\|1 | 12.35 | 1,234 |\n"
        "| theirs (quoted, arXiv:2508.05118v4) | 81.34 | - |\n"
        "\n- mean of two\n"
    )


def test_json_has_values_not_texts(tmp_path: Path) -> None:
    paths = write(tmp_path, "bfcl", [TABLE], {"samples": 1})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bfcl.json", "bfcl.md"]
    whole = json.loads(paths[0].read_text(encoding="utf-8"))
    assert whole["samples"] == 1
    assert whole["tables"][0]["rows"][0] == {
        "label": "ours|1",
        "quoted": None,
        "live": 12.345,
        "answers": 1234,
    }
    assert whole["tables"][0]["rows"][1]["quoted"] == PAPER


def test_the_terminal_shows_title_figures_and_notes(capsys: pytest.CaptureFixture[str]) -> None:
    TABLE.show(Console(width=120))
    shown = capsys.readouterr().out
    for words in ("SUBSET: the first 8", "12.35", "1,234", PAPER, "mean of two"):
        assert words in shown


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "bfcl.md").mkdir()
    with pytest.raises(UserError, match=r"bfcl\.md cannot be written"):
        write(tmp_path, "bfcl", [TABLE], {"samples": 1})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bfcl.json", "bfcl.md"]
