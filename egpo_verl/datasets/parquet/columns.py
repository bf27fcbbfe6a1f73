"""Arrow columns from Python values, without `pyarrow.array`.

That function imports pandas where it is installed, which costs every process time and memory.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import pyarrow as pa

_CODES = {pa.int32(): "i", pa.int64(): "q"}


def column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """A column of texts, booleans or integers, none of them missing, as `kind` says.

    Raises:
        OverflowError: the texts are longer than 2 GiB together, or an integer than its kind.
        UnicodeEncodeError: a text is no Unicode.
    """
    if kind == pa.string():
        return _texts(values)
    if kind == pa.bool_():
        return flags(values)
    return wholes(values, kind)


def wholes(values: Iterable[int], kind: pa.DataType | None = None) -> pa.Array:
    """Integers of a kind, int64 unless `kind` says otherwise."""
    kind = kind or pa.int64()
    items = array(_CODES[kind], values)
    return pa.Array.from_buffers(kind, len(items), [None, pa.py_buffer(items)])


def flags(values: Sequence[bool] | bytes) -> pa.BooleanArray:
    """Booleans, or bytes that are 0 or 1."""
    data = pa.py_buffer(bytes(values))
    return pa.Array.from_buffers(pa.int8(), len(values), [None, data]).cast(pa.bool_())


def _texts(values: Sequence[str]) -> pa.StringArray:
    parts = [value.encode() for value in values]
    ends = array("i", accumulate(map(len, parts), initial=0))
    return pa.StringArray.from_buffers(
        len(parts), pa.py_buffer(ends), pa.py_buffer(b"".join(parts))
    )
