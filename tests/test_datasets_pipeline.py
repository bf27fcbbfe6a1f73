"""Rows on their way through memory: as many at a time as fit, whatever a row is made of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from egpo_verl.datasets.jobs.pipeline import CHUNK, LARGEST_CHUNK, PART_BYTES, Filed, Shape, parts
from egpo_verl.datasets.registry import SOURCES

TOOLS = json.dumps([{"name": "f", "parameters": {"a": {"type": "int"}}}])


def rows(count: int, letters: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        answer = json.dumps([{"name": "f", "arguments": {"a": number}}])
        yield {"query": f"{number} {'x' * letters}", "tools": TOOLS, "answers": answer}


def made(folder: Path, given: Iterator[dict[str, Any]], processes: int = 1) -> list[Filed]:
    return list(parts(SOURCES["xlam"], given, Shape(), folder, processes))


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_long_rows_come_in_small_parts(tmp_path: Path, processes: int) -> None:
    found = made(tmp_path, rows(300, 300_000), processes)
    sizes = [part.size for part in found]
    # The first ones are chosen before anything is known of the rows.
    ahead = 1 if processes == 1 else 1 + 2 * processes
    assert sizes[0] > 2 * PART_BYTES
    assert max(sizes[ahead:]) < 1.1 * PART_BYTES
    assert [known.place for part in found for known in part.made] == list(range(300))


def test_short_rows_come_in_large_parts(tmp_path: Path) -> None:
    found = made(tmp_path, rows(10_000, 10))
    assert [len(part.made) for part in found[:2]] == [CHUNK, LARGEST_CHUNK]
    assert sum(len(part.made) for part in found) == 10_000


def test_rows_of_which_nothing_comes_end_too(tmp_path: Path) -> None:
    found = made(tmp_path, iter([{"nothing": "of use"}] * 500))
    assert [part.made for part in found] == [[], []]
    assert sum(part.tally.dropped["missing_column"] for part in found) == 500
