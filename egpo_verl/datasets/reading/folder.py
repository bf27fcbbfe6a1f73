"""What is read of a file or a folder: its data files, their rows, and what is left unread."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from egpo_verl.errors import UserError

KINDS = ("json", "jsonl", "ndjson", "parquet")
PACKED = ("gz", "zst")
MOST_FILES = 50
"""Files that are listed one by one."""
NO_DATA = (".md", ".rst", ".gitattributes", ".gitignore", ".py")
"""Endings of files beside the data, of which nobody expects rows."""


@dataclass
class Listing:
    """The files of a folder that were read so far, and what else is in it.

    Attributes:
        files: names of the files that were read.
        starts: place of each file's first row among the rows of all.
        rows: how many rows all of them have.
        unread: names of what was not read; those of folders end with a slash.
        beside: names of what is read beside the files.
    """

    files: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    rows: int = 0
    unread: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)

    def begin(self, name: str) -> None:
        """Note that the rows of a file come next."""
        self.files.append(name)
        self.starts.append(self.rows)

    def place(self, index: int) -> tuple[str, int]:
        """The file of a row, and the row's place there."""
        number = bisect_right(self.starts, index) - 1
        return self.files[number], index - self.starts[number]

    def lines(self) -> tuple[tuple[str, str], ...]:
        """Each file with its rows, and each other thing with what became of it."""
        ends = [*self.starts[1:], self.rows]
        counts = [end - start for start, end in zip(self.starts, ends, strict=True)]
        pairs = list(zip(self.files, map("{:,}".format, counts), strict=True))
        if more := pairs[MOST_FILES:]:
            pairs[MOST_FILES:] = [(f"{len(more):,} more files", f"{sum(counts[MOST_FILES:]):,}")]
        others = [(name, "read beside the others") for name in self.beside]
        unread = [(name, "not read") for name in self.unread[:MOST_FILES]]
        if len(self.unread) > MOST_FILES:
            unread.append((f"{len(self.unread) - MOST_FILES:,} more", "not read"))
        return (*pairs, *others, *unread)


def listing_of(folder: Path, beside: Collection[str] = ()) -> Listing:
    """What is in a folder apart from its data files.

    Args:
        beside: names of folders that are read with the data files.
    """
    listing = Listing()
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            (listing.beside if path.name in beside else listing.unread).append(f"{path.name}/")
        elif not is_data_file(path):
            listing.unread.append(path.name)
    return listing


def missed(folder: Path, listing: Listing) -> list[str]:
    """Names of what was not read of a folder though somebody may expect it to be."""
    return [
        name
        for name in listing.unread
        if (_holds_data(folder / name) if name.endswith("/") else not name.endswith(NO_DATA))
    ]


def files_of(path: Path) -> list[Path]:
    """The file itself, or the data files of a folder by name."""
    if not path.exists():
        raise UserError(f"{path} does not exist; check the path.")
    if not path.is_dir():
        return [path]
    files = [item for item in sorted(path.iterdir()) if item.is_file() and is_data_file(item)]
    if not files:
        below = [f"{item.name}/" for item in sorted(path.iterdir()) if _holds_data(item)]
        cure = f", but {', '.join(below[:5])} in it has some; name that folder" if below else ""
        raise UserError(f"{path} is a folder without a .json, .jsonl or .parquet file{cure}.")
    return files


def files_below(path: Path) -> list[Path]:
    """The file itself, or the data files of a folder and of all folders in it, by name."""
    if not path.is_dir():
        return files_of(path)
    files = [item for item in sorted(path.rglob("*")) if item.is_file() and is_data_file(item)]
    return files or files_of(path)


def is_data_file(path: Path) -> bool:
    """Whether the name is one of a file with rows."""
    try:
        kind_of(path)
    except UserError:
        return False
    return True


def kind_of(path: Path) -> tuple[str, str]:
    """The format and the packing that a file's name promises, such as ("jsonl", "gz")."""
    parts = path.name.lower().split(".")[1:]
    packing = parts.pop() if parts and parts[-1] in PACKED else ""
    if not parts or parts[-1] not in KINDS or (parts[-1] == "parquet" and packing):
        raise UserError(
            f"{path} has a name that promises no known format; use .json, .jsonl or .parquet "
            "(the first two also as .gz or .zst)."
        )
    return parts[-1], packing


def _holds_data(path: Path) -> bool:
    return path.is_dir() and any(map(is_data_file, path.rglob("*")))
