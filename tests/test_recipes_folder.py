"""`recipe/egpo`, in the shape of verl's recipe collection: its config, its scripts, its pin."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from egpo_verl import preprocess
from egpo_verl.integration.support import TRAINED
from egpo_verl.sizing.__main__ import main
from egpo_verl.sizing.scripts import commands

RECIPE = Path(__file__).parent.parent / "recipe" / "egpo"


def trained(*arguments: str, **environment: str) -> Any:
    """The configuration that `run_egpo.sh` trains with."""
    (command,) = commands(RECIPE / "run_egpo.sh", *arguments, **environment)
    assert command[:2] == ["-m", "verl.trainer.main_ppo"]
    assert command[2:6] == [
        "--config-path",
        str(RECIPE / "config"),
        "--config-name",
        "egpo_trainer",
    ]
    with initialize_config_dir(str(RECIPE / "config"), version_base=None):
        return compose("egpo_trainer", overrides=command[6:])


def test_the_pin_is_the_verl_that_is_tested() -> None:
    lines = (RECIPE / "REQUIRED_VERL.txt").read_text().splitlines()
    pins = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert pins["PIP_INSTALL"] == f"pip install verl=={TRAINED[-1]}"
    assert pins["TAG"] == f"v{TRAINED[-1]}"


def test_its_config_is_the_papers_group_on_verls_own(
    composed: Callable[..., Any], validate: Callable[[Any], None]
) -> None:
    config, paper = trained(), composed("+egpo=paper")
    validate(config)
    assert config.algorithm == paper.algorithm
    assert config.reward == paper.reward
    assert config.actor_rollout_ref.actor.optim == paper.actor_rollout_ref.actor.optim
    assert config.data.train_batch_size == paper.data.train_batch_size
    assert config.actor_rollout_ref.rollout.max_model_len == (
        config.data.max_prompt_length + config.data.max_response_length
    )


def test_another_group_is_one_override_away() -> None:
    assert trained("egpo=grpo").algorithm.adv_estimator == "grpo"
    assert trained("egpo=no_clip").algorithm.egpo.clip is False


@pytest.mark.parametrize(
    "model", ["Qwen/Qwen3-4B-Instruct-2507", "meta-llama/Llama-3.2-3B-Instruct"]
)
def test_the_papers_models_fit_the_gpus_that_the_script_names(model: str) -> None:
    config = trained(MODEL_PATH=model)
    gpus = config.trainer.nnodes * config.trainer.n_gpus_per_node
    actor, rollout = config.actor_rollout_ref.actor, config.actor_rollout_ref.rollout
    sizes = {
        "model_path": model,
        "gpus": gpus,
        "gpu_memory": 80,
        "ppo_max_token_len_per_gpu": actor.ppo_max_token_len_per_gpu,
        "rollout_gpu_mem_util": rollout.gpu_memory_utilization,
        "rollout_tp": rollout.tensor_model_parallel_size,
        "max_response_length": config.data.max_response_length,
    }
    assert f"1 x {gpus} x 80 GB" in (RECIPE / "run_egpo.sh").read_text()
    assert main([f"--{name}={value}" for name, value in sizes.items()]) == 0


def test_data_is_prepared_by_commands_that_exist() -> None:
    environment = {"XLAM": "xlam.json", "AGENTIC": "agentic", "DATA_DIR": "/data"}
    xlam, agentic = commands(
        RECIPE / "prepare_data.sh",
        "--irrelevance",
        "0.05",
        **environment,
        BENCHMARKS="/b/bfcl /b/acebench",
        CALL_FORM="answer_tag",
        DATASET_SUFFIX="_answer_tag",
    )
    parsed = [preprocess.parser().parse_args(command[2:]) for command in (xlam, agentic)]
    assert [str(options.local_save_dir) for options in parsed] == [
        "/data/xlam_answer_tag",
        "/data/funreason_mt_answer_tag",
    ]
    for options in parsed:
        assert options.call_form == "answer_tag"
        assert list(map(str, options.decontaminate)) == ["/b/bfcl", "/b/acebench"]
        assert (options.test_size, options.irrelevance) == (0.05, 0.05)
    assert [options.split_by for options in parsed] == ["auto", "random"]


def test_training_reads_where_preparation_writes() -> None:
    prepared = commands(RECIPE / "prepare_data.sh", XLAM="x", AGENTIC="a", DATA_DIR="/data")
    folders = [preprocess.parser().parse_args(command[2:]).local_save_dir for command in prepared]
    files = OmegaConf.to_container(trained(DATA_DIR="/data").data.train_files)
    assert files == [str(folder / "train.parquet") for folder in folders]


@pytest.mark.slow
def test_rows_of_both_schemas_become_parquet(tmp_path: Path) -> None:
    """The script itself, on our samples of the two schemas and the tiny model's tokenizer."""
    samples = RECIPE.parent.parent / "data" / "samples"
    settings = {
        "XLAM": str(samples / "xlam.jsonl"),
        "AGENTIC": str(samples / "funreason_mt.jsonl"),
        "TOKENIZER": str(RECIPE.parent.parent / "egpo_verl" / "toolworld" / "model"),
        "DATA_DIR": str(tmp_path),
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", str(RECIPE / "prepare_data.sh"), "--test_size", "0.3"]
    subprocess.run(command, env={**os.environ, **settings, "PATH": path}, check=True, timeout=300)
    for name in ("xlam", "funreason_mt"):
        for split in ("train", "test"):
            assert (tmp_path / name / f"{split}.parquet").is_file()
