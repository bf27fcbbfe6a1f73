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
from typing import Any, NamedTuple

from egpo_verl.datasets.checks.words import runs, size_of, words_of
from egpo_verl.datasets.reading.files import Rows
from egpo_verl.datasets.reading.folder import files_below
from egpo_verl.datasets.reading.literals import literal
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.tools.dialects import inner
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.errors import UserError

RUN = 13
"""Words in a row that are no coincidence; in Chinese it takes 20 characters to say as much."""
FEWEST = 4
"""Texts of fewer words, such as "Get user", say nothing about where they come from."""
QUESTION_KEYS = ("question", "query", "input", "instruction", "user", "task")
TEXT_KEYS = ("content", "value")
USERS = ("user", "human")
TURN = re.compile(r"<user>(.*?)</user>|^user:(.*?)(?=^system:|\Z)", re.DOTALL | re.MULTILINE)


class BenchmarkFile(NamedTuple):
    """A file that was read, how many questions and tools it has, each counted once, and what of it
    could not be read.
    """

    name: str
    questions: int
    tools: int
    unreadable_rows: int


@dataclass(frozen=True)
class Benchmarks:
    """What must not be trained on; each text maps to the file that has it."""

    questions: dict[str, str] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    files: list[BenchmarkFile] = field(default_factory=list)

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

    def add(self, path: Path, name: str) -> None:
        """Enter the questions and tools of a file; raises `UserError` where it cannot be read."""
        questions, descriptions = set(), set()
        unreadable = 0
        for row in Rows(path):
            unreadable += isinstance(row, Unusable)
            for question, description in _texts(row):
                questions.add(" ".join(words_of(question)))
                descriptions.add(_joined(description))
        questions.discard("")
        descriptions.discard("")
        for question in questions:
            words = question.split()
            if size_of(words) >= FEWEST:
                self.questions.setdefault(question, name)
            for run in runs(words, RUN):
                self.runs.setdefault(run, name)
        for description in descriptions:
            self.descriptions.setdefault(description, name)
        self.files.append(BenchmarkFile(name, len(questions), len(descriptions), unreadable))


@lru_cache(maxsize=1)
def benchmarks_in(paths: tuple[Path, ...]) -> Benchmarks:
    """All questions and tool descriptions in files of any schema, or in all files below folders.

    Raises:
        UserError: a file cannot be read, or there is neither question nor tool in all of them.
    """
    benchmarks = Benchmarks()
    for path in paths:
        for file in files_below(path):
            benchmarks.add(file, str(file.relative_to(path.parent)))
    if not benchmarks.questions and not benchmarks.descriptions:
        names = ", ".join(map(str, paths))
        raise UserError(f"there is no question and no tool in {names}; check --decontaminate.")
    return benchmarks


def _texts(value: Any) -> Iterator[tuple[str, str]]:
    """Pairs of a question and a tool's description, one of them empty, in a row of any schema.

    Texts that hold JSON are looked into.
    """
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            value = literal(value)
        except ValueError:
            return
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, Mapping):
        for question in _questions(value):
            yield question, ""
        description = value.get("description")
        if isinstance(description, str) and isinstance(value.get("name"), str):
            yield "", description
        for item in value.values():
            yield from _texts(item)


def _questions(value: Mapping[str, Any]) -> Iterator[str]:
    """A user's texts in an object: a message, or a column that is named so."""
    if value.get("role", value.get("from")) in USERS:
        yield from (value[key] for key in TEXT_KEYS if isinstance(value.get(key), str))
    for key in QUESTION_KEYS:
        text = value.get(key)
        if isinstance(text, str):
            turns = [first or second for first, second in TURN.findall(text)]
            yield from turns or [text]


def _joined(description: Any) -> str:
    """A description by its words, empty where it is too short to tell anything."""
    words = words_of(description) if isinstance(description, str) else []
    return " ".join(words) if size_of(words) >= FEWEST else ""
