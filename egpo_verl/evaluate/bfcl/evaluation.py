"""From entries to scores: responses, BFCL's result files, its loop, its evaluation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from egpo_verl.errors import UserError
from egpo_verl.evaluate.backends import Backend
from egpo_verl.evaluate.bfcl.categories import MULTI_TURN
from egpo_verl.evaluate.bfcl.official import Official, socket_folder
from egpo_verl.evaluate.bfcl.prompts import Entry
from egpo_verl.evaluate.bfcl.report import Measured, Outcome
from egpo_verl.evaluate.bfcl.serving import Batcher, Server
from egpo_verl.evaluate.generation import fill
from egpo_verl.evaluate.response import in_python, split_response
from egpo_verl.evaluate.response_store import Response, ResponseStore
from egpo_verl.evaluate.subset import Subset


@dataclass
class Evaluation:
    """One evaluation of one model.

    Attributes:
        official: BFCL in its own environment.
        store: where responses are kept, and looked up.
        call_form: in which the model was taught to write calls.
        samples: responses to each question; each is a model of its own for BFCL.
        subset: questions of each category that are asked.
    """

    official: Official
    backend: Backend
    store: ResponseStore
    call_form: str
    samples: int
    subset: Subset
    console: Console

    def run(self, entries: Sequence[Entry]) -> Outcome:
        """Generate what is missing, then score all that is there."""
        single = [entry for entry in entries if entry.category not in MULTI_TURN]
        dialogues = [entry for entry in entries if entry.category in MULTI_TURN]
        sizes = _sizes(entries)
        measured = {name: Measured(name, size * self.samples) for name, size in sizes.items()}
        chats = [entry.chat(self.call_form) for entry in single]
        fill(self.store, self.backend, chats, self.samples, self.console)
        self.official.begin()
        names = [f"sample-{sample}" for sample in range(self.samples)]
        for sample, name in enumerate(names):
            responses = [self.store.get(chat, sample) for chat in chats]
            self._write(name, single, responses, measured)
            if dialogues:
                self._loop(name, sample, dialogues, measured)
        whole = all(
            self.official.results(name, category) == size
            for category, size in sizes.items()
            for name in names
        )
        self.official.evaluate(
            names, list(sizes), partial=self.subset.size is not None or not whole
        )
        for category, counts in measured.items():
            for name in names:
                counts.add(self.official.scored(name, category))
        overall = self.official.overall().values()
        return Outcome(
            label=str(self.store.settings["model"]),
            measured=measured,
            overall=sum(overall) / len(overall) if overall else None,
            samples=self.samples,
            subset=self.subset,
        )

    def _write(
        self,
        name: str,
        entries: Sequence[Entry],
        responses: Sequence[Response | None],
        measured: Mapping[str, Measured],
    ) -> None:
        """Write single-turn responses, without their thoughts, as BFCL's result files."""
        results: dict[str, dict[str, str]] = defaultdict(dict)
        for entry, response in zip(entries, responses, strict=True):
            if response is not None:
                parts = split_response(response.text)
                measured[entry.category].count(parts.problem is None, response.note)
                text = in_python(parts.answer, self.call_form)
                results[entry.category][entry.identity] = text
        for category, rows in results.items():
            self.official.write(name, category, rows)

    def _loop(
        self,
        name: str,
        sample: int,
        entries: Sequence[Entry],
        measured: Mapping[str, Measured],
    ) -> None:
        """Let BFCL's loop ask the backend, through a socket and the store of responses."""
        self.console.print(f"BFCL's own loop over {len(entries):,} dialogues", highlight=False)
        prompts = {
            entry.identity: entry.chat(self.call_form).messages[0]["content"] for entry in entries
        }
        with socket_folder() as folder, Batcher(self.backend, self.store, sample) as batcher:
            path = Path(folder) / "model"
            with Server(path, batcher, self.call_form):
                self.official.loop(name, prompts, path, self.backend.batch_size)
        if isinstance(batcher.failure, UserError):
            raise batcher.failure
        if batcher.failure is not None:
            raise RuntimeError("generation failed in the multi-turn loop") from batcher.failure
        for response in batcher.answered:
            category = response.key.rpartition("@")[0].rpartition("_")[0]
            measured[category].count(split_response(response.text).problem is None, response.note)


def _sizes(entries: Sequence[Entry]) -> dict[str, int]:
    """Category -> entries."""
    sizes: dict[str, int] = defaultdict(int)
    for entry in entries:
        sizes[entry.category] += 1
    return dict(sizes)
