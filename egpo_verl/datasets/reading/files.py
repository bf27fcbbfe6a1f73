"""Rows of a local file, one at a time: json, jsonl or parquet, plain or compressed."""

from __future__ import annotations

import codecs
import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from egpo_verl.datasets.reading.folder import Listing, files_of, kind_of, listing_of, missed
from egpo_verl.datasets.reading.json_rows import json_rows
from egpo_verl.datasets.sample import StructRow
from egpo_verl.errors import UserError

_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_ZEROS = {
    b"\1\0\0\0": "UTF-32LE",
    b"\0\0\0\1": "UTF-32BE",
    b"\1\0\1\0": "UTF-16LE",
    b"\0\1\0\1": "UTF-16BE",
}
"""Which of the first bytes are not zero -> the encoding."""
TOLD_EVERY = 100
"""Rows between two looks at how far the file is read."""


@dataclass
class Rows:
    """The rows of one file, or of all data files in one folder, read lazily.

    A row is any JSON value, or an `Unusable` for a line that is not JSON. `fraction` is the share
    of the bytes that has been read, 0 to 1; `warnings` are sentences about what was read so far;
    `listing` says which files of a folder were read, None where it is none.
    """

    beside: ClassVar[tuple[str, ...]] = ()
    """Names of folders in the folder that are read with its files."""

    path: Path
    fraction: float = field(default=0.0, init=False)
    warnings: list[str] = field(default_factory=list, init=False)
    listing: Listing | None = field(default=None, init=False)
    _files: tuple[int, int] = field(default=(0, 1), init=False)

    def __iter__(self) -> Iterator[Any]:
        paths = files_of(self.path)
        self.warnings.clear()
        if not self.path.is_dir():
            yield from self._readable(self.path)
        else:
            yield from self._rows_of_all(paths)
        self.fraction = 1.0

    def place(self, index: int) -> dict[str, Any]:
        """The file of a row that was read, and in a folder the row's place in that file."""
        if self.listing is None:
            return {"file": self.path.name}
        file, row = self.listing.place(index)
        return {"file": file, "row": row}

    def _rows_of_all(self, paths: Sequence[Path]) -> Iterator[Any]:
        listing = self.listing = listing_of(self.path, self.beside)
        if names := missed(self.path, listing):
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if names[5:] else "")
            self.warnings.append(
                f"{shown} of {self.path} were not read: only .json, .jsonl and .parquet files that "
                "lie in the folder itself are; name another folder to have it read."
            )
        for number, path in enumerate(paths):
            self._files = number, len(paths)
            listing.begin(path.name)
            for row in self._readable(path):
                listing.rows += 1
                yield row

    def rows_of(self, path: Path) -> Iterator[Any]:
        """The rows of one of the files."""
        kind, packing = kind_of(path)
        with path.open("rb") as raw:
            if kind == "parquet":
                yield from self._parquet_rows(pq.ParquetFile(raw))
                return
            size = path.stat().st_size
            text = _unpacked(raw, packing, path)
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


def _unpacked(raw: BinaryIO, packing: str, path: Path) -> io.TextIOWrapper:
    """The text of a file; UserError where it is of another encoding than UTF-8."""
    data: Any = raw
    if packing == "gz":
        data = gzip.GzipFile(fileobj=raw)
    elif packing == "zst":
        data = io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd"))
    if encoding := _other_encoding(data.peek(4)[:4]):
        raise UserError(
            f"{path} is {encoding}, and must be UTF-8; convert it by `iconv -f {encoding} -t UTF-8`"
            f"{' once it is unpacked' if packing else ''}, and give the file that this makes."
        )
    return io.TextIOWrapper(data, encoding="utf-8-sig", errors="surrogateescape")


def _other_encoding(start: bytes) -> str:
    """UTF-16 or UTF-32, told by a byte order mark or by the zero bytes of the first character."""
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return encoding
    return _ZEROS.get(bytes(map(bool, start)), _ZEROS.get(bytes(map(bool, start[:2])) * 2, ""))
