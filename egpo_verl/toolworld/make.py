"""From a recipe to a model's folder: train, save, measure, write the card, and move into place."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table
from transformers import GenerationConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from egpo_verl.cli import progress as progress_bar
from egpo_verl.cli import table
from egpo_verl.errors import UserError
from egpo_verl.toolworld.live import report as live
from egpo_verl.toolworld.live.model_card import write_live_card
from egpo_verl.toolworld.measure import fresh_tasks, means, spread
from egpo_verl.toolworld.model_card import Line, Row, Tables, write_card
from egpo_verl.toolworld.recipe import Recipe
from egpo_verl.toolworld.report import load, measured
from egpo_verl.toolworld.sampling import Sampling
from egpo_verl.toolworld.task import SPLITS
from egpo_verl.toolworld.training import Progress, new_model, new_tokenizer, train

STATE = "training.pt"
RECIPE = "recipe.json"
GROUP = 8
"""Responses to a task in the card's table of groups."""


def make_model(out: Path, recipe: Recipe, command: str, tasks: int, console: Console) -> None:
    """Train by `recipe` and leave a Hugging Face folder at `out`.

    The work is done in `OUT.partial`, which keeps the state of an interrupted training.

    Args:
        out: folder that does not exist yet.
        command: the command line, for the card.
        tasks: tasks a split that the card's table is measured on.

    Raises:
        UserError: `out` exists, cannot be written, a training by another recipe was interrupted,
            or the recipe starts from a folder that holds no model.
    """
    start = load(Path(recipe.start)) if recipe.start else None
    work = _workplace(out, recipe)
    model, tokenizer = start or _new(recipe)
    progress = _train(recipe, model, tokenizer, work / STATE, console)
    _save(model, tokenizer, work)
    rows = _rows(recipe, model, tokenizer, tasks)
    if recipe.live:
        write_live_card(work, recipe, progress, model.num_parameters(), command, rows, tasks)
    else:
        grouped = max(tasks // 4, 1)
        tables = Tables(rows, tasks, _lines(recipe, model, tokenizer, grouped), grouped, GROUP)
        write_card(work, recipe, progress, model.num_parameters(), command, tables)
    (work / STATE).unlink(missing_ok=True)
    work.rename(out)
    console.print(_summary(recipe, progress, model, rows, out))


def _workplace(out: Path, recipe: Recipe) -> Path:
    if out.exists():
        raise UserError(f"{out} exists; name a new folder, or remove it first.")
    work = out.with_name(f"{out.name}.partial")
    settings = json.dumps(asdict(recipe), indent=2) + "\n"
    try:
        work.mkdir(parents=True, exist_ok=True)
        file = work / RECIPE
        if file.exists() and file.read_text(encoding="utf-8") != settings:
            raise UserError(
                f"{work} holds a training with other options; repeat those, or remove the folder."
            )
        file.write_text(settings, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{work} cannot be written: {error.strerror}; choose another.") from error
    return work


def _new(recipe: Recipe) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    tokenizer = new_tokenizer(recipe)
    return new_model(recipe, tokenizer), tokenizer


def _train(
    recipe: Recipe,
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    state: Path,
    console: Console,
) -> Progress:
    with progress_bar("Training", recipe.steps) as show:

        def report(progress: Progress) -> None:
            state = f"loss {progress.loss:.2f}, reward {progress.reward:.3f} of {recipe.target:g}"
            show(progress.step, state)
            if progress.step % recipe.check_every == 0:
                console.print(f"step {progress.step}: {state}", highlight=False)

        return train(recipe, model, tokenizer, state, report)


def _save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        do_sample=True,
        temperature=0.7,
        top_k=0,
    )
    model.eval().save_pretrained(folder)
    tokenizer.backend_tokenizer.no_padding()  # what a measurement has set is not the model's
    tokenizer.save_pretrained(folder)


def _rows(
    recipe: Recipe,
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    tasks: int,
) -> list[Row]:
    rows: list[Row] = []
    for split in SPLITS:
        warm, greedy = (
            _reward(recipe, model, tokenizer, split, tasks, Sampling(temperature))
            for temperature in (recipe.temperature, 0.0)
        )
        rows.append((split, warm, greedy))
    return rows


def _reward(
    recipe: Recipe,
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    split: str,
    tasks: int,
    sampling: Sampling,
) -> float:
    if recipe.live:
        dialogues = live.fresh_tasks(tasks, recipe.seed, split, recipe.live, recipe.max_turns)
        return live.solved(live.measured(model, tokenizer, dialogues, sampling))
    samples = fresh_tasks(tasks, recipe.seed, split, recipe.levels)
    return means(measured(model, tokenizer, samples, sampling))["score"]


def _lines(
    recipe: Recipe, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, tasks: int
) -> list[Line]:
    sampling = Sampling(recipe.temperature, size=GROUP)
    lines: list[Line] = []
    for level in sorted(set(recipe.levels)):
        samples = fresh_tasks(tasks, recipe.seed, "train", (level,))
        responses = measured(model, tokenizer, samples, sampling)
        lines.append((f"level {level}", spread(responses, GROUP)))
    return lines


def _summary(
    recipe: Recipe, progress: Progress, model: LlamaForCausalLM, rows: list[Row], out: Path
) -> Table:
    size = sum(file.stat().st_size for file in out.iterdir()) / 2**20
    caption = f"{progress.step} steps, {model.num_parameters():,} parameters, {size:.1f} MiB"
    columns = ("split", f"reward at {recipe.temperature:g}", "greedy reward")
    lines = [(split, f"{warm:.3f}", f"{greedy:.3f}") for split, warm, greedy in rows]
    return table(str(out), columns, lines, caption)
