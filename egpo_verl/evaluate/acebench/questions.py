"""ACEBench's questions, read from the folder that a user cloned."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egpo_verl.datasets.adapters.acebench import messages_of
from egpo_verl.datasets.adapters.parts import tools_from
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.errors import UserError
from egpo_verl.evaluate.chat import Chat, build_chat
from egpo_verl.evaluate.subset import Subset

HOME = "https://github.com/chenchen0103/ACEBench"
NEEDED = ("eval_main.py", "category.py", "model_eval", "model_inference", "data_all")
LANGUAGES = ("en", "zh")

ATOM = tuple(
    f"normal_atom_{kind}"
    for kind in ("bool", "enum", "number", "list", "object_short", "object_deep")
)
SINGLE = ("normal_single_turn_single_function", "normal_single_turn_parallel_function")
MULTI = ("normal_multi_turn_user_switch", "normal_multi_turn_user_adjust")
SIMILAR, PREFERENCE = ("normal_similar_api",), ("normal_preference",)
NORMAL = (*ATOM, *SINGLE, *MULTI, *SIMILAR, *PREFERENCE)
SPECIAL = ("special_incomplete", "special_error_param", "special_irrelevant")
AGENT = ("agent_multi_turn", "agent_multi_step")
"""They talk to a simulated user, which a second model plays, and run what is called."""
GROUPS = {"normal": NORMAL, "special": SPECIAL, "atom": ATOM, "single": SINGLE, "multi": MULTI}

PROMPTS = ("training", "benchmark")


@dataclass(frozen=True)
class Question:
    """A row of ACEBench.

    Attributes:
        row: with `id`, `question`, `function` and `time` or `profile`.
        answer: the row of `possible_answer/`, for the scorer.
    """

    language: str
    category: str
    row: Mapping[str, Any]
    answer: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Names it among all questions of the benchmark."""
        return f"{self.language}/{self.row['id']}"


def check_folder(folder: Path) -> None:
    """Raise UserError where `folder` is no clone of ACEBench."""
    missing = [name for name in NEEDED if not (folder / name).exists()]
    if missing:
        raise UserError(
            f"--benchmark_dir {folder} is no clone of ACEBench, {missing[0]} is missing; get it "
            f"with `git clone {HOME}` and name that folder."
        )


def questions(
    folder: Path, languages: Sequence[str], categories: Sequence[str], subset: Subset
) -> list[Question]:
    """The questions of each category that are asked, in their order.

    Raises:
        UserError: a file is missing or broken, or its answers belong to other questions.
    """
    items = []
    for language in languages:
        data = folder / "data_all" / f"data_{language}"
        for category in categories:
            rows = _lines(data / f"data_{category}.json")
            answers = _lines(data / "possible_answer" / f"data_{category}.json")
            if [row.get("id") for row in rows] != [row.get("id") for row in answers]:
                raise UserError(
                    f"the answers to {category} ({language}) in {data} are not those of its "
                    "questions; clone ACEBench anew."
                )
            pairs = subset.of(list(zip(rows, answers, strict=True)))
            items += [Question(language, category, row, answer) for row, answer in pairs]
    return items


def in_training_template(question: Question, call_form: str) -> Chat:
    """The question as the model was trained to be asked; UserError where the row is broken."""
    try:
        tools = tools_from(question.row["function"])
        return build_chat(question.key, messages_of(question.row), tools, call_form)
    except (Unusable, LookupError, TypeError, ValueError) as error:
        raise UserError(f"{question.key} of ACEBench cannot be read: {error}") from error


def in_benchmark_prompt(question: Question, templates: Mapping[str, str]) -> Chat:
    """The question in ACEBench's words; `templates` are those of `benchmark_templates`."""
    row, language = question.row, question.language.upper()
    kind = {"special": "SPECIAL", "preference": "PREFERENCE"}
    words = next((kind[name] for name in kind if name in question.category), "NORMAL")
    try:
        system = templates[f"SYSTEM_PROMPT_FOR_{words}_DATA_{language}"].format(
            time=row.get("time", ""), profile=row.get("profile", ""), function=row["function"]
        )
        user = templates[f"USER_PROMPT_{language}"].format(question=row["question"])
    except (LookupError, ValueError) as error:
        raise UserError(f"ACEBench's prompt for {question.key} cannot be made: {error}") from error
    messages = ({"role": "system", "content": system}, {"role": "user", "content": user})
    return Chat(question.key, messages)


def benchmark_templates(folder: Path, languages: Sequence[str]) -> dict[str, str]:
    """The texts in `model_inference/prompt_*.py` by their names, read without running the files.

    Raises:
        UserError: a file is missing or no Python.
    """
    texts: dict[str, str] = {}
    for language in languages:
        path = folder / "model_inference" / f"prompt_{language}.py"
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (OSError, SyntaxError, ValueError) as error:
            raise UserError(f"ACEBench's prompts in {path} cannot be read: {error}.") from error
        texts.update(_assigned_texts(tree))
    return texts


def _assigned_texts(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                yield name, text


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines if line.strip()]
    except FileNotFoundError:
        raise UserError(f"{path} is missing; clone ACEBench anew: {HOME}.") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}.") from error
    if not all(isinstance(row, dict) for row in rows):
        raise UserError(f"{path} holds a line that is no JSON object; clone ACEBench anew.")
    return rows
