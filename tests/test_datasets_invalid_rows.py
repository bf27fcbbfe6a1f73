"""Rows of every source with something in them invalid: counted, and never the end of a job."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from egpo_verl.datasets.jobs.convert import convert_rows
from egpo_verl.datasets.jobs.convert_sample import RowConfig
from egpo_verl.datasets.parquet.rows import SCHEMA, from_row
from egpo_verl.datasets.parquet.spool import Spool
from egpo_verl.datasets.registry import SOURCES
from egpo_verl.datasets.unusable import REASONS

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
JUNK: list[Any] = [
    *(None, "", " ", "x", "[]", "{}", "[1]", '"', "{'a': 1", "\ud800", "\x00", "import", "a b"),
    *(0, -1, 1e400, float("nan"), 2**70, True, [], {}, [None], [[]], {"": None}, {"name": ""}),
    {"type": "object", "properties": []},
    {"type": "no such type", "required": 7, "enum": "x"},
    {"$ref": "#/nowhere"},
    "[" * 3000,
]


def rows_of(name: str) -> list[Any]:
    folder = SAMPLES / name
    return list(SOURCES[name].rows(folder if folder.exists() else SAMPLES / f"{name}.jsonl"))


def damaged(value: Any, chooser: random.Random) -> Any:
    """The value with something in it, or in a JSON text that it holds, replaced or left out."""
    if chooser.random() < 0.12:
        return copy.deepcopy(chooser.choice(JUNK))
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.dumps(damaged(json.loads(value), chooser))
        except ValueError:
            return value[: chooser.randrange(len(value))]
    if isinstance(value, list) and value:
        place = chooser.randrange(len(value))
        return [*value[:place], damaged(value[place], chooser), *value[place + 1 :]]
    if isinstance(value, dict) and value:
        key = chooser.choice(list(value))
        changed = {**value, key: damaged(value[key], chooser)}
        if chooser.random() < 0.1:
            changed[chooser.choice(["", "a b", "type", "\ud800"])] = changed.pop(key)
        return changed
    if isinstance(value, str) and value and chooser.random() < 0.5:
        cut = chooser.randrange(len(value))
        return value[:cut] + chooser.choice(["<", "]", "\n", "'", "\\", "\u00df"]) + value[cut:]
    return copy.deepcopy(chooser.choice(JUNK))


@pytest.mark.parametrize(
    ("source", "row", "reason"),
    [
        (
            "xlam",
            {"query": "q", "tools": '[{"name": ""}]', "answers": '[{"name": "", "arguments": {}}]'},
            "bad_tools",
        ),
        ("glaive", {"system": '{"name": "f"}', "chat": "USER: Hello?"}, "bad_dialogue"),
        ("openai", {"messages": [], "tools": [{"name": "f"}]}, "bad_dialogue"),
        ("openai", {"messages": [{"role": "user", "content": "q"}], "tools": []}, "no_tools"),
    ],
)
def test_no_row_is_lost_uncounted(
    tmp_path: Path, source: str, row: dict[str, Any], reason: str
) -> None:
    chunk = convert_rows(SOURCES[source], RowConfig(), tmp_path, [(0, row)])
    assert chunk.stats.dropped == {reason: 1}


@pytest.mark.parametrize("form", ["python", "json"])
@pytest.mark.parametrize("name", SOURCES)
def test_a_damaged_row_is_kept_or_counted(tmp_path: Path, name: str, form: str) -> None:
    chooser = random.Random(name)
    config = RowConfig(form, benchmarks=(SAMPLES / "xlam.jsonl",), max_turns=50)
    for row in rows_of(name) * (200 // len(rows_of(name)) + 1):
        chunk = convert_rows(SOURCES[name], config, tmp_path, [(7, damaged(row, chooser))])
        stats = chunk.stats
        assert stats.samples == len(chunk.rows) + stats.dropped.total() >= 1
        assert stats.dropped.keys() <= REASONS.keys()
        spool = Spool()
        spool.add(chunk.path, [True] * len(chunk.rows))
        for batch in spool.batches():
            assert batch.schema == SCHEMA
            for converted in batch.to_pylist():
                assert from_row(converted).messages
