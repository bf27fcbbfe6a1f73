"""A text as words with their places, and the quotation of a part of it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from egpo_verl.datasets.demonstrations.digits import same_numbers

WORD = re.compile(r"[^\W_]+")
LONGEST = 60
"""Characters of a quotation."""
_AFTER = re.compile(r"""['")\]%]*(?: [^\W_]+)?""")
_BREAKS = re.compile(r"[.!?;:\n](?=\s|$)|\n")


class Span(NamedTuple):
    """A part of a text, `text[start:end]`."""

    start: int
    end: int


@dataclass(frozen=True)
class Speech:
    """What somebody says in a dialogue.

    Attributes:
        speaker: `question` for the last words of the user, `result` for those of a tool, `earlier`
            for all others.
    """

    speaker: str
    text: str

    @cached_property
    def words(self) -> list[tuple[str, int, int]]:
        """Each word in small letters, with its start and end."""
        matches = WORD.finditer(self.text)
        return [(word.group().casefold(), word.start(), word.end()) for word in matches]

    @cached_property
    def joined(self) -> tuple[str, list[int]]:
        """All words without what is between them, and where each begins in that; the end last."""
        starts, length = [], 0
        for word, _, _ in self.words:
            starts.append(length)
            length += len(word)
        return "".join(word for word, _, _ in self.words), [*starts, length]

    def find(self, text: str) -> Span | None:
        """Where the words of `text` stand one after another, whatever is between their letters.

        Between digits it matters: what stands there has to state the same numbers.
        """
        sought = "".join(word.group().casefold() for word in WORD.finditer(text))
        if not sought:
            at = self.text.find(text) if text.strip() else -1
            return Span(at, at + len(text)) if at >= 0 else None
        spans = self._exact(text) if len(sought) < 3 else self._in_words(sought)
        return next((span for span in spans if same_numbers(self.text, *span, text)), None)

    def _exact(self, text: str) -> Iterator[Span]:
        for match in re.finditer(rf"(?<!\w){re.escape(text)}(?!\w)", self.text):
            yield Span(*match.span())

    def _in_words(self, sought: str) -> Iterator[Span]:
        joined, starts = self.joined
        at = joined.find(sought)
        while at >= 0:
            first, end = bisect_left(starts, at), at + len(sought)
            last = bisect_left(starts, end)
            # A plural's s may follow.
            if starts[last] != end and joined[end : end + 1] == "s" and starts[last] == end + 1:
                end += 1
            if starts[first] == at and starts[last] == end:
                yield Span(self.words[first][1], self.words[last - 1][2])
            at = joined.find(sought, at + 1)

    def quote(self, span: Span) -> str:
        """The part with a word or two around it, of the same sentence."""
        if span.end - span.start > LONGEST:
            return self.text[span.start : span.start + LONGEST].rsplit(" ", 1)[0] + " ..."
        before = self.text[: span.start]
        breaks = [match.end() for match in _BREAKS.finditer(before)]
        begin = max(breaks, default=0)
        near = [match.start() for match in re.finditer(r"\S+", before[begin:])][-2:]
        start = begin + near[0] if near else span.start
        after = _AFTER.match(self.text, span.end)
        end = after.end() if after else span.end
        quoted = self.text[start:end] if end - start <= LONGEST else self.text[slice(*span)]
        return " ".join(quoted.split())
