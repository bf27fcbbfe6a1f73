"""API-Bank's executor, run from a copy of the folder that a user cloned."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egpo_verl.datasets.adapters.api_bank import distinct_tools, tool_of, tools_in
from egpo_verl.datasets.adapters.brackets import bracketed_calls
from egpo_verl.datasets.reading.files import Rows
from egpo_verl.datasets.sample import Message, Tool
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.errors import UserError
from egpo_verl.evaluate import scorer_env
from egpo_verl.evaluate.chat import Chat, build_chat
from egpo_verl.evaluate.scorer_folder import ScorerFolder
from egpo_verl.evaluate.subset import Subset

HOME = "https://github.com/AlibabaResearch/DAMO-ConvAI, folder api-bank"
CODE = ("evaluator_by_json.py", "tool_manager.py", "api_call_extraction.py")
FOLDERS = ("apis", "init_database", "lv1-lv2-samples")
DIALOGUES = {1: "level-1-given-desc", 2: "level-2-toolsearcher"}
"""Level -> folder of its dialogues, with the results that calls should have."""
KNOWN_CEILING = {1: (337, 399), 2: (80, 135)}
"""Level -> (right, all) when its ground truth is given as answers."""

PINS = (
    "numpy==2.2.6",
    "nltk==3.9.2",
    "regex==2025.9.18",
    "joblib==1.5.2",
    "click==8.3.0",
    "tqdm==4.67.1",
    "rank-bm25==0.2.2",
    "rouge==1.0.1",
    "six==1.17.0",
)
"""What its tools import, without those that need a network or another model."""
ENVIRONMENT = scorer_env.Spec("api_bank", PINS)
RUNNER = Path(__file__).with_name("run_executor.py")

REQUEST = "API-Request: "
DESCRIPTIONS = "API descriptions:\n"
TURN = re.compile(r"^(User|AI|API-Request): ", re.MULTILINE)
END = re.compile(r"^Generate API Request:\s*\Z", re.MULTILINE)
YEAR = re.compile(r"^The current year is \d+\.$", re.MULTILINE)


@dataclass(frozen=True)
class Question:
    """One call in one of API-Bank's dialogues.

    Attributes:
        level: 1 or 2.
        file: of the dialogue.
        number: of the sample in it, as evaluator_by_json.py counts them.
        chat: the question in the training template.
        truth: the call that API-Bank itself expects, as text.
    """

    level: int
    file: str
    number: int
    chat: Chat
    truth: str


def check_folder(folder: Path) -> None:
    """Raise UserError where `folder` is not API-Bank's."""
    missing = [name for name in (*CODE, *FOLDERS) if not (folder / name).exists()]
    if missing:
        raise UserError(
            f"--benchmark_dir {folder} is not API-Bank's own folder, {missing[0]} is missing; "
            f"clone {HOME}, and name that folder."
        )


def questions(
    folder: Path, levels: Sequence[int], call_form: str, subset: Subset
) -> list[Question]:
    """The questions of `json_test_data/` that are asked.

    Raises:
        UserError: a file is missing, or a row cannot be read.
    """
    items = []
    for level in levels:
        path = folder / "json_test_data" / f"level-{level}-api.json"
        if not path.is_file():
            raise UserError(f"{path} is missing; clone API-Bank anew: {HOME}.")
        for place, row in subset.of(list(enumerate(Rows(path)))):
            try:
                items.append(_question(level, row, call_form))
            except (Unusable, LookupError, TypeError, ValueError) as error:
                raise UserError(f"row {place} of {path} cannot be read: {error}") from error
    return items


class Executor(ScorerFolder):
    """API-Bank's tools, by which all answers are executed in one run."""

    def right(self, questions: Sequence[Question], answers: Sequence[str]) -> list[bool]:
        """Execute the call in each answer; whether API-Bank holds its result to be right.

        Raises:
            UserError: the executor failed or took too long.
        """
        self.copied("api-bank", FOLDERS)
        items = [
            {"folder": DIALOGUES[q.level], "file": q.file, "number": q.number, "answer": answer}
            for q, answer in zip(questions, answers, strict=True)
        ]
        (self.scratch / "items.json").write_text(json.dumps(items), encoding="utf-8")
        self.run(RUNNER, ["api-bank"])
        verdicts = json.loads((self.scratch / "verdicts.json").read_text(encoding="utf-8"))
        return [verdict["right"] is True for verdict in verdicts]


def _question(level: int, row: Any, call_form: str) -> Question:
    if isinstance(row, Unusable):
        raise row
    file, number = str(row["file"]), int(row["id"])
    instruction, dialogue = str(row["instruction"]), str(row["input"])
    tools = [
        tool_of(json.loads(line))
        for line in instruction.partition(DESCRIPTIONS)[2].splitlines()
        if line.strip()
    ]
    messages: list[Message] = [
        {"role": "system", "content": year[0]} for year in YEAR.finditer(instruction)
    ]
    for message in _messages(END.sub("", dialogue), tools):
        messages.append(message)
        if message["role"] == "tool":
            tools += tools_in(message["content"])
    key = f"level-{level}/{file}/{number}"
    chat = build_chat(key, messages, distinct_tools(tools), call_form)
    return Question(level, file, number, chat, str(row["expected_output"]).removeprefix(REQUEST))


def _messages(dialogue: str, tools: Sequence[Tool]) -> Iterator[Message]:
    """The turns of a dialogue; a request to an API is a call and a tool's turn."""
    parts = TURN.split(dialogue)[1:]
    for who, text in zip(parts[::2], parts[1::2], strict=True):
        if who != "API-Request":
            yield {"role": {"User": "user", "AI": "assistant"}[who], "content": text.strip()}
            continue
        request, _, result = text.partition("->")
        yield {"role": "assistant", **_call(request.strip(), tools)}
        yield {"role": "tool", "content": result.strip()}


def _call(request: str, tools: Sequence[Tool]) -> dict[str, Any]:
    try:
        names = [str(tool["name"]) for tool in tools]
        return {"content": "", "calls": bracketed_calls(request, names, bare=True)}
    except Unusable:  # a value with quotes in it: kept as it was written
        return {"content": request}
