"""Rows between two passes: an Arrow file for each chunk, written by the process that made it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from egpo_verl.datasets.parquet.columns import flags
from egpo_verl.datasets.parquet.rows import SCHEMA

# Fast to write and to read; parquet's encodings are for the files that stay.
_COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")


def write_chunk(batch: pa.RecordBatch, path: Path) -> None:
    """Write a batch of `SCHEMA` to a file."""
    with (
        pa.OSFile(str(path), "wb") as sink,
        pa.ipc.new_file(sink, SCHEMA, options=_COMPRESSED) as file,
    ):
        file.write_batch(batch)


@dataclass
class Spool:
    """Chunks in files, and which of their rows are kept."""

    _chunks: list[tuple[Path, bytes | None]] = field(default_factory=list)

    def add(self, path: Path, keep: Sequence[bool]) -> None:
        """Note a chunk that `write_chunk` wrote; the file is removed if none of its rows is kept.

        Args:
            keep: one flag for each row of the chunk.
        """
        if any(keep):
            self._chunks.append((path, None if all(keep) else bytes(keep)))
        else:
            path.unlink()

    def batches(self, columns: Sequence[str] = SCHEMA.names) -> Iterator[pa.RecordBatch]:
        """The kept rows in their order, a batch for each chunk."""
        fields = [SCHEMA.get_field_index(name) for name in columns]
        options = pa.ipc.IpcReadOptions(included_fields=fields)
        for path, keep in self._chunks:
            with pa.memory_map(str(path)) as source:
                batch = pa.ipc.open_file(source, options=options).get_batch(0)
                yield batch if keep is None else batch.filter(flags(keep))

    def remove(self) -> None:
        """Remove the files."""
        for path, _ in self._chunks:
            path.unlink()
        self._chunks.clear()
