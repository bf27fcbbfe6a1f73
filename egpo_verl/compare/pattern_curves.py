"""The picture of patterns: the share of thoughts that show one, beside the accuracy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egpo_verl.cli import write_file_aside
from egpo_verl.compare.curves import COLOURS, STROKES, seeds_of
from egpo_verl.compare.pattern_counts import WITH, WITHOUT, accuracy, share, steps_of
from egpo_verl.compare.run_log import Run
from egpo_verl.compare.runs import BANDS, RunGroup, band_of
from egpo_verl.inspect.patterns import PATTERNS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Measure = Callable[[Run, Sequence[int]], "float | None"]
"""A share at some steps of a run, None where there is nothing to divide by."""
SIDES: dict[str, dict[str, Any]] = {
    WITH: {"linestyle": "-"},
    WITHOUT: {"linestyle": ":", "markerfacecolor": "none"},
}


def draw_patterns(groups: Sequence[RunGroup], out: Path, kind: str) -> None:
    """Draw each pattern's share and accuracies into one picture; written aside and renamed.

    Args:
        groups: whose runs `read_patterns` read.
        out: a .png, .svg or .pdf.
        kind: of band, one of `BANDS`.

    Raises:
        UserError: `out` cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.rc_context({"font.size": 10, "axes.titlesize": 11, "axes.axisbelow": True}):
        figure, axes = pyplot.subplots(
            len(PATTERNS), 2, figsize=(10, 2.5 * len(PATTERNS) + 1), layout="constrained"
        )
        for (left, right), (pattern, words) in zip(axes, PATTERNS.items(), strict=True):
            for number, group in enumerate(groups):
                look = _look(number)
                _draw(left, group, partial(_share, pattern), kind, look)
                for side, stroke in SIDES.items():
                    measure = partial(_accuracy, pattern, side)
                    _draw(right, group, measure, kind, look | stroke)
            _finish(left, f"thought {words}: share")
            _finish(right, "right responses: with it, without it")
        _add_legend(figure, groups, kind)
        try:
            with write_file_aside(out) as part:
                figure.savefig(part, dpi=130, format=out.suffix.lstrip("."))
        finally:
            pyplot.close(figure)


def _look(number: int) -> dict[str, Any]:
    stroke = STROKES[number // len(COLOURS) % len(STROKES)]
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": stroke, "linewidth": 2}


def _share(pattern: str, run: Run, steps: Sequence[int]) -> float | None:
    return share(run, pattern, steps)


def _accuracy(pattern: str, side: str, run: Run, steps: Sequence[int]) -> float | None:
    return accuracy(run, pattern, side, steps)


def _draw(axis: Axes, group: RunGroup, measure: Measure, kind: str, look: dict[str, Any]) -> None:
    """A line and a band, with gaps at the steps where a seed has no answer."""
    for stretch in _stretches(group, measure):
        series = list(zip(*stretch.values(), strict=True))
        band = band_of(list(stretch), series, kind)
        axis.plot(band.steps, band.mean, marker="o" if len(stretch) == 1 else None, **look)
        if len(group.runs) > 1:
            axis.fill_between(
                band.steps, band.low, band.high, color=look["color"], alpha=0.15, lw=0
            )


def _stretches(group: RunGroup, measure: Measure) -> Iterator[dict[int, list[float]]]:
    """Steps in a row at which every seed has an answer, each with the answers."""
    steps = steps_of(group)
    stretch: dict[int, list[float]] = {}
    for step, window in zip(steps, _windows(steps), strict=True):
        values = [measure(run, window) for run in group.runs]
        answers = [value for value in values if value is not None]
        if len(answers) == len(values):
            stretch[step] = answers
        elif stretch:
            yield stretch
            stretch = {}
    if stretch:
        yield stretch


def _windows(steps: Sequence[int]) -> list[Sequence[int]]:
    """The steps around each step whose responses count together, a tenth of all."""
    half = _half(steps)
    return [steps[max(0, place - half) : place + half + 1] for place in range(len(steps))]


def _half(steps: Sequence[int]) -> int:
    return max(1, len(steps) // 20)


def _finish(axis: Axes, title: str) -> None:
    axis.set_title(title)
    axis.set_xlabel("step")
    axis.set_ylim(-0.02, 1.02)
    axis.grid(alpha=0.25)
    axis.locator_params(axis="x", integer=True, nbins=6)
    if not axis.has_data():
        axis.text(0.5, 0.5, "no answer", ha="center", va="center", transform=axis.transAxes)
        axis.set_xticks([])
        axis.set_yticks([])


def _add_legend(figure: Any, groups: Sequence[RunGroup], kind: str) -> None:
    from matplotlib.lines import Line2D

    names = [f"{group.name} ({seeds_of(group)})" for group in groups]
    lines = [Line2D([], [], **_look(number)) for number in range(len(groups))]
    sides: list[dict[str, Any]] = [
        {"color": "0.35", "linewidth": 2} | stroke for stroke in SIDES.values()
    ]
    lines += [Line2D([], [], **look) for look in sides]
    names += [f"right {side} the pattern" for side in SIDES]
    figure.legend(lines, names, loc="outside upper center", ncols=4, frameon=False)
    longest = max((steps_of(group) for group in groups), key=len)
    note = f"each point: the responses of up to {2 * _half(longest) + 1} steps"
    if any(len(group.runs) > 1 for group in groups):
        note += f"; line: mean over seeds; band: {BANDS[kind]}"
    figure.supxlabel(note, fontsize=9)
