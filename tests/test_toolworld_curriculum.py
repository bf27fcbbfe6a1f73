"""The phases of a warm start: derivations, then brief prompts, then tasks with all teachers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from egpo_verl.toolworld import ways
from egpo_verl.toolworld.encode import IGNORED, Lessons, batches, drills
from egpo_verl.toolworld.tokenizer import END
from egpo_verl.toolworld.training import Progress, Recipe, new_model, new_tokenizer, train

RECIPE = Recipe(
    levels=(6,),
    vocabulary=900,
    hidden=32,
    layers=1,
    rows=4,
    steps=4,
    drill=1,
    school=2,
    check_from=99,
    check_every=2,
)
JUMPER = {"jumper": 1.0}


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    """A small tokenizer."""
    return new_tokenizer(RECIPE, 300)


def response(tokenizer: PreTrainedTokenizerFast, targets: torch.Tensor) -> str:
    """The text that a row of targets asks for."""
    return str(tokenizer.decode(targets[targets != IGNORED]))


def test_a_drill_is_made_of_derivations_and_nothing_else(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    batch = next(drills(tokenizer, "seed", 4, [1, 6]))
    text = tokenizer.decode(batch.ids.flatten())
    for derivation in text.split(END)[1:-1]:
        assert ", so " in derivation
    for word in ("<think>", "parameters", "Today is"):
        assert word not in text
    assert torch.equal(batch.targets[:, :-1], batch.ids[:, 1:])


def test_brief_prompts_hold_names_and_questions_but_no_schemas(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    lessons = Lessons((6,))
    whole, brief = (
        next(batches(tokenizer, "seed", 64, replace(lessons, brief=short)))
        for short in (False, True)
    )
    assert brief.ids.shape[1] < whole.ids.shape[1] / 2
    texts = [tokenizer.decode(ids) for ids in brief.ids]
    assert not any("properties" in text for text in texts)
    responses = [response(tokenizer, targets) for targets in brief.targets]
    for text, answer in zip(texts, responses, strict=True):
        name = answer.rpartition("[")[2].partition("(")[0]
        assert f"{name}: " in text, "the tool that is called is in the prompt"
        assert ways(answer)["derives"]


@pytest.mark.slow
def test_teachers_part_models_only_after_the_school(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    """So an upper bound, of the careful teacher alone, may branch off the end of the school."""
    weights: dict[tuple[str, int], torch.Tensor] = {}
    for name, recipe in {"careful": RECIPE, "jumper": replace(RECIPE, teachers=JUMPER)}.items():
        model = new_model(recipe, tokenizer)

        def keep(progress: Progress) -> None:
            weights[name, progress.step] = model.lm_head.weight.detach().clone()  # noqa: B023

        train(recipe, model, tokenizer, tmp_path / f"{name}.pt", keep)
    for step in (1, 2, 3):
        assert torch.equal(weights["careful", step], weights["jumper", step])
    assert not torch.equal(weights["careful", 4], weights["jumper", 4])


def test_models_of_different_teachers_share_a_tokenizer(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    other = new_tokenizer(replace(RECIPE, teachers=JUMPER), 300)
    assert other.get_vocab() == tokenizer.get_vocab()
