"""What is wrong with a saved file, seen without loading it.

Only the first bytes and the table of contents are read: pickled data is never opened.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

ZIP_START = b"PK\x03\x04"
CUT_OFF = "is cut off"


def damage(file: Path) -> str | None:
    """What is wrong with a file that torch (`.pt`) or safetensors wrote; None where it is whole.

    In both formats a file that was cut off shows: torch's archive ends with its table of contents,
    and a safetensors file begins with one that names its last byte.
    """
    if not file.exists():
        return "is missing"
    if not file.is_file():
        return "is not a file"
    try:
        if file.stat().st_size == 0:
            return "is empty"
        return _safetensors(file) if file.suffix == ".safetensors" else _archive(file)
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _archive(file: Path) -> str | None:
    with file.open("rb") as opened:
        if opened.read(len(ZIP_START)) != ZIP_START:
            return "does not begin as a file of torch does"
        return None if zipfile.is_zipfile(opened) else CUT_OFF


def _safetensors(file: Path) -> str | None:
    size = file.stat().st_size
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if 8 + length > size:
            return CUT_OFF
        try:
            contents = json.loads(opened.read(length))
            tensors = [entry for name, entry in contents.items() if name != "__metadata__"]
            end = max((entry["data_offsets"][1] for entry in tensors), default=0)
        except (ValueError, AttributeError, TypeError, LookupError):
            return "has no table of contents that can be read"
    return None if 8 + length + end == size else CUT_OFF
