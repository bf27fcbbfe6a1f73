"""Rows of a JSON text that is read piece by piece: a list, or one value on each line.

Bytes that are not UTF-8 come as lone surrogates (`errors="surrogateescape"`), so that they cost
the rows that hold them and no other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from egpo_verl.datasets.unusable import Unusable
from egpo_verl.errors import UserError

CHUNK = 1 << 20
LONGEST_ROW = 1 << 26
"""Characters. A list of rows in which none ends for so long is broken, not big."""

Warn = Callable[[str], None]


def json_rows(text: TextIO, path: Path, is_list: bool, warn: Warn) -> Iterator[Any]:
    """The rows of `text`, with an `Unusable` for each that cannot be read.

    Args:
        path: named in messages.
        is_list: a text that starts with `[` is a list even where its lines are lists.
        warn: told where the text ends in the middle of its last line.

    Raises:
        UserError: there is nothing in the text, or it is a list that is cut or broken.
    """
    start, line = "", 1
    while not start:
        chunk = text.read(CHUNK)
        if not chunk:
            raise UserError(f"{path} is empty; it must hold a JSON list of rows or JSON lines.")
        start = chunk.lstrip()
        line += chunk.count("\n", 0, len(chunk) - len(start))
    if start[0] == "[" and (is_list or not _begins_with_lines(start)):
        yield from _list_items(start[1:], text, path, line)
    else:
        yield from _lines(start, text, path, line, warn)


def _begins_with_lines(start: str) -> bool:
    """Whether the text starts with a JSON value on a line of its own, and goes on after it."""
    line, _, rest = start.partition("\n")
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return bool(rest.strip())


def _lines(start: str, text: TextIO, path: Path, number: int, warn: Warn) -> Iterator[Any]:
    pending = start
    while True:
        *lines, rest = pending.split("\n")
        for line in lines:
            if line.strip():
                yield _row(line, number)
            number += 1
        chunk = text.read(CHUNK)
        if not chunk:
            break
        pending = rest + chunk
    if rest.strip():
        row = _row(rest, number)
        if isinstance(row, Unusable) and _is_cut(rest):
            row = Unusable("cut_row", f"line {number}: {rest[:60]!r}")
            warn(
                f"{path} ends in the middle of line {number}, so more rows may be missing; "
                "download or export it again."
            )
        yield row


def _row(line: str, number: int) -> Any:
    try:
        if not line.isascii():
            line.encode()
        return json.loads(line)
    except UnicodeEncodeError as error:
        return Unusable("bad_text", f"line {number}: {_foreign_byte(error)}")
    except (ValueError, RecursionError) as error:
        return Unusable("not_an_object", f"line {number}: {_reason(error)} in {line[:60]!r}")


def _is_cut(line: str) -> bool:
    """Whether the line begins as an object or a list and does not end as one."""
    if line.lstrip()[0] not in "{[":
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return True
    return False


def _list_items(buffer: str, text: TextIO, path: Path, line: int) -> Iterator[Any]:
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
            problem = _reason(error)
        else:
            # A bare number may go on in the next chunk; an object or a list cannot.
            problem = "" if end < len(buffer) or buffer[position] in '{["' else "cut"
        if not problem:
            if not buffer.isascii():
                try:
                    buffer[position:end].encode()
                except UnicodeEncodeError as error:
                    number = line + buffer.count("\n", 0, position + error.start)
                    row = Unusable("bad_text", f"line {number}: {_foreign_byte(error)}")
            position, count, size = end, count + 1, CHUNK
            yield row
            continue
        chunk = text.read(size)
        line += buffer.count("\n", 0, position)
        if not chunk or len(buffer) - position > LONGEST_ROW:
            raise UserError(
                f"{path} is not a complete JSON list: {problem} in row {count} on line {line}; "
                "download or export it again."
            )
        # Doubling keeps the work linear when one row spans many chunks.
        buffer, position, size = buffer[position:] + chunk, 0, 2 * size


def _foreign_byte(error: UnicodeEncodeError) -> str:
    return f"byte 0x{ord(error.object[error.start]) - 0xDC00:02X} is not UTF-8"


def _reason(error: Exception) -> str:
    """What is wrong, without a position, which would be one of the piece at hand."""
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)


def _skip(text: str, position: int, blanks: str) -> int:
    while text[position : position + 1] and text[position] in blanks:
        position += 1
    return position
