"""Rows between two passes: each part in a file of its own, written where it is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from egpo_verl.datasets.parquet.columns import flags
from egpo_verl.datasets.parquet.rows import SCHEMA

# Fast to write and to read; parquet's encodings are for the files that stay.
_PACKED = pa.ipc.IpcWriteOptions(compression="lz4")


def put_aside(batch: pa.RecordBatch, path: Path) -> None:
    """Write a batch of `SCHEMA` to a file."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, SCHEMA, options=_PACKED) as file:
        file.write_batch(batch)


@dataclass
class Kept:
    """Parts that lie in files, with the rows of them that were admitted."""

    _parts: list[tuple[Path, bytes | None]] = field(default_factory=list)

    def add(self, path: Path, admitted: Sequence[bool]) -> None:
        """Note a part that `put_aside` wrote; the file of one without rows goes."""
        if any(admitted):
            self._parts.append((path, None if all(admitted) else bytes(admitted)))
        else:
            path.unlink()

    def batches(self, columns: Sequence[str] = SCHEMA.names) -> Iterator[pa.RecordBatch]:
        """The admitted rows in their order, some hundred at a time."""
        fields = [SCHEMA.get_field_index(name) for name in columns]
        options = pa.ipc.IpcReadOptions(included_fields=fields)
        for path, admitted in self._parts:
            with pa.memory_map(str(path)) as source:
                batch = pa.ipc.open_file(source, options=options).get_batch(0)
                if admitted is None:
                    yield batch
                else:
                    yield batch.filter(flags(admitted))

    def clear(self) -> None:
        """Remove the files."""
        for path, _ in self._parts:
            path.unlink()
        self._parts.clear()
