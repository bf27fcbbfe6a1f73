"""Rows of a parquet file as a person reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from egpo_verl.calls import render
from egpo_verl.datasets.parquet.reader import open_parquet
from egpo_verl.datasets.parquet.rows import SCHEMA, read_truth
from egpo_verl.datasets.tools.dialects import name_of, parameters_of
from egpo_verl.errors import UserError

LONGEST = 2000
"""Characters of a message that are shown."""


def show_rows(path: Path, count: int, console: Console) -> None:
    """Print the first `count` rows of a file that this package wrote; UserError on others."""
    shown = 0
    for row in _rows(path, count):
        info = row["extra_info"]
        console.print(
            Panel(
                Text("\n").join(_lines(row)),
                title=f"{row['data_source']} row {info['index']} ({info['split']})",
                title_align="left",
            )
        )
        shown += 1
    total = pq.ParquetFile(path).metadata.num_rows
    console.print(f"{shown} of {total:,} rows of {path}")


def _lines(row: dict[str, Any]) -> Iterator[Text]:
    info = row["extra_info"]
    for message in row["prompt"][1:]:
        yield _labelled(message["role"], message["content"])
    for tool in json.loads(info["tools"]):
        yield _labelled("offers", f"{name_of(tool)}({', '.join(parameters_of(tool))})")
    calls, reference = read_truth(row["reward_model"]["ground_truth"])
    label = "answer" if reference is None else "one answer"
    yield _labelled(label, render(calls, info["call_form"]) if calls else "(no call)")
    for label in ("renamed", "facts"):
        if info[label] != "{}":
            yield _labelled(label, info[label])


def _labelled(label: str, text: str) -> Text:
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]} ... ({len(text):,} characters)"
    return Text.assemble((f"{label}: ", "bold"), shown)


def _rows(path: Path, count: int) -> Iterator[dict[str, Any]]:
    file = open_parquet(path)
    missing = [name for name in SCHEMA.names if name not in file.schema_arrow.names]
    if missing:
        raise UserError(
            f"{path} lacks the columns {', '.join(missing)}; "
            "show reads the files that `python -m egpo_verl.preprocess` writes."
        )
    for batch in file.iter_batches(batch_size=max(1, count)):
        yield from batch.to_pylist()[:count]
        return
