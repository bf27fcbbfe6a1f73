"""ACEBench's official scores: its layout written, its eval_main.py run, its score files read."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egpo_verl.errors import UserError
from egpo_verl.evaluate import scorer_env
from egpo_verl.evaluate.acebench.questions import Question
from egpo_verl.evaluate.scorer_folder import ScorerFolder

PINS = (
    "numpy==2.2.6",
    "pandas==2.3.3",
    "python-dateutil==2.9.0.post0",
    "pytz==2025.2",
    "tzdata==2025.2",
    "six==1.17.0",
    "openpyxl==3.1.5",
    "et_xmlfile==2.0.0",
)
"""What eval_main.py imports."""
ENVIRONMENT = scorer_env.Spec("acebench", PINS)
SCORER = Path(__file__).with_name("run_eval_main.py")
MODEL = "egpo"
"""Name of the model in ACEBench's files; some of its code looks for other words in this name."""


@dataclass(frozen=True)
class Score:
    """What eval_main.py says of one category.

    Attributes:
        accuracy: the script's figure, 0 to 1; in multi-turn categories the share of dialogues in
            which every turn is right.
        correct, total: questions.
    """

    accuracy: float
    correct: int
    total: int


Scores = Mapping[tuple[str, str], Score]
"""(language, category) -> score."""


class Scorer(ScorerFolder):
    """eval_main.py, run for one language at a time."""

    def scores(self, answered: Iterable[tuple[Question, str]]) -> Scores:
        """Score every answer.

        Raises:
            UserError: eval_main.py failed, took too long, or left no score.
        """
        by_category: dict[tuple[str, str], list[tuple[Question, str]]] = defaultdict(list)
        for question, text in answered:
            by_category[question.language, question.category].append((question, text))
        # Its data is not copied: what there is to score is written beside the code.
        folder = self.copied("ACEBench", ("model_eval", "model_inference"), _other_than_code)
        for (language, category), pairs in by_category.items():
            data = folder / "data_all" / f"data_{language}"
            name = f"data_{category}.json"
            _write(data / name, (question.row for question, _ in pairs))
            _write(data / "possible_answer" / name, (question.answer for question, _ in pairs))
            results = folder / "result_all" / f"result_{language}" / MODEL
            rows = ({"id": question.row["id"], "result": text} for question, text in pairs)
            _write(results / f"data_{category}_result.json", rows)
        for language in dict.fromkeys(language for language, _ in by_category):
            self._run(
                folder, language, [category for (of, category) in by_category if of == language]
            )
        return {key: _score(folder, *key) for key in by_category}

    def _run(self, folder: Path, language: str, categories: Sequence[str]) -> None:
        words = ["--model", MODEL, "--category", *categories, "--language", language]
        self.run(SCORER, [str(folder), *words])


def _score(folder: Path, language: str, category: str) -> Score:
    path = folder / "score_all" / f"score_{language}" / MODEL / f"data_{category}_score.json"
    try:
        with path.open(encoding="utf-8") as lines:
            head = json.loads(lines.readline())
        return Score(float(head["accuracy"]), int(head["correct_count"]), int(head["total_count"]))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(f"ACEBench left no score of {category} in {path}: {error}.") from error


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text("".join(lines), encoding="utf-8", errors="replace")


def _other_than_code(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not (name.endswith(".py") or (Path(folder) / name).is_dir())]
