"""A model's folder, and the table of what it earns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from egpo_verl import cli
from egpo_verl.datasets.sample import Sample
from egpo_verl.errors import UserError
from egpo_verl.toolworld.measure import STAGES, Sampling, Scores, groups, means, measure

NEEDED = ("config.json", "tokenizer.json", "tokenizer_config.json")


def load(folder: Path) -> tuple[PreTrainedModel, Tokenizer]:
    """A model and its tokenizer, from the disk alone.

    Raises:
        UserError: the folder or one of its files is missing, or cannot be read.
    """
    for name in NEEDED:
        if not (folder / name).is_file():
            raise UserError(f"{folder} holds no {name}; name a folder that save_pretrained wrote.")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{folder} cannot be read as a causal model: {error}") from error
    if tokenizer.chat_template is None:
        raise UserError(f"The tokenizer in {folder} has no chat template; choose a chat model.")
    return model.float().eval(), tokenizer


def measured(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    tasks: Sequence[Sample],
    sampling: Sampling,
) -> list[Scores]:
    """The scores of one response to each task, behind a progress bar."""
    scores: list[Scores] = []
    with cli.progress("Sampling", len(tasks)) as report:
        for start in range(0, len(tasks), sampling.rows):
            scores += measure(model, tokenizer, tasks[start : start + sampling.rows], sampling)
            report(len(scores))
    return scores


def table(
    tasks: Sequence[Sample], scores: Sequence[Scores], title: str, sampling: Sampling
) -> Table:
    """Mean reward, and how far responses came, for all tasks, each level and each kind."""
    caption = f"temperature {sampling.temperature:g}, one response a task"
    rows = []
    for name, positions in groups(tasks):
        row = means(scores[at] for at in positions)
        rows.append((name, str(len(positions)), *(f"{row[stage]:.3f}" for stage in STAGES)))
    return cli.table(title, ("tasks", "n", "reward", *STAGES[1:]), rows, caption)
