"""BFCL's files and its evaluation, in its own environment."""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from egpo_verl.errors import UserError
from egpo_verl.evaluate.bfcl.categories import folder_of
from egpo_verl.evaluate.scorer_env import Spec, ensure
from egpo_verl.evaluate.scorer_run import run

VERSION = "2026.3.23"
ENVIRONMENT = Spec(
    "bfcl",
    (
        f"bfcl-eval=={VERSION}",
        # its own pins
        "filelock==3.20.0",
        "mpmath==1.3.0",
        "numpy==1.26.4",
        "tree_sitter==0.21.3",
        "tree-sitter-java==0.21.0",
        "tree-sitter-javascript==0.21.4",
        # the rest of what its evaluation imports; the clients of 30 vendors are not among it
        "overrides==7.7.0",
        "pandas==2.3.3",
        "python-dateutil==2.9.0.post0",
        "python-dotenv==1.2.1",
        "pytz==2025.2",
        "six==1.17.0",
        "tenacity==9.1.2",
        "tqdm==4.67.1",
        "tzdata==2025.2",
    ),
)
SCRIPT = Path(__file__).with_name("in_scorer")
LOOP_PATIENCE = 7 * 24 * 3600
"""Seconds by the clock for the multi-turn loop, which waits for the model; its work is bounded
by processor time, as everywhere."""


@dataclass(frozen=True)
class Scored:
    """What `bfcl evaluate` says of one category of one run.

    Attributes:
        errors: its kind of error -> answers.
    """

    correct: int
    total: int
    errors: Mapping[str, int]


class Official:
    """BFCL's environment, working in one folder.

    Attributes:
        folder: its project folder, and the only one that it can write.
        networkless: how it was cut off from the network, once it has run.
    """

    def __init__(self, folder: Path, home: Path | None, seconds: int, console: Console) -> None:
        """Make the environment where it is not there; UserError where that cannot be."""
        self.python = ensure(ENVIRONMENT, home, console)
        self.folder = folder
        self.seconds = seconds
        self.networkless = ""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"{folder} cannot be written ({error.strerror}); choose another --output_dir."
            ) from error

    def entries(self, categories: Sequence[str]) -> Path:
        """A file of all entries of the categories."""
        out = self.folder / "entries.jsonl"
        self._run("entries", "--categories", ",".join(categories), "--out", str(out))
        return out

    def begin(self) -> None:
        """Forget results and scores of an earlier evaluation."""
        for name in ("result", "score"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def write(self, model: str, category: str, results: Mapping[str, str]) -> None:
        """Write single-turn results, id -> answer, as BFCL's file."""
        path = self._file("result", model, category)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            for identity, answer in results.items():
                file.write(json.dumps({"id": identity, "result": answer}) + "\n")

    def loop(self, model: str, prompts: Mapping[str, str], socket: Path, threads: int) -> None:
        """BFCL's multi-turn inference against the model served at `socket`; it writes results.

        Args:
            prompts: id of each entry -> system prompt.
        """
        path = self.folder / "prompts.jsonl"
        path.write_text("".join(f"{json.dumps(pair)}\n" for pair in prompts.items()), "utf-8")
        words = ["loop", "--models", model, "--prompts", str(path), "--socket", str(socket)]
        self._run(*words, "--threads", str(threads), patience=LOOP_PATIENCE)

    def evaluate(self, models: Sequence[str], categories: Sequence[str], partial: bool) -> None:
        """Score all results that were written."""
        words = ["score", "--models", ",".join(models), "--categories", ",".join(categories)]
        self._run(*words, *(["--partial"] if partial else []))

    def results(self, model: str, category: str) -> int:
        """Results that are there."""
        path = self._file("result", model, category)
        return len(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else 0

    def scored(self, model: str, category: str) -> Scored | None:
        """The score of a category, None where it has no result."""
        path = self._file("score", model, category)
        if not path.is_file():
            return None
        head, *failures = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        errors: Counter[str] = Counter()
        for failure in failures:
            error = failure.get("error_type") or failure["error"]["error_type"]
            errors[str(error)] += 1
        return Scored(head["correct_count"], head["total_count"], dict(errors.most_common()))

    def overall(self) -> dict[str, float]:
        """Run -> overall accuracy of BFCL v4 in percent, from its table."""
        with (self.folder / "score" / "data_overall.csv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return {row["Model"]: float(row["Overall Acc"].rstrip("%")) for row in rows}

    def _file(self, kind: str, model: str, category: str) -> Path:
        name = f"BFCL_v4_{category}_{kind}.json"
        return self.folder / kind / model / folder_of(category) / name

    def _run(self, *words: str, patience: int | None = None) -> None:
        done = run(self.python, SCRIPT, words, self.folder, self.seconds, patience=patience)
        log = self.folder / "log.txt"
        with log.open("a", encoding="utf-8") as file:
            file.write(f"$ {words[0]}\n{done.output}\n")
        self.networkless = done.networkless


def socket_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for a Unix socket, whose path may have no more than 107 characters."""
    return tempfile.TemporaryDirectory(prefix="egpo-", dir="/tmp")
