"""The report: one Markdown page made from evidence alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import fmean, stdev
from urllib.parse import quote

from egpo_verl.lab.comparison import POINTS, Compared, accuracies, compared, spread
from egpo_verl.lab.evidence import Evidence
from egpo_verl.lab.findings import paragraph, run_notes, unresolved
from egpo_verl.lab.markdown import NONE, markdown, percent, points, span
from egpo_verl.lab.measures import (
    accuracy,
    cell_accuracy,
    curve,
    has_success,
    levels,
    measures,
)
from egpo_verl.lab.setting import setting
from egpo_verl.lab.statistics import seeds_each

INTRODUCTION = """\
# Evidence

Made by `python -m egpo_verl.lab report`; docs/lab.md of egpo_verl says how to read and repeat it.

Accuracy is the share of right responses (the reward's `acc`) of the last checkpoint. `±` is the
standard deviation over seeds. Differences are paired by seed: same data order, same warm start,
same sampling seeds. Intervals are bootstrap percentiles at 95 %, widened for few seeds; p is of a
two-sided sign-flip test with Holm's correction over the arms of a study."""


def page(studies: Sequence[Evidence], figures: str) -> str:
    """The whole page, calibration first; `figures` is where the pictures lie, beside it."""
    ordered = sorted(studies, key=lambda one: not is_calibration(one))
    parts = [INTRODUCTION, *(section(one, figures) for one in ordered), *setting(ordered)]
    return "\n\n".join(parts) + "\n"


def is_calibration(evidence: Evidence) -> bool:
    """Whether a study is about the laboratory itself: one arm alone, or controls."""
    return len(evidence.study["arms"]) == 1 or bool(evidence.study["expect"])


def picture(evidence: Evidence) -> str:
    """The file name of a study's curves."""
    return f"{evidence.study['name']}.png"


def section(evidence: Evidence, figures: str) -> str:
    """One study: question, finding, tables, curves, what is open."""
    study = evidence.study
    blocks = [
        f"## {study['name']}",
        study["question"],
        f"**Found.** {paragraph(evidence)}",
        *_arms(evidence),
        *final_tables(evidence),
        *_spread_table(evidence),
        measures_table(evidence),
        *_levels_table(evidence),
        f"![Curves of {study['name']}]({quote(figures)}/{picture(evidence)})",
        *_listed("**Not resolved.**", unresolved(evidence)),
        *_listed("**Runs.**", run_notes(evidence)),
    ]
    return "\n\n".join(block for block in blocks if block)


def _listed(title: str, sentences: Iterable[str]) -> Iterator[str]:
    lines = [f"- {sentence}" for sentence in sentences]
    if lines:
        yield "\n".join([title, "", *lines])


def _arms(evidence: Evidence) -> Iterator[str]:
    rows = [
        (name, "`" + "` `".join(overrides) + "`" if overrides else "the shared overrides alone")
        for name, overrides in evidence.study["arms"].items()
    ]
    yield markdown(("arm", "what it changes"), rows, numbers=False)


def final_tables(evidence: Evidence) -> Iterator[str]:
    """For each part: every arm's final accuracy, and its difference to the baseline."""
    for part in evidence.study["parts"]:
        results = compared(evidence, part)
        start = accuracy(evidence.start, part)
        title = f"final accuracy on {part}" + (f" (start {start:.1%})" if start is not None else "")
        columns = (title, "seeds", "mean", "difference", "95 % interval", "p")
        rows = [
            _final_row(arm, list(accuracies(evidence, arm, part).values()), results.get(arm))
            for arm in evidence.study["arms"]
        ]
        yield markdown((*columns, f"seeds for {100 * POINTS:.0f} points"), rows)


def _final_row(arm: str, values: Sequence[float], one: Compared | None) -> tuple[str, ...]:
    row = (arm, str(len(values)), percent(values))
    if one is None:
        return (*row, NONE, NONE, NONE, NONE)
    needed = str(one.needed()) if one.difference.spread else NONE
    return (*row, points(one.difference.mean), span(one.difference), f"{one.p:.3f}", needed)


def _spread_table(evidence: Evidence) -> Iterator[str]:
    """The baseline alone: spread of the validation by step, and of the last measurement."""
    runs = evidence.of_arm(evidence.study["baseline"])
    if len(evidence.study["arms"]) > 1 or len(runs) < 2:
        return
    curves = [curve(run) for run in runs]
    rows = []
    for step in sorted(set.intersection(*map(set, curves))):
        rows.append(_spread_row(f"step {step}, greedy", [one[step] for one in curves]))
    for part in evidence.study["parts"]:
        values = accuracies(evidence, evidence.study["baseline"], part)
        if spread(values) is not None:
            rows.append(_spread_row(f"last measurement, {part}", list(values.values())))
    columns = ("spread over seeds", "mean", "standard deviation (points)")
    yield markdown((*columns, f"seeds an arm for {100 * POINTS:.0f} points"), rows)


def _spread_row(name: str, values: Sequence[float]) -> tuple[str, ...]:
    deviation = stdev(values)
    needed = str(seeds_each(deviation, POINTS)) if deviation else NONE
    return name, f"{fmean(values):.1%}", f"{100 * deviation:.2f}", needed


def measures_table(evidence: Evidence) -> str:
    """Every arm's other measures: means over the seeds that have them."""
    study = evidence.study
    part, responses = study["parts"][0], study["final"]["responses"]
    columns = measures(part, study["level"], responses)
    rows = []
    for arm in study["arms"]:
        runs = evidence.of_arm(arm)
        rows.append((arm, *(_mean(map(measure, runs), len(runs)) for measure in columns.values())))
    return markdown(("arm", *columns), rows)


def _mean(values: Iterable[float | None], number: int) -> str:
    there = [value for value in values if value is not None]
    if not there:
        return NONE
    few = f" ({len(there)} of {number})" if len(there) < number else ""
    return f"{fmean(there):.3g}{few}"


def _levels_table(evidence: Evidence) -> Iterator[str]:
    runs = [run for run in evidence.runs if run.is_done]
    cells = [cell for cell in levels(runs) if has_success(runs, cell[0])]
    if len(cells) < 2:
        return
    arms = list(evidence.study["arms"])
    rows = [
        (
            ", ".join(filter(None, (cell[0], f"level {cell[1]}" if cell[1] else "", *cell[2:]))),
            *(_cell(evidence, arm, cell) for arm in arms),
        )
        for cell in cells
    ]
    yield markdown(("final accuracy by level and kind", *arms), rows)


def _cell(evidence: Evidence, arm: str, cell: tuple[str, ...]) -> str:
    read: Callable[..., float | None] = cell_accuracy
    values = [read(run, cell) for run in evidence.of_arm(arm)]
    return percent([value for value in values if value is not None])
