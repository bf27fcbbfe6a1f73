"""The same verdicts in two checkouts of this repository, in turn, each turn a process of its own.

Run as a script by itself, it is the process of one turn: it imports the package that PYTHONPATH
names, times the rows of a JSON file and prints the medians.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reward_times import THOUGHT, fresh

if TYPE_CHECKING:
    from reward_prompts import Prompts

HERE = Path(__file__).parents[1]
TURNS = 7
"""Of each checkout."""
ROUNDS = 3
"""Of each row in a turn, the least of which counts; its texts are new in each."""
KINDS = {
    "all": "of all, eight a row",
    "first": "first on a row, which compiles tools and reference",
    "other": "every other on a row",
    "none": "where no call is expected",
}
NO_CALL = (
    "None of my functions can do that, but I can tell you more about {name} if you like.",
    "Which one do you mean? `{name}(...)` needs that first.",
)


def beside(other: Path, prompts: Prompts) -> list[str]:
    """The medians of both checkouts, and of their ratio turn by turn."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.json"
        file.write_text(json.dumps(rows(prompts)), encoding="utf-8")
        turns = [(median_times(HERE, file), median_times(other, file)) for _ in range(TURNS)]
    lines = [
        f"This checkout beside {commit(other)}: {len(prompts):,} rows, {TURNS} turns of each, one "
        "after the other, medians. Answers and the texts of a row are new in each turn.",
        "",
        f"| CPU time of a verdict | this us | {commit(other)} us | ratio | least-most |",
        "|---|---:|---:|---:|---:|",
    ]
    for kind, words in KINDS.items():
        ours, theirs = ([turn[at][kind] for turn in turns] for at in (0, 1))
        ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
        middle = (statistics.median(times) for times in (ours, theirs, ratios))
        columns = " | ".join(f"{number:.2f}" for number in middle)
        lines.append(f"| {words} | {columns} | {min(ratios):.2f}-{max(ratios):.2f} |")
    return [*lines, ""]


def commit(checkout: Path) -> str:
    """The commit of a checkout, in short."""
    command = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def rows(prompts: Prompts) -> list[dict[str, Any]]:
    """Each prompt as a row with its answers, and as one that wants no call."""
    return [
        {
            "tools": entry.tools,
            "reference": entry.reference,
            "answers": answers,
            "words": [text.format(name=entry.functions[0]["name"]) for text in NO_CALL],
        }
        for entry, answers in prompts
    ]


def median_times(checkout: Path, file: Path) -> Mapping[str, float]:
    """One turn of a checkout, in microseconds."""
    ran = subprocess.run(
        [sys.executable, __file__, str(checkout), str(file)],
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    times: dict[str, float] = json.loads(ran.stdout)
    return times


def turn(checkout: Path, file: Path) -> dict[str, float]:
    """The medians over all rows, by the package of this process."""
    import egpo_verl
    from egpo_verl.reward import compute_score

    if not Path(egpo_verl.__file__).is_relative_to(checkout):
        raise SystemExit(f"{egpo_verl.__file__} is not of {checkout}")

    def microseconds(reference: str, tools: str, answers: Sequence[str]) -> list[float]:
        times, info = [], {"tools": tools}
        for answer in answers:
            response = THOUGHT + answer
            start = time.thread_time_ns()
            compute_score("bfcl", response, reference, info)
            times.append((time.thread_time_ns() - start) / 1e3)
        return times

    first, other, none = list[float](), list[float](), list[float]()
    for row in json.loads(file.read_text(encoding="utf-8")):
        called, words = [], []
        for _ in range(ROUNDS):
            reference, tools = fresh(row["reference"]), fresh(row["tools"])
            called.append(microseconds(reference, tools, row["answers"]))
            words.append(microseconds(fresh("[]"), tools, row["words"])[1:])
        least = [min(times) for times in zip(*called, strict=True)]
        first.append(least[0])
        other += least[1:]
        none += [min(times) for times in zip(*words, strict=True)]
    medians = map(statistics.median, (first + other, first, other, none))
    return dict(zip(KINDS, medians, strict=True))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(turn(Path(sys.argv[1]), Path(sys.argv[2]))))
