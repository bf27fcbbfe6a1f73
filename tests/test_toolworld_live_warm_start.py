"""A warm start on dialogues: what a tree of messages teaches, and what comes out of the command."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from egpo_verl.calls import Reason
from egpo_verl.toolworld.encode import IGNORED
from egpo_verl.toolworld.live import demonstrations, generate
from egpo_verl.toolworld.live.batches import batches
from egpo_verl.toolworld.live.measure import measure, solved
from egpo_verl.toolworld.live.play import Play
from egpo_verl.toolworld.report import load
from egpo_verl.toolworld.sampling import Sampling
from egpo_verl.toolworld.tokenizer import END
from egpo_verl.toolworld.training import Recipe, new_model, new_tokenizer, response_loss
from egpo_verl.toolworld.tree import Line, tree_batch, trees
from egpo_verl.toolworld.warm_start import main

RECIPE = Recipe(live=("base",), vocabulary=600, hidden=32, layers=2, rows=2)
SMALL = ["--live", "--hidden", "32", "--layers", "1", "--vocabulary", "600", "--rows", "1"]
SMALL += ["--steps", "2", "--check_from", "2", "--check_every", "2", "--check_tasks", "2"]
SMALL += ["--tasks", "2"]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return new_tokenizer(RECIPE, 300)


@pytest.fixture(scope="module")
def model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    return new_model(RECIPE, tokenizer).eval()


def lines_of(tokenizer: PreTrainedTokenizerFast, kind: str) -> list[Line]:
    """The messages of three dialogues."""
    return [
        (
            tokenizer.apply_chat_template(prompt, add_generation_prompt=True)["input_ids"],
            tokenizer(response + END)["input_ids"],
        )
        for one in demonstrations(3, "trees", kinds=(kind,), slips=0.3)
        for prompt, response in one.messages
    ]


@pytest.mark.parametrize("kind", ["base", "missing_tool"])
def test_a_tree_teaches_what_its_messages_teach_one_by_one(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, kind: str
) -> None:
    lines = lines_of(tokenizer, kind)
    batch = tree_batch(list(trees(lines, 1500)), tokenizer.pad_token_id)
    assert batch.ids.numel() < sum(len(prompt) + len(response) for prompt, response in lines)
    with torch.no_grad():
        losses = [
            cross_entropy(
                model(torch.tensor([prompt + response])).logits[0, len(prompt) - 1 : -1],
                torch.tensor(response),
                reduction="none",
            )
            for prompt, response in lines
        ]
        loss = response_loss(model, batch)
    assert int((batch.targets != IGNORED).sum()) == sum(map(len, losses))
    torch.testing.assert_close(loss, torch.cat(losses).mean())


@pytest.mark.parametrize("most", [1, 600, 10_000])
def test_trees_hold_every_message_once(tokenizer: PreTrainedTokenizerFast, most: int) -> None:
    lines = lines_of(tokenizer, "base")
    made = list(trees(lines, most))
    taught = sorted(token for tree in made for token in tree.targets if token != IGNORED)
    assert taught == sorted(token for _, response in lines for token in response)
    longest = max(len(prompt) + len(response) for prompt, response in lines)
    assert all(len(tree.ids) <= max(most, longest) for tree in made)
    assert most < 10_000 or len(made) <= len({tuple(prompt[:200]) for prompt, _ in lines})


def test_batches_are_the_same_for_the_same_seed(tokenizer: PreTrainedTokenizerFast) -> None:
    first, again, other = (
        [batch.ids for batch in islice(batches(tokenizer, seed, 2, 900, ("base",), 0.3, 4), 3)]
        for seed in ("a", "a", "b")
    )
    assert all(ids.shape[0] == 2 and ids.shape[1] <= 928 for ids in first)
    assert all(map(torch.equal, first, again))
    assert not all(map(torch.equal, first, other))


def test_an_episode_is_played_as_it_was_demonstrated() -> None:
    for one in demonstrations(40, "play", slips=0.2):
        play = Play(one.task)
        for prompt, response in one.messages:
            assert play.prompt == prompt
            play.answer(response)
        assert play.is_over
        assert play.reason is one.reason


def test_a_model_that_knows_nothing_earns_nothing(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    state = torch.random.get_rng_state()
    tasks = list(generate(2, "nothing"))
    results = measure(model, tokenizer, tasks, Sampling(temperature=1.0, size=2))
    assert [result.task for result in results] == [tasks[0], tasks[0], tasks[1], tasks[1]]
    assert solved(results) == 0
    assert {result.messages for result in results} == {1}
    assert Reason.OK not in {result.reason for result in results}
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.slow
def test_a_model_is_warmed_on_dialogues_goes_on_from_another_and_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert main(["--out", str(first), *SMALL, "--kinds", "base", "--max_turns", "2"]) == 0
    assert main(["--out", str(second), *SMALL, "--start", str(first), "--lr", "0"]) == 0
    recipe = json.loads((second / "recipe.json").read_text())
    assert recipe["live"] == ["base", "missing_value", "missing_tool", "long_context"]
    one, other = (load(folder)[0].state_dict() for folder in (first, second))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert json.loads((second / "tokenizer.json").read_text())["padding"] is None
    card = (first / "README.md").read_text()
    assert "kinds base of at most\n  2 user turns;" in card
    assert "| test_hard |" in card
    assert f"the weights and tokens of `{first}`" in (second / "README.md").read_text()
    capsys.readouterr()
    assert main(["--evaluate", str(second), "--live", "--max_turns", "1"]) == 2
    assert "--max_turns 1" in capsys.readouterr().err
    measuring = ["--live", "--tasks", "4", "--splits", "test", "test_hard"]
    assert main(["--evaluate", str(second), *measuring]) == 0
    shown = capsys.readouterr().out
    assert "on test_hard" in shown
    assert "missing_tool" in shown


def test_a_folder_to_start_from_that_holds_no_model_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    assert main(["--out", str(out), *SMALL, "--start", str(tmp_path / "nothing")]) == 2
    assert "holds no config.json" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
