"""Rows on their way through memory: as many at a time as fit, whatever a row is made of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from egpo_verl.datasets.jobs.convert import (
    CHUNK,
    CHUNK_BYTES,
    LARGEST_CHUNK,
    Chunk,
    convert_chunks,
)
from egpo_verl.datasets.jobs.convert_sample import RowConfig
from egpo_verl.datasets.registry import SOURCES

TOOLS = json.dumps([{"name": "f", "parameters": {"a": {"type": "int"}}}])


def rows(count: int, letters: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        answer = json.dumps([{"name": "f", "arguments": {"a": number}}])
        yield {"query": f"{number} {'x' * letters}", "tools": TOOLS, "answers": answer}


def converted(folder: Path, source: Iterator[dict[str, Any]], processes: int = 1) -> list[Chunk]:
    return list(convert_chunks(SOURCES["xlam"], source, RowConfig(), folder, processes))


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_long_rows_come_in_small_chunks(tmp_path: Path, processes: int) -> None:
    chunks = converted(tmp_path, rows(300, 300_000), processes)
    sizes = [chunk.size for chunk in chunks]
    # The first ones are chosen before anything is known of the rows.
    ahead = 1 if processes == 1 else 1 + 2 * processes
    assert sizes[0] > 2 * CHUNK_BYTES
    assert max(sizes[ahead:]) < 1.1 * CHUNK_BYTES
    assert [row.source_row for chunk in chunks for row in chunk.rows] == list(range(300))


def test_short_rows_come_in_large_chunks(tmp_path: Path) -> None:
    chunks = converted(tmp_path, rows(10_000, 10))
    assert [len(chunk.rows) for chunk in chunks[:2]] == [CHUNK, LARGEST_CHUNK]
    assert sum(len(chunk.rows) for chunk in chunks) == 10_000


def test_rows_of_which_nothing_comes_end_too(tmp_path: Path) -> None:
    chunks = converted(tmp_path, iter([{"nothing": "of use"}] * 500))
    assert [chunk.rows for chunk in chunks] == [[], []]
    assert sum(chunk.stats.dropped["missing_column"] for chunk in chunks) == 500
