"""Ask a model what it has not answered yet, and keep every answer as it comes."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from egpo_verl.evaluate.answers import Answers
from egpo_verl.evaluate.backends import Backend
from egpo_verl.evaluate.chat import Chat


def fill(
    answers: Answers, backend: Backend, chats: Sequence[Chat], samples: int, console: Console
) -> int:
    """Generate what is missing; the number of answers that are missing all the same.

    Args:
        samples: answers wanted to each chat.
        console: says what is reused, and shows the progress.
    """
    wanted = len(chats) * samples
    lacking = sum(len(answers.missing(chats, sample)) for sample in range(samples))
    for sentence in answers.others():
        console.print(sentence, highlight=False, markup=False)
    if outdated := answers.outdated(chats):
        console.print(f"{outdated:,} answers are not used: their prompts were others")
    if lacking < wanted:
        console.print(f"{wanted - lacking:,} of {wanted:,} answers are there already")
    if lacking:
        with progress_bar(console) as bar:
            task = bar.add_task("Generating", total=lacking)
            for sample in range(samples):
                asked = {chat.key: chat for chat in answers.missing(chats, sample)}
                for key, text in backend.generate(asked.values(), sample):
                    answers.add(asked[key], text, sample, backend.notes.pop(key, ""))
                    bar.advance(task)
    return sum(len(answers.missing(chats, sample)) for sample in range(samples))


def progress_bar(console: Console) -> Progress:
    """A bar that leaves nothing behind, and is silent where there is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
