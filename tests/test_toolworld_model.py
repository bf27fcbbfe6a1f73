"""The committed model: it loads from its folder alone, is small, and leaves room to learn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoConfig, AutoTokenizer

import egpo_verl.toolworld
from egpo_verl.datasets.parquet.rows import to_row
from egpo_verl.toolworld import demonstrations
from egpo_verl.toolworld.measure import Sampling, fresh_tasks, means, measure
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


def test_prompts_and_answers_of_the_easier_levels_are_short() -> None:
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    rows = [(to_row(s, 0)["prompt"], gold) for s, gold in demonstrations(300, 5, "train", (1, 2))]
    prompts = [tokenizer.apply_chat_template(prompt, tokenize=False) for prompt, _ in rows]
    assert max(len(tokenizer(text)["input_ids"]) for text in prompts) < 400
    assert max(len(tokenizer(gold)["input_ids"]) for _, gold in rows) < 160


@pytest.mark.slow
def test_its_reward_leaves_room_to_learn_and_it_knows_more_than_it_earns(recipe: Recipe) -> None:
    model, tokenizer = load(MODEL)
    tasks = fresh_tasks(128, 1, "train", recipe.levels)
    drawn, likeliest = (
        means(measure(model, tokenizer, tasks, Sampling(temperature)))["score"]
        for temperature in (recipe.temperature, 0.0)
    )
    assert 0.2 < drawn < 0.6
    assert likeliest > drawn + 0.1
