"""Rows of a parquet file as a person reads them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
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
BATCH = 500

Row = dict[str, Any]
RowId = tuple[int, int | None]
"""Place of a row in its source, and its turn where it is one of a dialogue."""


@dataclass(frozen=True)
class View:
    """Which rows to show, and how much of them.

    Attributes:
        count: at most so many rows.
        matches: whether to show a row.
        repairs: what was repaired in a row, as lines to show.
        seed: choose the rows at random by it; None for the first ones.
        whole: show the system prompt and the types of parameters too.
    """

    count: int
    matches: Callable[[Row], bool] = lambda row: True
    repairs: Mapping[RowId, list[str]] | None = None
    seed: int | None = None
    whole: bool = False


def show_rows(path: Path, view: View, console: Console) -> None:
    """Print rows of a file that this package wrote; UserError on others."""
    try:
        _show_rows(path, view, console)
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split()).rstrip(" .")
        raise UserError(f"{path} cannot be read: {reason}; preprocess again.") from error
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise UserError(
            f"{path} holds a row that `python -m egpo_verl.preprocess` did not write "
            f"({type(error).__name__}: {str(error)[:60]}); show reads its files only."
        ) from error


def _show_rows(path: Path, view: View, console: Console) -> None:
    matching = (row for row in _rows(path) if view.matches(row))
    shown = 0
    for row in _chosen(matching, view):
        info = row["extra_info"]
        turn = row_id(row)[1]
        place = f"row {info['index']}" + ("" if turn is None else f", turn {turn}")
        title = f"{row['data_source']} {place} ({info['split']})"
        text = Text("\n").join(_lines(row, view))
        console.print(Panel(text, title=Text(title), title_align="left"))
        shown += 1
    total = pq.ParquetFile(path).metadata.num_rows
    console.print(Text(f"{shown} of {total:,} rows of {path}"))


def row_id(row: Mapping[str, Any]) -> RowId:
    """What tells a row from all others of its source."""
    info = row["extra_info"]
    return info["index"], json.loads(info["facts"]).get("turn")


def _chosen(rows: Iterator[Row], view: View) -> Iterator[Row]:
    """The first rows, or as many at random in one pass, in the order of the file."""
    if view.seed is None:
        for _, row in zip(range(view.count), rows, strict=False):
            yield row
        return
    chooser = random.Random(view.seed)
    chosen: list[tuple[int, Row]] = []
    for number, row in enumerate(rows):
        place = number if number < view.count else chooser.randint(0, number)
        if place < view.count:
            chosen[place : place + 1] = [(number, row)]
    yield from (row for _, row in sorted(chosen, key=lambda one: one[0]))


def _lines(row: Row, view: View) -> Iterator[Text]:
    info = row["extra_info"]
    for message in row["prompt"][0 if view.whole else 1 :]:
        yield _labelled(message["role"], message["content"], whole=view.whole)
    for tool in json.loads(info["tools"]):
        parameters = parameters_of(tool)
        described = (
            [f"{name}: {_type_of(schema)}" for name, schema in parameters.items()]
            if view.whole
            else list(parameters)
        )
        yield _labelled("offers", f"{name_of(tool)}({', '.join(described)})")
    calls, reference = read_truth(row["reward_model"]["ground_truth"])
    label = "answer" if reference is None else "one answer"
    yield _labelled(label, render(calls, info["call_form"]) if calls else "(no call)")
    for line in (view.repairs or {}).get(row_id(row), ()):
        yield _labelled("repaired", line)
    for label in ("renamed", "facts"):
        if info[label] != "{}":
            yield _labelled(label, info[label])


def _type_of(schema: Any) -> str:
    """The type of a parameter as its dataset writes it, or its whole schema where it has none."""
    declared = schema.get("type", schema) if isinstance(schema, Mapping) else schema
    return declared if isinstance(declared, str) else json.dumps(declared, ensure_ascii=False)


def _labelled(label: str, text: str, whole: bool = False) -> Text:
    is_cut = len(text) > LONGEST and not whole
    shown = f"{text[:LONGEST]} ... ({len(text):,} characters)" if is_cut else text
    return Text.assemble((f"{label}: ", "bold"), shown)


def _rows(path: Path) -> Iterator[Row]:
    file = open_parquet(path)
    missing = [name for name in SCHEMA.names if name not in file.schema_arrow.names]
    if missing:
        raise UserError(
            f"{path} lacks the columns {', '.join(missing)}; "
            "show reads the files that `python -m egpo_verl.preprocess` writes."
        )
    for batch in file.iter_batches(batch_size=BATCH):
        yield from batch.to_pylist()
