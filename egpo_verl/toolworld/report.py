"""A model's folder, and the table of what it earns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.table import Table
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from egpo_verl import cli
from egpo_verl.datasets.sample import Sample
from egpo_verl.errors import UserError
from egpo_verl.toolworld.measure import (
    STAGES,
    Response,
    groups,
    means,
    measure,
    spread,
)
from egpo_verl.toolworld.sampling import Sampling, in_parts

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
) -> list[Response]:
    """The responses to each task, behind a progress bar."""
    return in_parts(
        tasks, sampling, "Sampling", lambda part, seeded: measure(model, tokenizer, part, seeded)
    )


def stages_table(
    tasks: Sequence[Sample], responses: Sequence[Response], title: str, sampling: Sampling
) -> Table:
    """Mean reward, and how far responses came, for all tasks and each level, kind and skill."""
    rows = []
    for name, chosen in _split(tasks, responses, sampling.size):
        row = means(chosen)
        rows.append((name, str(len(chosen)), *(f"{row[stage]:.3f}" for stage in STAGES)))
    columns = ("tasks", "responses", "reward", *STAGES[1:])
    return cli.table(title, columns, rows, _caption(sampling))


def groups_table(
    tasks: Sequence[Sample], responses: Sequence[Response], title: str, sampling: Sampling
) -> Table:
    """What a group of responses to one task holds, for the same tasks as `stages_table`."""
    rows = []
    for name, chosen in _split(tasks, responses, sampling.size):
        row = spread(chosen, sampling.size)
        numbers = (row.once, row.best, row.zero_variance, row.entropy, row.derives, row.checks)
        rows.append((name, *(f"{number:.3f}" for number in numbers)))
    passes = ("pass@1", f"pass@{sampling.size}", "zero variance")
    columns = ("tasks", *passes, "thought entropy", "derives", "checks")
    return cli.table(title, columns, rows, _caption(sampling))


def _split(
    tasks: Sequence[Sample], responses: Sequence[Response], size: int
) -> Iterator[tuple[str, list[Response]]]:
    for name, positions in groups(tasks):
        yield name, [responses[at * size + place] for at in positions for place in range(size)]


def _caption(sampling: Sampling) -> str:
    return f"temperature {sampling.temperature:g}, responses to a task: {sampling.size}"
