"""Columns made by hand are those that Arrow makes, and pandas is not loaded for them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egpo_verl.datasets.parquet.columns import column, flags, wholes

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
COLUMNS = st.one_of(
    st.tuples(st.lists(TEXTS), st.just(pa.string())),
    st.tuples(st.lists(st.booleans()), st.just(pa.bool_())),
    st.tuples(st.lists(st.integers(-(2**63), 2**63 - 1)), st.just(pa.int64())),
    st.tuples(st.lists(st.integers(-(2**31), 2**31 - 1)), st.just(pa.int32())),
)


@given(COLUMNS)
def test_a_column_is_what_arrow_makes(values_and_kind: tuple[list[Any], pa.DataType]) -> None:
    values, kind = values_and_kind
    made = column(values, kind)
    made.validate(full=True)
    assert made.equals(pa.array(values, kind))


def test_places_and_marks_choose_rows() -> None:
    batch = pa.RecordBatch.from_arrays([column(["a", "b", "c"], pa.string())], names=["letter"])
    assert batch.take(wholes([2, 0])).column(0).to_pylist() == ["c", "a"]
    assert batch.filter(flags(b"\x01\x00\x01")).column(0).to_pylist() == ["a", "c"]


@pytest.mark.parametrize("values", [["\ud800"], ["fine", "half \udc00"]])
def test_half_a_character_is_refused(values: list[str]) -> None:
    with pytest.raises(UnicodeEncodeError):
        column(values, pa.string())


def test_preprocessing_does_not_load_pandas(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    file = Path(__file__).parent.parent / "data" / "samples" / "xlam.jsonl"
    arguments = ["xlam", "--local_dataset_path", str(file), "--local_save_dir", str(tmp_path)]
    program = f"""
import sys
from egpo_verl.preprocess import main
assert main({arguments!r}) == 0
sys.exit("pandas" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
