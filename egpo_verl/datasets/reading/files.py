"""Rows of a local file, one at a time: json, jsonl or parquet, plain or compressed."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from egpo_verl.datasets.unusable import Unusable
from egpo_verl.errors import UserError

KINDS = ("json", "jsonl", "ndjson", "parquet")
PACKED = ("gz", "zst")
CHUNK = 1 << 20
TOLD_EVERY = 100
"""Rows between two looks at how far the file is read."""
LONGEST_ROW = 1 << 26
"""Characters. A list of rows in which none ends for so long is broken, not big."""


@dataclass
class Rows:
    """The rows of one file, or of all data files in one folder, read lazily.

    A row is any JSON value, or an `Unusable` for a line that is not JSON. `fraction` is the share
    of the bytes that has been read, 0 to 1.
    """

    path: Path
    fraction: float = field(default=0.0, init=False)
    _files: tuple[int, int] = field(default=(0, 1), init=False)

    def __iter__(self) -> Iterator[Any]:
        paths = files_of(self.path)
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
            for number, row in enumerate(_json_rows(_unpacked(raw, packing), path, kind)):
                if number % TOLD_EVERY == 0:
                    self._has_read(raw.tell() / size)
                yield row

    def _parquet_rows(self, file: pq.ParquetFile) -> Iterator[Any]:
        done = 0
        for batch in file.iter_batches(batch_size=1000):
            done += batch.num_rows
            self._has_read(done / file.metadata.num_rows)
            yield from batch.to_pylist()

    def _has_read(self, share: float) -> None:
        """Note how much of the file at hand is read, 0 to 1."""
        number, count = self._files
        self.fraction = (number + share) / count

    def _readable(self, path: Path) -> Iterator[Any]:
        try:
            yield from self.rows_of(path)
        except UnicodeDecodeError as error:
            raise UserError(f"{path} is not UTF-8 text ({error}); save it as UTF-8.") from error
        except (OSError, EOFError, pa.ArrowException) as error:
            raise UserError(f"{path} cannot be read: {error}.") from error


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
    return io.TextIOWrapper(data, encoding="utf-8-sig")


def _json_rows(text: io.TextIOWrapper, path: Path, kind: str) -> Iterator[Any]:
    """Rows of a JSON list, or of JSON lines: those do not start with `[`, or each is a list."""
    start = ""
    while not start:
        chunk = text.read(CHUNK)
        if not chunk:
            raise UserError(f"{path} is empty; it must hold a JSON list of rows or JSON lines.")
        start = chunk.lstrip()
    if start[0] == "[" and (kind == "json" or not _begins_with_lines(start)):
        yield from _list_items(start[1:], text, path)
    else:
        yield from _lines(start, text)


def _begins_with_lines(start: str) -> bool:
    """Whether the text starts with a JSON value on a line of its own, and goes on after it."""
    line, _, rest = start.partition("\n")
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return bool(rest.strip())


def _lines(start: str, text: io.TextIOWrapper) -> Iterator[Any]:
    pending = start
    while pending:
        *lines, rest = pending.split("\n")
        chunk = text.read(CHUNK)
        if not chunk:
            lines, rest = [*lines, rest], ""
        for line in lines:
            if line.strip():
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError) as error:
                    yield Unusable("not_an_object", f"{error} in {line[:60]!r}")
        pending = rest + chunk


def _list_items(buffer: str, text: io.TextIOWrapper, path: Path) -> Iterator[Any]:
    """Items of a JSON list whose `[` has been read, decoded as soon as they are complete."""
    decode = json.JSONDecoder().raw_decode
    position, count, size = 0, 0, CHUNK
    while True:
        position = _skip(buffer, position, ", \t\r\n")
        if buffer[position : position + 1] == "]":
            if buffer[position + 1 :].strip() or text.read(CHUNK).strip():
                raise UserError(
                    f"{path} goes on after its JSON list; name it .jsonl if every line is a row."
                )
            return
        try:
            row, end = decode(buffer, position)
        except (ValueError, RecursionError) as error:
            problem: Exception | None = error
        else:
            # A bare number may go on in the next chunk; an object or a list cannot.
            problem = None if end < len(buffer) or buffer[position] in '{["' else ValueError("cut")
        if problem is None:
            position, count, size = end, count + 1, CHUNK
            yield row
            continue
        chunk = text.read(size)
        if not chunk or len(buffer) - position > LONGEST_ROW:
            raise UserError(
                f"{path} is not a complete JSON list: {problem} in row {count}; "
                "download or export it again."
            )
        # Doubling keeps the work linear when one row spans many chunks.
        buffer, position, size = buffer[position:] + chunk, 0, 2 * size


def _skip(text: str, position: int, blanks: str) -> int:
    while text[position : position + 1] and text[position] in blanks:
        position += 1
    return position
