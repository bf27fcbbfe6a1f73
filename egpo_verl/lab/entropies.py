"""Entropy of thought and of call at every step, from the records of a run."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

THOUGHT, CALL = "lab/thought_entropy", "lab/call_entropy"
"""Nats, means over the tokens of a step's recorded responses."""
COLUMNS = ["token_entropy", "thought", "generated"]


def recorded_entropies(folder: Path) -> dict[int, dict[str, float]]:
    """Step -> the two means; empty where nothing was recorded."""
    if not folder.is_dir():
        return {}
    files = sorted(file for file in folder.glob("*.parquet") if file.stem.isdecimal())
    return {int(file.stem): _means(pq.read_table(file, columns=COLUMNS)) for file in files}


def _means(table: pa.Table) -> dict[str, float]:
    entropy, thought, generated = (pc.list_flatten(table[name]) for name in COLUMNS)
    outside = pc.and_(generated, pc.invert(thought))
    means = {
        name: pc.mean(pc.filter(entropy, mask)).as_py()
        for name, mask in ((THOUGHT, thought), (CALL, outside))
    }
    return {name: value for name, value in means.items() if value is not None}
