"""BFCL's entries as chats under the training template."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egpo_verl.evaluate.chat import Chat, build_chat
from egpo_verl.evaluate.subset import Subset


@dataclass(frozen=True)
class Entry:
    """A question of BFCL, as its loader gives it to models.

    Attributes:
        turns: messages of each turn; one turn but in the multi-turn categories.
        functions: offered from the start.
    """

    identity: str
    category: str
    turns: list[list[dict[str, Any]]]
    functions: list[dict[str, Any]]

    def chat(self, call_form: str) -> Chat:
        """The prompt of the first turn."""
        return build_chat(self.identity, self.turns[0], self.functions, call_form)


def read_entries(path: Path) -> Iterator[Entry]:
    """Entries that the scorer's environment has written."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield Entry(row["id"], row["category"], row["question"], row["function"])


def of_each(entries: Iterable[Entry], subset: Subset) -> list[Entry]:
    """The entries of each category that are asked."""
    by_category: dict[str, list[Entry]] = {}
    for entry in entries:
        by_category.setdefault(entry.category, []).append(entry)
    return [entry for all_of_it in by_category.values() for entry in subset.of(all_of_it)]
