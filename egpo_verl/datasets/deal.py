"""Kept rows dealt to the train and the test file."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from egpo_verl.datasets.errors import UserError
from egpo_verl.datasets.writer import ROW_GROUP, ParquetOut


def deal_randomly(total: int, test_size: float, max_samples: int | None, seed: int) -> list[str]:
    """The file of each of `total` kept rows: "train", "test" or "" for none.

    Args:
        test_size: share of the rows that go to the test file, above 0 and below 1; at least
            one row goes to each file.
        max_samples: at most so many rows in both together, chosen at random.

    Raises:
        UserError: there are fewer than two rows to deal.
    """
    chooser = random.Random(seed)
    chosen: Sequence[int] = range(total)
    if max_samples is not None and max_samples < total:
        chosen = chooser.sample(chosen, max_samples)
    if len(chosen) < 2:
        raise UserError(
            f"only {len(chosen)} row is left, too few for a train and a test file; "
            "give more rows or a larger --max_samples."
        )
    wanted = min(max(1, round(test_size * len(chosen))), len(chosen) - 1)
    files = [""] * total
    for row in chosen:
        files[row] = "train"
    for row in chooser.sample(chosen, wanted):
        files[row] = "test"
    return files


def deal(kept: Path, files: Sequence[str], folder: Path) -> dict[str, int]:
    """Write `folder/NAME.parquet` for each name that `files` uses; returns file name -> rows.

    Args:
        kept: parquet of `SCHEMA` with one row per entry of `files`, read by row groups.
        files: the file of each row, "" to leave it out.
    """
    used = set(files)
    with ExitStack() as stack:
        outputs = {
            name: stack.enter_context(ParquetOut(folder / f"{name}.parquet"))
            for name in ("train", "test")
            if name in used
        }
        start = 0
        for batch in pq.ParquetFile(kept).iter_batches(batch_size=ROW_GROUP):
            targets = files[start : start + batch.num_rows]
            start += batch.num_rows
            for name, output in outputs.items():
                part = batch.filter(pa.array([target == name for target in targets]))
                if part.num_rows:
                    output.add(with_split(part, name))
    return {f"{name}.parquet": output.rows for name, output in outputs.items()}


def with_split(batch: pa.RecordBatch, split: str) -> Any:
    """The batch with `extra_info.split` set to `split` in every row."""
    info = batch.column("extra_info")
    columns = [
        pa.array([split] * batch.num_rows) if field.name == "split" else info.field(number)
        for number, field in enumerate(info.type)
    ]
    changed = pa.StructArray.from_arrays(columns, fields=list(info.type))
    return batch.set_column(batch.schema.get_field_index("extra_info"), "extra_info", changed)
