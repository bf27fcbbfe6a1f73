"""The committed model: it loads from its folder alone, is small, and leaves room to learn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoConfig, AutoTokenizer

import egpo_verl.toolworld
from egpo_verl.datasets.parquet.rows import to_row
from egpo_verl.toolworld import demonstrations
from egpo_verl.toolworld.measure import Sampling, fresh_tasks, means, measure, spread
from egpo_verl.toolworld.report import load
from egpo_verl.toolworld.training import Recipe, new_tokenizer

MODEL = Path(egpo_verl.toolworld.__file__).parent / "model"
MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """The recipe that made the model."""
    values = json.loads((MODEL / "recipe.json").read_text(encoding="utf-8"))
    return Recipe(**{**values, "levels": tuple(values["levels"])})


def test_it_is_small_and_has_a_card() -> None:
    files = {file.name: file.stat().st_size for file in MODEL.iterdir()}
    assert sum(files.values()) <= 8 * MEBIBYTE
    card = (MODEL / "README.md").read_text(encoding="utf-8")
    assert "license: apache-2.0" in card
    assert "egpo_verl.toolworld.warm_start" in card


def test_its_chat_template_writes_every_role_and_opens_the_answer() -> None:
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    messages = [{"role": role, "content": role} for role in ("system", "user", "assistant", "tool")]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert text == (
        "<|system|>system<|end|><|user|>user<|end|><|assistant|>assistant<|end|>"
        "<|tool|>tool<|end|><|assistant|>"
    )
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids) == text
    assert ids[-1] == tokenizer.convert_tokens_to_ids("<|assistant|>")


def test_its_settings_and_its_tokenizer_agree() -> None:
    config, tokenizer = AutoConfig.from_pretrained(MODEL), AutoTokenizer.from_pretrained(MODEL)
    assert len(tokenizer) == config.vocab_size
    assert (config.eos_token_id, config.pad_token_id) == (
        tokenizer.eos_token_id,
        tokenizer.pad_token_id,
    )
    assert tokenizer.eos_token_id != tokenizer.pad_token_id


def test_its_tokenizer_is_the_one_that_its_recipe_gives(recipe: Recipe) -> None:
    # If this fails, the generator no longer makes the data that the model was warmed on.
    assert new_tokenizer(recipe).get_vocab() == AutoTokenizer.from_pretrained(MODEL).get_vocab()


@pytest.mark.parametrize(("levels", "longest"), [((1, 2), 160), ((6, 7), 144)])
def test_prompts_and_answers_of_the_easier_levels_are_short(
    levels: tuple[int, ...], longest: int
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    teachers = {"careful": 1.0, "checker": 1.0}
    drawn = demonstrations(300, 5, "train", levels, teachers=teachers)
    rows = [(to_row(sample, 0)["prompt"], gold) for sample, gold in drawn]
    prompts = [tokenizer.apply_chat_template(prompt, tokenize=False) for prompt, _ in rows]
    assert max(len(tokenizer(text)["input_ids"]) for text in prompts) < 400
    assert max(len(tokenizer(gold)["input_ids"]) for _, gold in rows) < longest


@pytest.mark.slow
def test_it_solves_some_tasks_of_the_plain_levels() -> None:
    model, tokenizer = load(MODEL)
    tasks = fresh_tasks(64, 1, "train", (1, 2))
    assert 0.1 < means(measure(model, tokenizer, tasks, Sampling(0.7)))["score"] < 0.9


@pytest.mark.slow
def test_its_groups_leave_room_to_learn_where_values_must_be_derived() -> None:
    model, tokenizer = load(MODEL)
    tasks = fresh_tasks(64, 1, "train", (6, 7))
    groups = spread(measure(model, tokenizer, tasks, Sampling(0.7, size=8)), 8)
    assert 0.1 <= groups.once <= 0.45
    assert groups.best >= groups.once + 0.25
    assert groups.zero_variance <= 0.45
    assert 0.02 < groups.entropy < 1
    assert 0.02 < groups.checks < groups.derives < 0.6
