"""verl's dataset class loads what we write, under the chat templates that models have.

The templates are those of published models (`chat_templates` in conftest.py).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from egpo_verl.datasets.checks.check import check
from egpo_verl.datasets.parquet.rows import to_row
from egpo_verl.datasets.parquet.writer import ParquetOut, batch_of
from egpo_verl.datasets.registry import SOURCES
from egpo_verl.datasets.sample import Sample
from egpo_verl.preprocess import main

pytest.importorskip("verl")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "data" / "samples"
XLAM = SAMPLES / "xlam.jsonl"
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
THINKING = CHATML.replace("assistant\n{% endif", "assistant\n<think>\n{% endif")
MODELS = ("qwen2_5", "qwen3", "qwen3_instruct_2507", "llama3_1", "deepseek_r1_distill")
STRICT = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"


@pytest.fixture(scope="module")
def vocabulary() -> Any:
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "<|im_end|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator([XLAM.read_text("utf-8")], trainer)
    return bpe


def saved(vocabulary: Any, folder: Path, template: str | None) -> str:
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=vocabulary, bos_token="<s>", eos_token="<|im_end|>", pad_token="<|im_end|>"
    )
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return str(folder)


def read(file: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    return rows


def convert(tmp_path: Path, *more: str) -> int:
    paths = ("--local_dataset_path", str(XLAM), "--local_save_dir", str(tmp_path / "out"))
    return main(["xlam", *paths, *more])


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_verl_loads_every_row_and_agrees_on_its_length(
    vocabulary: Any,
    tmp_path: Path,
    model: str,
    capsys: pytest.CaptureFixture[str],
    chat_templates: dict[str, str],
) -> None:
    from omegaconf import OmegaConf
    from verl.utils.dataset.rl_dataset import RLHFDataset

    name = saved(vocabulary, tmp_path / "tokenizer", chat_templates[model])
    assert convert(tmp_path, "--tokenizer", name) == 0
    table = capsys.readouterr().out
    assert "Prompt length" in table

    def loaded(limit: int) -> Any:
        settings = {
            "max_prompt_length": limit,
            "filter_overlong_prompts": True,
            "filter_overlong_prompts_workers": 1,
            "cache_dir": str(tmp_path / "cache"),
        }
        file = str(tmp_path / "out" / "train.parquet")
        tokenizer = transformers.AutoTokenizer.from_pretrained(name)
        return RLHFDataset(file, tokenizer, OmegaConf.create(settings))

    everything = loaded(10**6)
    assert len(everything) == 7
    item = everything[0]
    assert [message["role"] for message in item["raw_prompt"]] == ["system", "user"]
    assert item["reward_model"]["style"] == "rule"
    assert isinstance(item["extra_info"]["tools"], str)

    # The longest prompt that our report names is exactly what verl still lets through.
    report = (tmp_path / "out" / "report.md").read_text("utf-8")
    longest = int(report.split("| longest | ")[1].split(" ")[0].replace(",", ""))
    assert convert(tmp_path, "--tokenizer", name, "--max_prompt_length", str(longest)) == 0
    assert len(loaded(longest)) == pq.read_metadata(tmp_path / "out/train.parquet").num_rows == 7
    assert convert(tmp_path, "--tokenizer", name, "--max_prompt_length", str(longest - 1)) == 0
    assert "| too_long | 1 |" in (tmp_path / "out" / "report.md").read_text("utf-8")
    assert len(loaded(longest - 1)) == 6


def test_a_row_that_other_functions_or_names_make_too_long_is_left_out(
    vocabulary: Any, tmp_path: Path, chat_templates: dict[str, str]
) -> None:
    """The limit holds for what is written: a test row whose trained functions gave way to longer
    ones, a training row under longer names."""
    name = saved(vocabulary, tmp_path / "tokenizer", chat_templates["qwen2_5"])
    tokenizer = transformers.AutoTokenizer.from_pretrained(name)
    split = ("--test_size", "0.4", "--mask_names", "0.9", "--tokenizer", name)

    def prompts() -> list[int]:
        rows = [row for file in ("train", "test") for row in read(tmp_path / f"out/{file}.parquet")]
        texts = [
            tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, tokenize=False)
            for row in rows
        ]
        return [len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts]

    assert convert(tmp_path, *split) == 0
    lengths = prompts()
    limit = sorted(lengths)[len(lengths) // 2]
    assert convert(tmp_path, *split, "--max_prompt_length", str(limit)) == 0
    assert max(prompts()) <= limit
    report = (tmp_path / "out" / "report.md").read_text("utf-8")
    (count,) = re.findall(r"left out: other functions or names made them too long \| (\d+)", report)
    dropped = (tmp_path / "out" / "dropped.jsonl").read_text("utf-8")
    assert dropped.count('"too_long"') == int(count) > 0
    assert len(prompts()) == len(lengths) - int(count)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_verl_loads_the_rows_of_every_source(
    vocabulary: Any, tmp_path: Path, model: str, chat_templates: dict[str, str]
) -> None:
    """One file with all of them: the columns are the same, dialogues and benchmarks too."""
    from omegaconf import OmegaConf
    from verl.utils.dataset.rl_dataset import RLHFDataset, collate_fn

    rows = []
    for name, source in SOURCES.items():
        folder = SAMPLES / name
        path = folder if folder.exists() else SAMPLES / f"{name}.jsonl"
        for row in source.rows(path):
            good = [sample for sample in source.samples(row) if isinstance(sample, Sample)]
            rows += [to_row(check(sample).sample, n) for n, sample in enumerate(good)]
    with ParquetOut(tmp_path / "all.parquet") as output:
        output.add(batch_of(rows))
    tokenizer = transformers.AutoTokenizer.from_pretrained(
        saved(vocabulary, tmp_path / "tokenizer", chat_templates[model])
    )
    settings = {"max_prompt_length": 10**6, "filter_overlong_prompts_workers": 1}
    settings["cache_dir"] = str(tmp_path / "cache")
    loaded = RLHFDataset(str(tmp_path / "all.parquet"), tokenizer, OmegaConf.create(settings))
    assert len(loaded) == len(rows)
    batch = collate_fn([loaded[n] for n in range(len(rows))])
    assert {name.partition("_")[0] for name in batch["data_source"]} == {
        name.partition("_")[0] for name in SOURCES
    }
    roles = {message["role"] for prompt in batch["raw_prompt"] for message in prompt}
    assert roles == {"system", "user", "assistant", "tool"}


def test_rows_that_a_template_refuses_are_dropped_and_counted(
    vocabulary: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    chat_templates: dict[str, str],
) -> None:
    """Gemma's takes turns of a user and an assistant alone, so no answers of functions."""
    name = saved(vocabulary, tmp_path / "tokenizer", chat_templates["gemma3"])
    rows = str(SAMPLES / "openai.jsonl")
    words = ["--local_dataset_path", rows, "--local_save_dir", str(tmp_path / "out")]
    assert main(["openai", *words, "--split_by", "random", "--tokenizer", name]) == 0
    capsys.readouterr()
    report = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert "| bad_dialogue | 1 |" in report
    assert "Conversation roles must alternate" in report


@pytest.mark.parametrize(("template", "opens"), [(CHATML, False), (THINKING, True)])
def test_a_template_that_opens_the_thought_is_noticed(
    vocabulary: Any, tmp_path: Path, template: str, opens: bool
) -> None:
    name = saved(vocabulary, tmp_path / "tokenizer", template)
    assert convert(tmp_path, "--tokenizer", name) == 0
    rows = pq.read_table(tmp_path / "out" / "train.parquet").to_pylist()
    assert {row["extra_info"]["think_in_prompt"] for row in rows} == {opens}


def test_a_template_that_opens_the_thought_after_some_roles_only(
    vocabulary: Any, tmp_path: Path, chat_templates: dict[str, str]
) -> None:
    """DeepSeek-R1's leaves it closed after a tool's turn; a row that said otherwise earned 0."""
    name = saved(vocabulary, tmp_path / "tokenizer", chat_templates["deepseek_r1_distill"])
    words = ["--local_dataset_path", str(SAMPLES / "openai.jsonl"), "--split_by", "random"]
    out = ["--local_save_dir", str(tmp_path / "out"), "--tokenizer", name]
    assert main(["openai", *words, *out]) == 0
    rows = [
        row
        for part in ("train", "test")
        for row in pq.read_table(tmp_path / "out" / f"{part}.parquet").to_pylist()
    ]
    opened = {row["prompt"][-1]["role"]: row["extra_info"]["think_in_prompt"] for row in rows}
    assert opened == {"user": True, "tool": False}


@pytest.mark.parametrize(
    ("template", "says"), [(None, "has no chat template"), (STRICT, "takes no system message")]
)
def test_an_unfit_tokenizer_is_one_sentence(
    vocabulary: Any,
    tmp_path: Path,
    template: str | None,
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = saved(vocabulary, tmp_path / "tokenizer", template)
    assert convert(tmp_path, "--tokenizer", name) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_limit_that_no_prompt_meets_is_one_sentence(
    vocabulary: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = saved(vocabulary, tmp_path / "tokenizer", CHATML)
    assert convert(tmp_path, "--tokenizer", name, "--max_prompt_length", "10") == 2
    assert "the prompt is longer than the limit (8 of 8" in capsys.readouterr().err
