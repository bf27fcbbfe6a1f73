"""The picture of a comparison: the paper's four curves, four of EGPO, and why responses fail."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from egpo_verl.calls.reasons import Reason, label
from egpo_verl.cli import write_file_aside
from egpo_verl.compare.held_out import validations
from egpo_verl.compare.runs import BANDS, RunGroup, band_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What a reader wants to see, and its name in verl's log: the paper's four first.
CURVES = {
    "reward": "critic/score/mean",
    "KL to the reference": "actor/kl_loss",
    "actor entropy (nats)": "actor/entropy",
    "response length (tokens)": "response_length/mean",
    "CoT entropy (nats)": "egpo/cot_entropy",
    "bonus as a share of |A|": "egpo/bonus_over_abs_adv",
    "clipped bonuses (share)": "egpo/clip_frac",
    "zero-variance groups (share)": "egpo/silent_group_frac",
}
SHARES = ("egpo/bonus_over_abs_adv", "egpo/clip_frac", "egpo/silent_group_frac")
REASON = "reward/reason_"
SHOWN_REASONS = 6

# Okabe and Ito's palette, told apart with any kind of colour vision; then other strokes.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
STROKES = ("-", "--", ":", "-.")
AREAS = ("#d55e00", "#e69f00", "#f0e442", "#009e73", "#56b4e9", "#cc79a7", "#bbbbbb")
COLUMNS = 3
TITLE_WIDTH = 30
"""Letters that fit over a column."""


def draw(groups: Sequence[RunGroup], out: Path, kind: str) -> None:
    """Draw the curves of all groups of runs into one picture; written aside and renamed.

    Args:
        groups: what to compare.
        out: a .png, .svg or .pdf.
        kind: of band, one of `BANDS`.

    Raises:
        UserError: `out` cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    failing = [group for group in groups if reason_codes([group])]
    rows = -(-len(failing) // COLUMNS)
    with pyplot.rc_context({"font.size": 10, "axes.titlesize": 11, "axes.axisbelow": True}):
        figure = pyplot.figure(figsize=(10, 7 + 2.6 * rows), layout="constrained")
        heights = [7, 2.6 * rows] if rows else [7]
        parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        axes = parts[0].subplots(3, COLUMNS)
        for axis, (title, metric) in zip(axes.flat, CURVES.items(), strict=False):
            _draw_curve(axis, title, metric, groups, kind)
        _draw_validations(axes.flat[0], groups)
        _draw_legend(axes.flat[-1], groups, kind)
        if rows:
            _draw_reasons(parts[1], failing, rows)
        try:
            with write_file_aside(out) as part:
                figure.savefig(part, dpi=130, format=out.suffix.lstrip("."))
        finally:
            pyplot.close(figure)


def smoothed(values: Sequence[float]) -> list[float]:
    """A centred running mean over a tenth of the steps, narrower at both ends."""
    half = _half(values)
    return [fmean(values[max(0, place - half) : place + half + 1]) for place in range(len(values))]


def _half(values: Sequence[float]) -> int:
    return max(1, len(values) // 20)


def reason_codes(groups: Sequence[RunGroup]) -> list[int]:
    """Reasons of failure that the runs logged, most frequent first."""
    total: dict[int, float] = {}
    for run in (run for group in groups for run in group.runs):
        for metric, values in run.values.items():
            code = metric.removeprefix(REASON)
            if code != metric and code.isdecimal() and int(code) != Reason.OK:
                total[int(code)] = total.get(int(code), 0.0) + sum(values.values())
    return sorted(total, key=lambda code: -total[code])


def reason_shares(group: RunGroup, code: int) -> list[float]:
    """Mean over the seeds of the share of responses that failed so, at each step of the reward.

    A reason that no response had at a step is not logged there: its share is 0.
    """
    steps = group.steps(CURVES["reward"])
    return [
        fmean(run.values.get(f"{REASON}{code}", {}).get(step, 0.0) for run in group.runs)
        for step in steps
    ]


def _stroke(number: int) -> dict[str, Any]:
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": STROKES[number // len(COLOURS) % len(STROKES)],
    }


def _draw_curve(axis: Axes, title: str, metric: str, groups: Sequence[RunGroup], kind: str) -> None:
    for number, group in enumerate(groups):
        steps, series = group.steps(metric), group.series(metric)
        if not steps:
            continue
        look = _stroke(number)
        band = band_of(steps, [smoothed(values) for values in series], kind)
        axis.plot(steps, band.mean, linewidth=2, **look)
        if len(group.runs) > 1:
            axis.fill_between(steps, band.low, band.high, color=look["color"], alpha=0.2, lw=0)
        else:
            axis.plot(steps, series[0], color=look["color"], alpha=0.3, linewidth=1)
    axis.set_title(title)
    axis.set_xlabel("step")
    axis.grid(alpha=0.25)
    axis.locator_params(axis="x", integer=True, nbins=6)
    if metric in SHARES:
        axis.set_ylim(0, max(0.1, axis.get_ylim()[1]))
    if not axis.has_data():
        axis.text(0.5, 0.5, "not logged", ha="center", va="center", transform=axis.transAxes)
        axis.set_xticks([])
        axis.set_yticks([])


def _draw_validations(axis: Axes, groups: Sequence[RunGroup]) -> None:
    """Dots beside the reward of training: the mean reward on held-out rows."""
    for number, group in enumerate(groups):
        for metric in validations([group]).values():
            means = [fmean(values) for values in zip(*group.series(metric), strict=True)]
            look = {**_stroke(number), "linestyle": ":"}
            axis.plot(group.steps(metric), means, marker="o", markeredgecolor="black", **look)


def _draw_legend(axis: Axes, groups: Sequence[RunGroup], kind: str) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], linewidth=2, **_stroke(number)) for number in range(len(groups))]
    names = [f"{group.name} ({seeds_of(group)})" for group in groups]
    axis.axis("off")
    axis.legend(lines, names, loc="upper left", frameon=False, borderaxespad=0)
    longest = max((len(group.steps(CURVES["reward"])) for group in groups), default=0)
    notes = [f"line: running mean of {2 * _half(range(longest)) + 1} steps"]
    if any(len(group.runs) > 1 for group in groups):
        notes += ["and over seeds", f"band: {BANDS[kind]}"]
    if any(len(group.runs) == 1 for group in groups):
        notes.append("faint: one seed, as logged")
    if validations(groups):
        notes.append("dots: reward on held-out rows")
    axis.text(0, 0, "\n".join(notes), va="bottom", fontsize=9, transform=axis.transAxes)


def seeds_of(group: RunGroup) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{len(group.runs)} seed{'s' if len(group.runs) > 1 else ''}"


def _draw_reasons(figure: Any, groups: Sequence[RunGroup], rows: int) -> None:
    """One stacked area a group; what is left up to 1 are the right responses."""
    codes = reason_codes(groups)
    shown, rest = codes[:SHOWN_REASONS], codes[SHOWN_REASONS:]
    columns = min(len(groups), COLUMNS)
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True)
    areas: list[Any] = []
    for axis, group in zip(axes.flat, groups, strict=False):
        layers = [smoothed(reason_shares(group, code)) for code in shown]
        if rest:
            others = [reason_shares(group, code) for code in rest]
            layers.append(smoothed([sum(shares) for shares in zip(*others, strict=True)]))
        steps = group.steps(CURVES["reward"])
        areas = axis.stackplot(steps, layers, colors=AREAS, edgecolor="white", linewidth=0.5)
        title = f"why responses fail: {group.name}"
        axis.set_title("\n".join(wrap(title, TITLE_WIDTH)))
        axis.set_xlabel("step")
        axis.set_xlim(steps[0], steps[-1])
        axis.set_ylim(0, 1)
        axis.text(
            0.98,
            0.97,
            "right responses",
            ha="right",
            va="top",
            fontsize=9,
            color="0.35",
            transform=axis.transAxes,
        )
        axis.grid(alpha=0.25)
        axis.locator_params(axis="x", integer=True, nbins=6)
    for axis in axes.flat[len(groups) :]:
        axis.axis("off")
    axes[0, 0].set_ylabel("share of responses")
    names = [*map(label, shown), *(["other reasons"] if rest else [])]
    # Top to bottom as the areas lie.
    figure.legend(areas[::-1], names[::-1], loc="outside right center", frameon=False, fontsize=9)
