"""The last measurement of a run: every sampled response, counted by part, level and kind.

verl writes prompts and responses as text, in the order of random names, and a live rollout as one
line for each message. A response is traced to its row by the reference and the user's turns.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from egpo_verl.errors import UserError
from egpo_verl.toolworld import ways

ACCURACY = "acc"
"""What the reward returns: 1.0 iff all is right, whatever its options."""
CELL = ("part", "level", "kind", "skill")
ROW_KEYS = ("difficulty", "kind", "skill")
"""Keys of a row's `extra_info.facts`."""


@dataclass(frozen=True)
class Row:
    """A row of the data, as far as a table tells rows apart."""

    part: str
    level: str
    kind: str
    skill: str
    turns: tuple[str, ...]

    @property
    def cell(self) -> tuple[str, ...]:
        return tuple(getattr(self, name) for name in CELL)


Counts = dict[str, Any]
"""Of one cell (part, level, kind): prompts, responses, right ones, prompts with a right one, ..."""


def count_answers(dump: Path, parts: Mapping[str, str]) -> list[Counts]:
    """The cells of a measurement.

    Args:
        dump: what `trainer.validation_data_dir` holds of one validation.
        parts: name -> parquet file that was measured.

    Raises:
        UserError: a response that answers no row of these files.
    """
    rows = read_rows(parts)
    groups: dict[tuple[str, Row], list[dict[str, Any]]] = defaultdict(list)
    for answer in _last_of_rollouts(_answers(dump)):
        groups[answer["gts"], _row_of(answer, rows, dump)].append(answer)
    cells: dict[tuple[str, ...], list[Sequence[dict[str, Any]]]] = defaultdict(list)
    for (truth, row), group in groups.items():
        alike = sum(other.turns == row.turns for other in rows[truth])  # some are there twice
        size = -(-len(group) // alike)
        cells[row.cell] += (group[start : start + size] for start in range(0, len(group), size))
    order = list(parts)
    return [
        _counts(cell, prompts)
        for cell, prompts in sorted(cells.items(), key=lambda one: (order.index(one[0][0]), one[0]))
    ]


def read_rows(parts: Mapping[str, str]) -> dict[str, list[Row]]:
    """Reference of a row, as JSON text -> the rows that have it."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for part, file in parts.items():
        for row in _table(file).to_pylist():
            facts = json.loads(row["extra_info"].get("facts") or "{}")
            level, kind, skill = (str(facts.get(key) or "") for key in ROW_KEYS)
            rows[row["reward_model"]["ground_truth"]].append(
                Row(part, level, kind, skill, _user_turns(row["prompt"]))
            )
    return rows


def _table(file: str) -> pa.Table:
    try:
        return pq.read_table(file, columns=["prompt", "reward_model", "extra_info"])
    except (OSError, pa.ArrowException):
        raise UserError(
            f"{file} is not there or damaged, and a run was measured on it: put it back, or report "
            "on the packed study."
        ) from None


def _answers(dump: Path) -> Iterator[dict[str, Any]]:
    with dump.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                answer = json.loads(line)
                _ = answer["gts"], answer["input"], answer["output"], _place(answer["uid"])
            except (ValueError, KeyError, TypeError):
                raise UserError(f"{dump}:{number} is no validated response of verl's.") from None
            yield answer


def _last_of_rollouts(answers: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last message of each rollout, by verl's names PROMPT_ROLLOUT_MESSAGE; all of its messages
    have what the rollout earned (verl/trainer/ppo/v1/trainer_base.py:1186)."""
    last: dict[str, tuple[int, dict[str, Any]]] = {}
    for answer in answers:
        rollout, message = _place(answer["uid"])
        if message >= last.get(rollout, (0,))[0]:
            last[rollout] = message, answer
    return [answer for _, answer in last.values()]


def _place(name: str) -> tuple[str, int]:
    """A rollout's name and the number of the message; verl's legacy trainer has one a rollout."""
    rollout, _, message = name.rpartition("_")
    return (rollout, int(message)) if rollout else (message, 0)


def _row_of(answer: Mapping[str, Any], rows: Mapping[str, list[Row]], dump: Path) -> Row:
    prompt = _squeezed(answer["input"])
    same_truth = rows.get(answer["gts"], [])
    candidates = [row for row in same_truth if all(turn in prompt for turn in row.turns)]
    if not candidates:
        raise UserError(
            f"{dump} answers a question that is not in the study's final files: they changed "
            "after the run."
        )
    return max(candidates, key=lambda row: sum(map(len, row.turns)))


def _user_turns(messages: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The user's turns; a system message may hold tags that verl leaves out as special tokens."""
    return tuple(_squeezed(one["content"]) for one in messages if one["role"] == "user")


def _squeezed(text: str) -> str:
    """Without white space, which a tokenizer may set otherwise."""
    return "".join(text.split())


def _counts(cell: tuple[str, ...], groups: Sequence[Sequence[dict[str, Any]]]) -> Counts:
    """Of a cell, from the responses to each of its rows."""
    everything = [answer for group in groups for answer in group]
    thoughts = Counter(
        way for answer in everything for way, goes in ways(answer["output"]).items() if goes
    )
    names = ways("")
    return {
        **dict(zip(CELL, cell, strict=True)),
        "prompts": len(groups),
        "responses": len(everything),
        "right": sum(map(_is_right, everything)),
        "passed": sum(any(map(_is_right, group)) for group in groups),
        **{way: thoughts[way] for way in names},
    }


def _is_right(answer: Mapping[str, Any]) -> bool:
    return bool(answer.get(ACCURACY, answer.get("score")) == 1.0)
