"""The warm start from the command line: a model comes out whole, or nothing does."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.distributions import Categorical
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from egpo_verl.cot import cot_mask
from egpo_verl.toolworld.encode import IGNORED, Lessons, batches
from egpo_verl.toolworld.generate import demonstrations
from egpo_verl.toolworld.measure import Response, spread
from egpo_verl.toolworld.sampling import thought_entropy
from egpo_verl.toolworld.training import Progress, Recipe, new_model, new_tokenizer, train
from egpo_verl.toolworld.warm_start import main

RECIPE = Recipe(
    levels=(1,),
    vocabulary=600,
    hidden=32,
    layers=1,
    rows=4,
    steps=6,
    check_from=2,
    check_every=2,
    check_tasks=2,
)
NAMES = ("vocabulary", "hidden", "layers", "rows", "steps")
CHECKS = ("check_from", "check_every", "check_tasks")
SMALL = [f"--{name}={getattr(RECIPE, name)}" for name in NAMES + CHECKS]
SMALL += ["--tasks", "2", "--levels", "1"]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    """A small tokenizer."""
    return new_tokenizer(RECIPE, 300)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model after six steps of training."""
    out = tmp_path_factory.mktemp("warm") / "model"
    assert main(["--out", str(out), *SMALL]) == 0
    return out


@pytest.mark.slow
def test_training_leaves_a_folder_with_a_model_card(made: Path) -> None:
    files = {file.name for file in made.iterdir()}
    assert {"README.md", "config.json", "model.safetensors", "recipe.json"} <= files
    assert "training.pt" not in files
    card = (made / "README.md").read_text(encoding="utf-8")
    assert "--hidden=32" in card
    assert "| test_hard |" in card
    assert not made.with_name("model.partial").exists()


@pytest.mark.slow
def test_training_goes_on_where_it_was_interrupted(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    whole = new_model(RECIPE, tokenizer)
    train(RECIPE, whole, tokenizer, tmp_path / "whole.pt", lambda progress: None)

    class PowerCut(Exception):
        pass

    def cut_after_five(progress: Progress) -> None:
        if progress.step == 5:
            raise PowerCut

    state = tmp_path / "cut.pt"
    with pytest.raises(PowerCut):
        train(RECIPE, new_model(RECIPE, tokenizer), tokenizer, state, cut_after_five)
    resumed = new_model(RECIPE, tokenizer)
    steps: list[int] = []
    train(RECIPE, resumed, tokenizer, state, lambda progress: steps.append(progress.step))
    assert steps == [5, 6]
    assert same_weights(whole, resumed)


def test_training_stops_at_the_target(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    model = new_model(RECIPE, tokenizer)
    progress = train(replace(RECIPE, target=0.0), model, tokenizer, tmp_path / "state.pt", list)
    assert progress.step == 0


def test_another_seed_gives_other_weights(tokenizer: PreTrainedTokenizerFast) -> None:
    one, two, other = (new_model(replace(RECIPE, seed=seed), tokenizer) for seed in (0, 0, 1))
    assert same_weights(one, two)
    assert not same_weights(one, other)


@pytest.mark.slow
def test_measuring_prints_a_row_for_each_level_and_kind(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--tasks", "12", "--levels", "1", "2", "--splits", "train", "test_hard"]
    assert main(["--evaluate", str(made), *arguments]) == 0
    printed = capsys.readouterr().out
    for word in ("model on train", "model on test_hard", "all", "level 1", "level 2", "multiple"):
        assert word in printed


@pytest.mark.slow
def test_measuring_groups_tells_how_the_responses_to_a_task_differ(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--tasks", "4", "--levels", "6", "--group", "3", "--threads", "1"]
    assert main(["--evaluate", str(made), *arguments]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for words in ("pass@1", "pass@3", "zero", "entropy", "derives", "checks", "level 6"):
        assert words in printed
    assert "responses to a task: 3" in printed


def response(reward: float, thought: str, entropy: float = 0.0) -> Response:
    """A response that earned `reward`."""
    return Response(f"<think>{thought}</think>\n[f()]", {"score": reward}, entropy)


def test_a_spread_counts_groups_and_ways_of_thinking() -> None:
    derived, checked, jumped = "Step by step: 1.", "Work it out: 1. Check: 1.", "It is 1."
    responses = [
        *(response(reward, derived, 0.2) for reward in (1.0, 0.0)),
        *(response(0.0, jumped, 0.4) for _ in range(2)),
        *(response(1.0, checked) for _ in range(2)),
        *(response(reward, jumped) for reward in (0.0, 1.0)),
    ]
    measured = spread(responses, 2)
    assert (measured.once, measured.best, measured.zero_variance) == (0.5, 0.75, 0.5)
    assert (measured.derives, measured.checks) == (0.5, 0.25)
    assert measured.entropy == pytest.approx(0.15)


def test_the_entropy_is_the_thoughts_at_the_temperature_of_the_sampling(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    ids = tokenizer(["<think> so it is</think>\n[f()]<|end|>"], return_tensors="pt")["input_ids"]
    spans = cot_mask(tokenizer, ids, torch.ones_like(ids))
    even, sure = torch.zeros(len(tokenizer)), torch.zeros(len(tokenizer))
    sure[7] = 1.0
    logits = torch.where(spans[..., None], sure, even)
    (entropy,) = thought_entropy(tokenizer, ids, logits, 0.5)
    assert entropy == pytest.approx(Categorical(logits=2 * sure).entropy().item(), rel=1e-5)
    padded = torch.nn.functional.pad(ids, (0, 3), value=tokenizer.pad_token_id)
    longer = torch.cat([logits, even.expand(1, 3, -1)], 1)
    assert thought_entropy(tokenizer, padded, longer, 0.5) == pytest.approx([entropy])


@pytest.mark.slow
def test_the_teachers_of_a_model_are_on_its_card(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    mix = ["--teachers", "careful=0.5", "jumper=0.5"]
    assert main(["--out", str(out), *SMALL[:-1], "6", *mix]) == 0
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "careful 0.5, jumper 0.5" in card
    assert "| level 6 |" in card
    recipe = json.loads((out / "recipe.json").read_text(encoding="utf-8"))
    assert recipe["teachers"] == {"careful": 0.5, "jumper": 0.5}


def test_the_loss_covers_the_response_and_its_end_only(tokenizer: PreTrainedTokenizerFast) -> None:
    batch = next(batches(tokenizer, "seed", 4, Lessons((1,), 0.35)))
    for ids, targets in zip(batch.ids, batch.targets, strict=True):
        counted = (targets != IGNORED).nonzero().flatten()
        response = tokenizer.decode(targets[counted])
        assert response.startswith("<think>")
        assert response.endswith("<|end|>")
        assert ids[counted[1:]].equal(targets[counted[:-1]])
        assert tokenizer.decode(ids[: counted[0] + 1]).endswith("<|assistant|>")


def test_the_tokenizer_gives_text_back_and_splits_digits_and_tags(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    for _, gold in demonstrations(200, "other", levels=(3, 5)):
        assert tokenizer.decode(tokenizer(gold)["input_ids"]) == gold
    assert tokenizer.decode(tokenizer("Zürich, 東京 🙂\n")["input_ids"]) == "Zürich, 東京 🙂\n"
    assert tokenizer.tokenize("2026") == ["2", "0", "2", "6"]
    assert len(tokenizer.tokenize("<think>")) > 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "one of the arguments --out --evaluate is required"),
        (["--out", "x", "--steps", "none"], "'none' is not a whole number above 0"),
        (["--out", "x", "--lr", "-1"], "'-1' is not a number of 0 or more"),
        (["--out", "x", "--levels", "9"], "invalid choice: 9"),
        (["--out", "x", "--teachers", "lazy=1"], "'lazy=1' names none of careful, checker, jumper"),
        (["--out", "x", "--teachers", "careful=0"], "'0' is not a number above 0"),
        (["--out", "x", "--hidden", "33"], "--hidden 33 is no multiple of 32"),
        (["--out", "."], "exists; name a new folder"),
        (["--out", "/proc/none/x"], "cannot be written"),
        (["--evaluate", "nowhere"], "nowhere holds no config.json"),
    ],
)
def test_a_wrong_command_line_is_answered_in_one_line(
    arguments: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert exit_code(arguments) == 2
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_training_with_other_options_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = tmp_path / "model.partial"
    begun.mkdir()
    (begun / "recipe.json").write_text(json.dumps({"seed": 5}))
    assert exit_code(["--out", str(tmp_path / "model")]) == 2
    assert "other options" in capsys.readouterr().err
    assert json.loads((begun / "recipe.json").read_text()) == {"seed": 5}


@pytest.mark.parametrize("broken", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_broken_model_folder_is_named(
    broken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"):
        (tmp_path / name).write_text("{}" if name != broken else "no model")
    assert exit_code(["--evaluate", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def same_weights(one: PreTrainedModel, two: PreTrainedModel) -> bool:
    """Whether two models are equal, bit for bit."""
    pairs = zip(one.parameters(), two.parameters(), strict=True)
    return all(left.equal(right) for left, right in pairs)


def exit_code(arguments: list[str]) -> int:
    """The exit code, whether argparse or the program gives it."""
    try:
        return main(arguments)
    except SystemExit as exit:
        return int(exit.code or 0)
