"""One benchmark's questions put to a model: what is missing is generated and kept."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from egpo_verl.evaluate import backends
from egpo_verl.evaluate.chat import Chat
from egpo_verl.evaluate.generation import fill
from egpo_verl.evaluate.response import in_python, split_response
from egpo_verl.evaluate.response_store import Response, ResponseStore
from egpo_verl.evaluate.subset import Subset
from egpo_verl.evaluate.table import Table, publish


@dataclass(frozen=True)
class Session:
    """The responses of one run.

    Attributes:
        settings: all that the responses depend on.
        responses: a list for each sample, with one to each chat in order, None where missing.
        call_form: in which the calls were asked for.
    """

    settings: Mapping[str, Any]
    responses: Sequence[Sequence[Response | None]]
    call_form: str

    @property
    def label(self) -> str:
        """The model's short name."""
        return str(self.settings["model"])

    @property
    def missing(self) -> int:
        """Responses that are not there."""
        return sum(response is None for sample in self.responses for response in sample)

    def title(self, benchmark: str, subset: Subset, unit: str) -> str:
        """The benchmark's name, and all that makes the figures less than whole."""
        parts = [benchmark, *subset.words(unit)]
        if self.missing:
            parts.append(f"INCOMPLETE: {self.missing:,} answers missing")
        return ", ".join(parts)

    def scored_texts(self, sample: int) -> list[str]:
        """What follows the thought, with calls in the Python form; nothing where it is missing."""
        texts = ("" if response is None else response.text for response in self.responses[sample])
        return [in_python(split_response(text).answer, self.call_form) for text in texts]

    def notes(self, templated: bool = True) -> list[str]:
        """How far the answers are what was asked for; `templated`: in our training template."""
        received = [
            response for sample in self.responses for response in sample if response is not None
        ]
        counts = Counter(response.note for response in received if response.note)
        lines = [
            f"{number:,} of {len(received):,} answers: {note}." for note, number in counts.items()
        ]
        if templated:
            broken = sum(split_response(response.text).problem is not None for response in received)
            lines.append(f"{broken:,} of {len(received):,} answers break the training template.")
        if self.missing:
            lines.append("Missing answers count as wrong.")
        return lines

    def publish(self, folder: Path, stem: str, tables: list[Table], console: Console) -> int:
        """`table.publish` with what is to be known of the answers."""
        details = {"settings": dict(self.settings), "missing": self.missing}
        return publish(folder, stem, tables, details, self.missing, console)


def hold(
    args: argparse.Namespace,
    conditions: Mapping[str, Any],
    chats: Sequence[Chat],
    folder: Path,
    console: Console,
) -> Session:
    """Ask what has not been answered yet.

    Args:
        args: with the options of `backends.add_arguments`.
        conditions: what the responses depend on beside the backend; `call_form` is one of them.
        folder: for the file of responses.

    Raises:
        UserError: the backend cannot be had, or the folder cannot be written.
    """
    backend = backends.open_backend(args)
    settings = {**conditions, **backend.settings()}
    for name, value in settings.items():
        console.print(f"{name}: {value}", highlight=False, markup=False)
    store = ResponseStore(folder, settings)
    try:
        fill(store, backend, chats, args.samples, console)
        responses = [[store.get(chat, sample) for chat in chats] for sample in range(args.samples)]
    finally:
        store.close()
    return Session(settings, responses, str(conditions["call_form"]))
