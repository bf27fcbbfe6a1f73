"""Benchmarks that keep questions and answers in two files of one name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from egpo_verl.datasets.reading.files import Rows

FOLDER = "possible_answer"


class AnsweredRows(Rows):
    """Rows of a file or a folder, each with the `ground_truth` that `possible_answer/` has."""

    beside = (FOLDER,)

    def rows_of(self, path: Path) -> Iterator[Any]:
        answers = path.parent / FOLDER / path.name
        truths: dict[str, Any] = {}
        if answers.exists():
            truths = {
                row["id"]: row["ground_truth"]
                for row in super().rows_of(answers)
                if isinstance(row, dict) and {"id", "ground_truth"} <= row.keys()
            }
        for row in super().rows_of(path):
            answered = isinstance(row, dict) and row.get("id") in truths
            yield {**row, "ground_truth": truths[row["id"]]} if answered else row
