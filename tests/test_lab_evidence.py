"""docs/evidence.md is what `lab report` makes of the packed runs of benchmarks/evidence."""

from __future__ import annotations

from pathlib import Path

import pytest

from egpo_verl.lab.__main__ import main
from egpo_verl.lab.measures import first_difference
from egpo_verl.lab.packed import from_packed

ROOT = Path(__file__).parents[1]
PACKED = ROOT / "benchmarks" / "evidence"
STUDIES = sorted(file.parent for file in PACKED.glob("*/study.json"))
pytestmark = pytest.mark.skipif(not STUDIES, reason="no study is packed in benchmarks/evidence")


def test_every_number_of_the_page_is_made_again_from_the_packed_runs(tmp_path: Path) -> None:
    page = tmp_path / "evidence.md"
    assert main(["report", *map(str, STUDIES), "--out", str(page)]) == 0
    assert page.read_text() == (ROOT / "docs" / "evidence.md").read_text()
    made = {path.name for path in (tmp_path / "evidence").iterdir()}
    assert made == {path.name for path in (ROOT / "docs" / "evidence").glob("*.png")}


def test_the_packed_runs_stay_below_ten_megabytes() -> None:
    assert sum(file.stat().st_size for file in PACKED.rglob("*") if file.is_file()) < 10_000_000


def test_runs_that_were_made_twice_gave_the_same_numbers() -> None:
    """GRPO of the null control was made again, hours later and at a later commit."""
    first = {run.seed: run for run in from_packed(PACKED / "spread").runs}
    again = [run for run in from_packed(PACKED / "null").runs if run.arm == "grpo"]
    assert {run.about["commit"] for run in again}.isdisjoint(
        run.about["commit"] for run in first.values()
    )
    assert [run.seed for run in again] == [1, 2, 3]
    for run in again:
        assert first_difference(run, first[run.seed]) is None
        assert run.final == first[run.seed].final
