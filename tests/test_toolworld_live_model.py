"""The committed model for dialogues: small, alone in its folder, and with room to learn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoConfig, AutoTokenizer

import egpo_verl.toolworld.live
from egpo_verl.toolworld.live import demonstrations
from egpo_verl.toolworld.live.measure import measure, solved
from egpo_verl.toolworld.live.report import fresh_tasks
from egpo_verl.toolworld.report import load
from egpo_verl.toolworld.sampling import Sampling

MODEL = Path(egpo_verl.toolworld.live.__file__).parent / "model"
QUICKSTART = Path(__file__).parents[1] / "examples" / "quickstart_live.sh"
MEBIBYTE = 2**20


def test_it_is_small_and_has_a_card() -> None:
    files = {file.name: file.stat().st_size for file in MODEL.iterdir()}
    assert sum(files.values()) <= 8 * MEBIBYTE
    card = (MODEL / "README.md").read_text(encoding="utf-8")
    assert "license: apache-2.0" in card
    assert "egpo_verl.toolworld.warm_start" in card


def test_its_settings_and_its_tokenizer_agree() -> None:
    config, tokenizer = AutoConfig.from_pretrained(MODEL), AutoTokenizer.from_pretrained(MODEL)
    assert len(tokenizer) == config.vocab_size
    assert (config.eos_token_id, config.pad_token_id) == (
        tokenizer.eos_token_id,
        tokenizer.pad_token_id,
    )


def test_prompts_and_answers_fit_into_the_lengths_of_the_quickstart() -> None:
    script = QUICKSTART.read_text(encoding="utf-8")
    prompt, answer = (
        int(script.partition(f"data.max_{name}_length=")[2].split()[0])
        for name in ("prompt", "response")
    )
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    recipe = json.loads((MODEL / "recipe.json").read_text(encoding="utf-8"))
    kinds, max_turns = recipe["live"], recipe["max_turns"]
    assert f"KINDS:-{' '.join(kinds)}" in script
    assert f"MAX_TURNS:-{max_turns}}}" in script
    for one in demonstrations(100, 5, kinds=kinds, max_turns=max_turns):
        for messages, response in one.messages:
            ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True)["input_ids"]
            assert len(ids) <= prompt
            assert len(tokenizer(response)["input_ids"]) < answer


@pytest.mark.slow
def test_its_success_leaves_room_to_learn() -> None:
    recipe = json.loads((MODEL / "recipe.json").read_text(encoding="utf-8"))
    model, tokenizer = load(MODEL)
    tasks = fresh_tasks(64, 1, "train", recipe["live"], recipe["max_turns"])
    assert 0.15 < solved(measure(model, tokenizer, tasks, Sampling(recipe["temperature"]))) < 0.6
