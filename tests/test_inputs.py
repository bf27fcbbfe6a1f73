"""Files that a run names: what cannot be used is refused in one sentence, before Ray starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf

from egpo_verl.integration.inputs import InputError, check_inputs, check_model, check_rows


def write_rows(path: Path, **columns: list[Any]) -> str:
    pq.write_table(pa.table(columns), path)
    return str(path)


def test_rows_of_the_right_shape_pass(tmp_path: Path) -> None:
    name = write_rows(
        tmp_path / "a.parquet", prompt=["p"], data_source=["d"], reward_model=[{"style": "rule"}]
    )
    check_rows(name, "data.train_files")


@pytest.mark.parametrize("name", ["hdfs://cluster/a.parquet", "rows.json"])
def test_what_is_not_ours_to_judge_is_left_to_verl(name: str) -> None:
    check_rows(name, "data.train_files")


def test_missing_file_names_the_tool_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train_files=.*egpo_verl\.preprocess"):
        check_rows(str(tmp_path / "no.parquet"), "data.train_files")


@pytest.mark.parametrize("content", [b"", b"not parquet at all"])
def test_a_file_that_is_no_parquet(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(InputError, match="not a parquet file"):
        check_rows(str(tmp_path / "a.parquet"), "data.val_files")


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    name = write_rows(tmp_path / "a.parquet", prompt=["p"])
    with pytest.raises(InputError, match="lacks the column data_source, reward_model"):
        check_rows(name, "data.train_files")


def test_no_rows(tmp_path: Path) -> None:
    name = write_rows(tmp_path / "a.parquet", prompt=[], data_source=[], reward_model=[])
    with pytest.raises(InputError, match="holds no rows"):
        check_rows(name, "data.train_files")


def test_a_model_folder_needs_a_model_and_a_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no config\.json"):
        check_model(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(InputError, match="holds no tokenizer"):
        check_model(str(tmp_path))
    (tmp_path / "tokenizer.json").write_text("{}")
    check_model(str(tmp_path))


@pytest.mark.parametrize(
    "name", ["/no/such/model", "./model", "~/model/x", "runs/a/model", "model"]
)
def test_a_path_that_is_no_folder(name: str) -> None:
    with pytest.raises(InputError, match="is no folder"):
        check_model(name)


def test_a_hub_name_is_left_to_verl() -> None:
    check_model("Qwen/Qwen3-4B-Instruct-2507")


def test_no_model() -> None:
    with pytest.raises(InputError, match="is not set"):
        check_model(None)


@pytest.mark.parametrize("option", ["default_local_dir", "rollout_data_dir", "validation_data_dir"])
def test_what_a_run_writes_needs_a_folder_that_can_be_made(tmp_path: Path, option: str) -> None:
    config = OmegaConf.create(
        {
            "data": {},
            "actor_rollout_ref": {"model": {"path": "Qwen/Qwen3-4B-Instruct-2507"}},
            "trainer": {option: str(tmp_path / "new" / "folder")},
        }
    )
    check_inputs(config)
    (tmp_path / "file").write_text("")
    config.trainer[option] = str(tmp_path / "file" / "below")
    with pytest.raises(InputError, match=rf"trainer\.{option}=.* cannot be written: .* is a file"):
        check_inputs(config)
