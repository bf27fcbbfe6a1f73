"""A parquet file of rows to one of demonstrations."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from egpo_verl.datasets.demonstrations.reasons import Unexplained
from egpo_verl.datasets.demonstrations.rows import DEMONSTRATIONS, demonstration
from egpo_verl.datasets.parquet.reader import open_parquet

PREFIX = "sft_"
"""Before the name of the file whose rows are demonstrated."""
DEMONSTRATED = ("train", "test")
"""Splits that are demonstrated."""
BATCH = 500


@dataclass
class Counts:
    """What became of the rows of a file.

    Attributes:
        thoughts: where the thought of a demonstration comes from -> demonstrations.
        left_out: key of `reasons.REASONS` -> rows without one.
        examples: reason -> the first detail met.
    """

    rows: int = 0
    thoughts: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)


def demonstrate_splits(folder: Path, seed: int | None) -> dict[str, Counts]:
    """Split -> what became of its rows as demonstrations, beside it; nothing without a seed."""
    if seed is None:
        return {}
    paths = {name: folder / f"{name}.parquet" for name in DEMONSTRATED}
    return {name: demonstrate(path, seed) for name, path in paths.items() if path.exists()}


def demonstrate(path: Path, seed: int) -> Counts:
    """Write `sft_NAME.parquet` beside `NAME.parquet`, in the same order."""
    counts = Counts()
    output = path.with_name(f"{PREFIX}{path.name}")
    with pq.ParquetWriter(output, DEMONSTRATIONS, compression="zstd") as writer:
        for batch in open_parquet(path).iter_batches(batch_size=BATCH):
            lines = []
            for row in batch.to_pylist():
                counts.rows += 1
                try:
                    line = demonstration(row, seed)
                except Unexplained as problem:
                    counts.left_out[problem.reason] += 1
                    counts.examples.setdefault(problem.reason, problem.detail)
                else:
                    lines.append(line)
                    counts.thoughts[line["thought_from"]] += 1
            writer.write_table(pa.Table.from_pylist(lines, schema=DEMONSTRATIONS))
    return counts
