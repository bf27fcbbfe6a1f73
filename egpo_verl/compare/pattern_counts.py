"""Count, step by step, what the thoughts of a run do and how often their responses are right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from egpo_verl.cli import progress
from egpo_verl.compare.run_log import Run
from egpo_verl.compare.runs import RunGroup, Source
from egpo_verl.errors import UserError
from egpo_verl.inspect.files import rollout_files
from egpo_verl.inspect.formats import responses_in
from egpo_verl.inspect.response import Response
from egpo_verl.inspect.thoughts import patterns_of

RESPONSES, THOUGHTS = "responses", "thoughts"
WITH, WITHOUT = "with", "without"
RIGHT = "right"


def counted(pattern: str, *parts: str) -> str:
    """The name of a count: `counted("names_tool", WITH, RIGHT)`."""
    return "/".join((pattern, *parts))


def read_patterns(path: Path) -> Run:
    """The counts at each step of the rollouts at `path`, or in its folder `rollouts`.

    No text is kept: memory does not grow with the number of responses.

    Raises:
        UserError: nothing there to read, or a file of another kind.
    """
    inside = path / "rollouts"
    files = rollout_files(inside if inside.is_dir() else path)
    counts: dict[str, Counter[int]] = {RESPONSES: Counter()}
    with progress(str(path), len(files)) as report:
        for done, file in enumerate(files, start=1):
            for response in responses_in(file):
                for name in _counts(response):
                    counts.setdefault(name, Counter())[response.step] += 1
            report(done)
    if not counts[RESPONSES]:
        raise UserError(f"{path}: no response in there.")
    values = {
        name: {step: float(number) for step, number in steps.items()}
        for name, steps in counts.items()
    }
    return Run(path.stem if path.is_file() else path.name, values)


ROLLOUTS = Source(
    read_patterns,
    "give a training's folder with its rollouts, as +algorithm.egpo.record_dir=FOLDER or verl's "
    "trainer.rollout_data_dir makes them.",
)


def _counts(response: Response) -> Iterable[str]:
    """The names of the counts in which a response counts."""
    yield RESPONSES
    shown = patterns_of(response)
    if shown is None:
        return
    yield THOUGHTS
    for pattern, answer in shown.items():
        if answer is not None:
            name = counted(pattern, WITH if answer else WITHOUT)
            yield name
            if response.score > 0:
                yield counted(name, RIGHT)


def total(run: Run, names: Iterable[str], steps: Sequence[int]) -> float:
    """How many responses count under any of `names` at `steps`."""
    return sum(run.values.get(name, {}).get(step, 0.0) for name in names for step in steps)


def share(run: Run, pattern: str, steps: Sequence[int]) -> float | None:
    """Of the thoughts with an answer, those that show a pattern; None where there is none."""
    both = [counted(pattern, WITH), counted(pattern, WITHOUT)]
    return _ratio(total(run, both[:1], steps), total(run, both, steps))


def accuracy(run: Run, pattern: str, side: str, steps: Sequence[int]) -> float | None:
    """Of the responses that show a pattern (`WITH`) or do not, those that are right."""
    name = counted(pattern, side)
    return _ratio(total(run, [counted(name, RIGHT)], steps), total(run, [name], steps))


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def steps_of(group: RunGroup) -> list[int]:
    """The steps that every seed of a group recorded."""
    return group.steps(RESPONSES)
