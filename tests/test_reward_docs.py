"""The documented tables say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from egpo_verl.calls import FORMS, bounds
from egpo_verl.reward import Options, Reason, compute_score

PAGE = Path(__file__).parents[1].joinpath("docs", "reward.md").read_text(encoding="utf-8")


def first_cells(column: str) -> list[str]:
    """The first cells of the table whose head begins with `column`."""
    table = PAGE.split(f"| {column} |", 1)[1].split("\n\n", 1)[0]
    return [line.split("|")[1].strip(" `") for line in table.splitlines()[2:]]


def test_every_reason_is_documented_under_its_number() -> None:
    rows = re.findall(r"^\| (\d+) \| ([A-Z_]+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert rows == [(str(int(reason)), reason.name, reason.words) for reason in Reason]


def test_every_key_form_and_option_is_documented() -> None:
    assert first_cells("key") == list(compute_score("demo", "", "[]"))
    assert first_cells("form") == list(FORMS)
    assert first_cells("option") == list(Options._fields)


def test_the_bounds_are_those_documented() -> None:
    for bound in (bounds.MAX_CHARS, bounds.MAX_MARKS, bounds.MAX_CALLS, bounds.MAX_DEPTH):
        assert re.search(rf"\b{bound:,} (characters|commas|calls|levels)", PAGE)
    assert f"numbers of {bounds.MAX_NUMBER} characters" in PAGE
