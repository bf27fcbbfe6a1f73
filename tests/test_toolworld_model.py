"""The committed models: they load from their folders alone, are small, and leave room to learn."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean

import pytest
from transformers import AutoConfig, AutoTokenizer

import egpo_verl.toolworld
from egpo_verl.datasets.parquet.rows import to_row
from egpo_verl.toolworld import demonstrations
from egpo_verl.toolworld.measure import Sampling, fresh_tasks, means, measure, spread
from egpo_verl.toolworld.report import load
from egpo_verl.toolworld.training import Recipe, new_tokenizer

TOOLWORLD = Path(egpo_verl.toolworld.__file__).parent
PLAIN = TOOLWORLD / "model"
DERIVED = TOOLWORLD / "derived" / "model"
MEBIBYTE = 2**20


@pytest.fixture(params=[PLAIN, DERIVED], ids=["plain", "derived"])
def model_dir(request: pytest.FixtureRequest) -> Path:
    """The folder of each model."""
    folder: Path = request.param
    return folder


@pytest.fixture
def recipe(model_dir: Path) -> Recipe:
    """The recipe that made the model."""
    values = json.loads((model_dir / "recipe.json").read_text(encoding="utf-8"))
    return Recipe(**{**values, "levels": tuple(values["levels"])})


def test_it_is_small_and_has_a_card(model_dir: Path) -> None:
    files = {file.name: file.stat().st_size for file in model_dir.iterdir()}
    assert sum(files.values()) <= 8 * MEBIBYTE
    card = (model_dir / "README.md").read_text(encoding="utf-8")
    assert "license: apache-2.0" in card
    assert "egpo_verl.toolworld.warm_start" in card


def test_its_chat_template_writes_every_role_and_opens_the_answer(model_dir: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    messages = [{"role": role, "content": role} for role in ("system", "user", "assistant", "tool")]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert text == (
        "<|system|>system<|end|><|user|>user<|end|><|assistant|>assistant<|end|>"
        "<|tool|>tool<|end|><|assistant|>"
    )
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids) == text
    assert ids[-1] == tokenizer.convert_tokens_to_ids("<|assistant|>")


def test_its_settings_and_its_tokenizer_agree(model_dir: Path) -> None:
    config, tokenizer = (
        AutoConfig.from_pretrained(model_dir),
        AutoTokenizer.from_pretrained(model_dir),
    )
    assert len(tokenizer) == config.vocab_size
    assert (config.eos_token_id, config.pad_token_id) == (
        tokenizer.eos_token_id,
        tokenizer.pad_token_id,
    )
    assert tokenizer.eos_token_id != tokenizer.pad_token_id


def test_its_tokenizer_is_the_one_that_its_recipe_gives(model_dir: Path, recipe: Recipe) -> None:
    # If this fails, the generator no longer makes the data that the model was warmed on.
    assert new_tokenizer(recipe).get_vocab() == AutoTokenizer.from_pretrained(model_dir).get_vocab()


@pytest.mark.parametrize(("folder", "levels"), [(PLAIN, (1, 2)), (DERIVED, (6, 7))])
def test_prompts_and_answers_are_short(folder: Path, levels: tuple[int, ...]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    drawn = demonstrations(300, 5, "train", levels, teachers={"careful": 1.0, "checker": 1.0})
    rows = [(to_row(sample, 0)["prompt"], response) for sample, response in drawn]
    prompts = [tokenizer.apply_chat_template(prompt, tokenize=False) for prompt, _ in rows]
    assert max(len(tokenizer(text)["input_ids"]) for text in prompts) < 400
    assert max(len(tokenizer(response)["input_ids"]) for _, response in rows) < 160


@pytest.mark.slow
def test_the_plain_one_leaves_room_to_learn_and_knows_more_than_it_earns() -> None:
    model, tokenizer = load(PLAIN)
    tasks = fresh_tasks(128, 1, "train", (1, 2))
    drawn, likeliest = (
        means(measure(model, tokenizer, tasks, Sampling(temperature)))["score"]
        for temperature in (0.7, 0.0)
    )
    assert 0.2 < drawn < 0.6
    assert likeliest > drawn + 0.1


@pytest.mark.slow
def test_the_derived_one_knows_ways_of_thinking_that_pay_and_seldom_takes_them() -> None:
    model, tokenizer = load(DERIVED)
    answers = measure(model, tokenizer, fresh_tasks(64, 1, "train", (6, 7)), Sampling(0.7, size=8))
    groups = spread(answers, 8)
    assert 0.25 <= groups.once <= 0.45
    assert groups.best >= groups.once + 0.25
    assert groups.zero_variance <= 0.4
    assert 0.02 < groups.entropy < 1
    jumped, derived = (
        [answer.scores["score"] for answer in answers if answer.ways["derives"] is derives]
        for derives in (False, True)
    )
    assert len(derived) < 0.6 * len(answers)
    assert mean(derived) > mean(jumped) + 0.3
