"""Datasets by their name on the hub."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest
from hub_server import hub

from egpo_verl.datasets.reading.hub import HubRows
from egpo_verl.errors import UserError
from egpo_verl.preprocess import main

XLAM = Path(__file__).parents[1] / "data" / "samples" / "xlam.jsonl"


@pytest.mark.slow
def test_the_hubs_own_library_streams_the_rows(tmp_path: Path) -> None:
    """The library takes a folder where it takes a name, so it is tried without a network."""
    pytest.importorskip("datasets")
    (tmp_path / "set").mkdir()
    shutil.copy(XLAM, tmp_path / "set" / "train.jsonl")
    out = tmp_path / "out"
    words = ("--hub_dataset", str(tmp_path / "set"), "--local_save_dir", str(out))
    assert main(["xlam", *words]) == 0
    rows = [
        row
        for name in ("train", "test")
        for row in pq.read_table(out / f"{name}.parquet").to_pylist()
    ]
    assert sorted(row["extra_info"]["index"] for row in rows) == list(range(8))


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://nowhere.invalid"])
def test_a_hub_that_cannot_be_reached_is_one_sentence(tmp_path: Path, address: str) -> None:
    """Without the half minute, and the ten lines, of its library's retries."""
    pytest.importorskip("datasets")
    command = [sys.executable, "-m", "egpo_verl.preprocess", "xlam"]
    ran = subprocess.run(
        [*command, "--local_save_dir", str(tmp_path / "out")],
        env={**os.environ, "HF_ENDPOINT": address, "no_proxy": "*"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 2
    (sentence,) = ran.stderr.splitlines()
    assert sentence.startswith(f"the hub does not answer at {address} (")
    assert "--local_dataset_path" in sentence
    assert not (tmp_path / "out").exists()


@pytest.fixture
def empty_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A hub that answers, though it knows nothing."""
    monkeypatch.setenv("no_proxy", "*")
    with hub() as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield


class Fake(ModuleType):
    """Stands in for the library."""

    def __init__(self, error: Exception) -> None:
        super().__init__("datasets")
        self.error = error

    def load_dataset(self, *names: Any, **options: Any) -> Any:
        raise self.error


@pytest.mark.usefixtures("empty_hub")
@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError("Dataset 'a/b' is a gated dataset.\nAsk for access."),
        ConnectionError("Couldn't reach the hub"),
        ValueError("Config name is missing. Please pick one"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", Fake(error))
    with pytest.raises(UserError, match="give --local_dataset_path") as caught:
        list(HubRows(Path("a/b")))
    assert "\n" not in str(caught.value)
    assert str(error).split("\n")[0].rstrip(".") in str(caught.value)


def test_without_the_library_it_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match="needs the library `datasets`"):
        list(HubRows(Path("a/b")))
