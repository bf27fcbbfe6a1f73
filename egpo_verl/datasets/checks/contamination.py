"""Training rows that a benchmark has too, recognised by question, by 13 words in a row, or by tool.

Sets drawn from one another are common: xLAM-born tools copy descriptions of BFCL's, and half of
When2Call's test asks BFCL's questions. What is trained on cannot be measured by.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from egpo_verl.datasets.checks.words import runs, words_of
from egpo_verl.datasets.reading.files import Rows, files_of
from egpo_verl.datasets.reading.literals import literal
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.tools.dialects import inner
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.errors import UserError

RUN = 13
"""Words in a row that are no coincidence."""
FEWEST = 4
"""Texts of fewer words, such as "Get user", say nothing about where they come from."""
QUESTION_KEYS = ("question", "query", "input", "instruction", "user", "task")
TEXT_KEYS = ("content", "value")
USERS = ("user", "human")
TURN = re.compile(r"<user>(.*?)</user>|^user:(.*?)(?=^system:|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Benchmarks:
    """What must not be trained on; each text maps to the file that has it."""

    questions: dict[str, str] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)

    def check(self, sample: Sample) -> None:
        """Raises `Unusable` where the sample asks a benchmark's question or offers its tool."""
        for message in sample.messages:
            if message["role"] == "user":
                self._check_question(str(message["content"]))
        for tool in sample.tools:
            description = _joined(inner(tool).get("description"))
            if description in self.descriptions:
                where = self.descriptions[description]
                raise Unusable("benchmark_tool", f"{inner(tool)['name']}, in {where}")

    def _check_question(self, text: str) -> None:
        words = words_of(text)
        whole = " ".join(words)
        if whole in self.questions:
            raise Unusable("benchmark_question", f"{text[:80]!r}, in {self.questions[whole]}")
        for run in runs(words, RUN):
            if run in self.runs:
                raise Unusable("benchmark_words", f"{run!r}, in {self.runs[run]}")


@lru_cache(maxsize=1)
def benchmarks_in(paths: tuple[Path, ...]) -> Benchmarks:
    """All questions and tool descriptions in files or folders of any schema.

    Raises:
        UserError: a file cannot be read, or there is neither question nor tool in all of them.
    """
    benchmarks = Benchmarks()
    for file in (file for path in paths for file in files_of(path)):
        for row in Rows(file):
            _collect(row, file.name, benchmarks)
    if not benchmarks.questions and not benchmarks.descriptions:
        names = ", ".join(map(str, paths))
        raise UserError(f"there is no question and no tool in {names}; check --decontaminate.")
    return benchmarks


def _collect(value: Any, where: str, benchmarks: Benchmarks) -> None:
    """Walk a row of unknown schema; texts that hold JSON are walked too."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            value = literal(value)
        except ValueError:
            return
    if isinstance(value, list):
        for item in value:
            _collect(item, where, benchmarks)
    elif isinstance(value, Mapping):
        for text in _questions(value):
            _add_question(text, where, benchmarks)
        description = _joined(value.get("description"))
        if description and isinstance(value.get("name"), str):
            benchmarks.descriptions.setdefault(description, where)
        for item in value.values():
            _collect(item, where, benchmarks)


def _questions(value: Mapping[str, Any]) -> Iterator[str]:
    """A user's texts in an object: a message, or a column that is named so."""
    if value.get("role", value.get("from")) in USERS:
        yield from (value[key] for key in TEXT_KEYS if isinstance(value.get(key), str))
    for key in QUESTION_KEYS:
        text = value.get(key)
        if isinstance(text, str):
            turns = [first or second for first, second in TURN.findall(text)]
            yield from turns or [text]


def _add_question(text: str, where: str, benchmarks: Benchmarks) -> None:
    words = words_of(text)
    if len(words) >= FEWEST:
        benchmarks.questions.setdefault(" ".join(words), where)
    for run in runs(words, RUN):
        benchmarks.runs.setdefault(run, where)


def _joined(description: Any) -> str:
    """A description by its words, empty where it is too short to tell anything."""
    words = words_of(description) if isinstance(description, str) else []
    return " ".join(words) if len(words) >= FEWEST else ""
