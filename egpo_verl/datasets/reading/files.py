"""Rows of a local file, one at a time: json, jsonl or parquet, plain or compressed."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from egpo_verl.datasets.reading.json_rows import json_rows
from egpo_verl.datasets.sample import StructRow
from egpo_verl.errors import UserError

KINDS = ("json", "jsonl", "ndjson", "parquet")
PACKED = ("gz", "zst")
TOLD_EVERY = 100
"""Rows between two looks at how far the file is read."""


@dataclass
class Rows:
    """The rows of one file, or of all data files in one folder, read lazily.

    A row is any JSON value, or an `Unusable` for a line that is not JSON. `fraction` is the share
    of the bytes that has been read, 0 to 1; `warnings` are sentences about what was read so far.
    """

    path: Path
    fraction: float = field(default=0.0, init=False)
    warnings: list[str] = field(default_factory=list, init=False)
    _files: tuple[int, int] = field(default=(0, 1), init=False)

    def __iter__(self) -> Iterator[Any]:
        paths = files_of(self.path)
        self.warnings.clear()
        for number, path in enumerate(paths):
            self._files = number, len(paths)
            yield from self._readable(path)
        self.fraction = 1.0

    def rows_of(self, path: Path) -> Iterator[Any]:
        """The rows of one of the files."""
        kind, packing = _kind(path)
        with path.open("rb") as raw:
            if kind == "parquet":
                yield from self._parquet_rows(pq.ParquetFile(raw))
                return
            size = path.stat().st_size
            text = _unpacked(raw, packing)
            for number, row in enumerate(
                json_rows(text, path, kind == "json", self.warnings.append)
            ):
                if number % TOLD_EVERY == 0:
                    self._has_read(raw.tell() / size)
                yield row

    def _parquet_rows(self, file: pq.ParquetFile) -> Iterator[Any]:
        done, row_type = 0, StructRow if has_structs(file.schema_arrow) else dict
        for batch in file.iter_batches(batch_size=1000):
            done += batch.num_rows
            self._has_read(done / file.metadata.num_rows)
            yield from map(row_type, batch.to_pylist())

    def _has_read(self, share: float) -> None:
        """Note how much of the file at hand is read, 0 to 1."""
        number, count = self._files
        self.fraction = (number + share) / count

    def _readable(self, path: Path) -> Iterator[Any]:
        try:
            yield from self.rows_of(path)
        except (OSError, EOFError, pa.ArrowException) as error:
            raise UserError(f"{path} cannot be read: {error}.") from error


def has_structs(schema: pa.Schema) -> bool:
    """Whether a column holds structs, at any depth, whose keys Arrow makes the same in all rows."""
    return any(_is_nested_struct(column.type) for column in schema)


def _is_nested_struct(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _is_nested_struct(kind.value_type)
    return bool(pa.types.is_struct(kind))


def files_of(path: Path) -> list[Path]:
    """The file itself, or the data files of a folder by name."""
    if not path.exists():
        raise UserError(f"{path} does not exist; check the path.")
    if not path.is_dir():
        return [path]
    files = [item for item in sorted(path.iterdir()) if item.is_file() and _is_data_file(item)]
    if not files:
        raise UserError(f"{path} is a folder without a .json, .jsonl or .parquet file.")
    return files


def files_below(path: Path) -> list[Path]:
    """The file itself, or the data files of a folder and of all folders in it, by name."""
    if not path.is_dir():
        return files_of(path)
    files = [item for item in sorted(path.rglob("*")) if item.is_file() and _is_data_file(item)]
    return files or files_of(path)


def _is_data_file(path: Path) -> bool:
    try:
        _kind(path)
    except UserError:
        return False
    return True


def _kind(path: Path) -> tuple[str, str]:
    """The format and the packing that a file's name promises, such as ("jsonl", "gz")."""
    parts = path.name.lower().split(".")[1:]
    packing = parts.pop() if parts and parts[-1] in PACKED else ""
    if not parts or parts[-1] not in KINDS or (parts[-1] == "parquet" and packing):
        raise UserError(
            f"{path} has a name that promises no known format; use .json, .jsonl or .parquet "
            "(the first two also as .gz or .zst)."
        )
    return parts[-1], packing


def _unpacked(raw: BinaryIO, packing: str) -> io.TextIOWrapper:
    data: Any = raw
    if packing == "gz":
        data = gzip.GzipFile(fileobj=raw)
    elif packing == "zst":
        data = io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd"))
    return io.TextIOWrapper(data, encoding="utf-8-sig", errors="surrogateescape")
