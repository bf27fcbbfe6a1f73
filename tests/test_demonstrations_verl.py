"""verl's SFT trainer reads what `--sft` writes, as the tokens that the rollout will see."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from egpo_verl.preprocess import main

pytest.importorskip("verl")
transformers = pytest.importorskip("transformers")

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "egpo_verl" / "toolworld" / "model"
XLAM = ROOT / "data" / "samples" / "xlam.jsonl"
TEMPLATES = ("qwen2_5", "qwen3", "qwen3_instruct_2507", "llama3_1", "deepseek_r1_distill")

Load = Callable[..., Any]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("sft")
    words = ("xlam", "--local_dataset_path", str(XLAM), "--test_size", "0", "--sft")
    assert main([*words, "--local_save_dir", str(folder)]) == 0
    return str(folder / "sft_train.parquet")


@pytest.fixture
def load(file: str, composed_sft: Callable[..., Any]) -> Load:
    """`load(tokenizer, *overrides)` is the dataset that verl's trainer makes."""
    from verl.trainer.sft_trainer import create_sft_dataset

    def dataset(tokenizer: Any, *overrides: str) -> Any:
        config = composed_sft("+sft=cold_start", *overrides).data
        return create_sft_dataset(file, config, tokenizer, None)

    return dataset


def tokenizer_with(template: str | None) -> Any:
    tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL)
    if template is not None:
        tokenizer.chat_template = template
    return tokenizer


@pytest.mark.parametrize("name", TEMPLATES)
def test_prompt_and_response_are_those_of_a_rollout(
    load: Load, file: str, chat_templates: dict[str, str], name: str
) -> None:
    tokenizer = tokenizer_with(chat_templates[name])
    dataset, rows = load(tokenizer), pq.read_table(file).to_pylist()
    assert len(dataset) == len(rows) > 3
    for item, row in zip(dataset, rows, strict=False):
        messages = row["messages"]
        prompt = tokenizer.apply_chat_template(
            messages[:-1], add_generation_prompt=True, tokenize=True, return_dict=False
        )
        ids, mask = item["input_ids"].tolist(), item["loss_mask"].tolist()
        assert ids[: len(prompt)] == prompt
        assert mask == [0] * len(prompt) + [1] * (len(ids) - len(prompt))
        response = messages[-1]["content"]
        if tokenizer.decode(prompt).rstrip().endswith("<think>"):
            response = response.removeprefix("<think>")
        assert tokenizer.decode(ids[len(prompt) :]) == f"{response}{tokenizer.eos_token}"
        assert item["position_ids"].tolist() == list(range(len(ids)))


def test_verls_own_dataset_reads_the_same_file(load: Load, file: str) -> None:
    """Where a template writes each message as it is, both have the same tokens."""
    tokenizer = tokenizer_with(None)
    ours = load(tokenizer)
    stock = load(tokenizer, "data.custom_cls.path=null", "data.custom_cls.name=null")
    assert len(ours) == len(stock)
    mine, theirs = ours[0]["input_ids"].tolist(), stock[0]["input_ids"].tolist()
    assert theirs[: len(mine)] == mine


def test_a_response_that_is_too_long_is_refused_or_cut(load: Load) -> None:
    tokenizer = tokenizer_with(None)
    with pytest.raises(ValueError, match=r"data\.max_length allows 50"):
        load(tokenizer, "data.max_length=50")[0]
    whole = load(tokenizer)[0]["input_ids"].tolist()
    left = load(tokenizer, "data.max_length=50", "data.truncation=left")[0]
    right = load(tokenizer, "data.max_length=50", "data.truncation=right")[0]
    assert left["input_ids"].tolist() == whole[-50:]
    assert right["input_ids"].tolist() == whole[:50]
    with pytest.raises(ValueError, match="truncation must be one of"):
        load(tokenizer, "data.truncation=middle")
    with pytest.raises(ValueError, match="not padded"):
        load(tokenizer, "data.pad_mode=right")


def test_training_files_that_make_no_batch_are_refused(
    file: str, composed_sft: Callable[..., Any]
) -> None:
    """verl would count zero steps an epoch, and divide by that."""
    from verl.trainer.sft_trainer import create_sft_dataset

    tokenizer = tokenizer_with(None)
    batch = "data.train_batch_size=9999"
    config = composed_sft("+sft=cold_start", batch, f"data.train_files={file}").data
    with pytest.raises(ValueError, match=r"make no batch of data\.train_batch_size=9999"):
        create_sft_dataset(config.train_files, config, tokenizer, None)
    held_out = composed_sft("+sft=cold_start", batch, f"data.val_files={file}").data
    assert len(create_sft_dataset(held_out.val_files, held_out, tokenizer, None))


@pytest.mark.parametrize("shuffle", [False, True])
def test_some_samples_are_taken_in_order_or_at_random(
    load: Load, file: str, composed_sft: Callable[..., Any], shuffle: bool
) -> None:
    from verl.trainer.sft_trainer import create_sft_dataset

    tokenizer = tokenizer_with(None)
    whole = [item["input_ids"].tolist() for item in load(tokenizer)]
    random = (f"+data.shuffle={shuffle}", "+data.seed=1")
    config = composed_sft("+sft=cold_start", *random).data
    some = create_sft_dataset(file, config, tokenizer, None, max_samples=3)
    taken = [item["input_ids"].tolist() for item in some]
    assert len(taken) == 3
    assert all(ids in whole for ids in taken)
    assert (taken == whole[:3]) is not shuffle


def test_verl_accepts_the_groups(composed_sft: Callable[..., Any]) -> None:
    from verl.utils.config import omega_conf_to_dataclass

    config = composed_sft("+sft=cold_start", "+machine=cpu_sft", f"model.path={MODEL}")
    for part in ("engine", "optim", "checkpoint"):
        omega_conf_to_dataclass(config[part])
    assert config.engine.strategy == "fsdp2"
    assert config.trainer.device == "cpu"
    assert "hf_model" in config.checkpoint.save_contents
