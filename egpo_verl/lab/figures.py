"""The curves of a study: each arm's mean over seeds and its range."""

from __future__ import annotations

from pathlib import Path

from egpo_verl.cli import write_file_aside
from egpo_verl.compare.curves import COLOURS, STROKES, smoothed
from egpo_verl.compare.run_log import Run
from egpo_verl.compare.runs import RANGE, RunGroup, band_of
from egpo_verl.lab.entropies import CALL, THOUGHT
from egpo_verl.lab.evidence import Evidence
from egpo_verl.lab.measures import curve

VALIDATION = "validation accuracy (greedy)"
CURVES = {
    VALIDATION: VALIDATION,
    "training reward": "critic/score/mean",
    "entropy of thought (nats)": THOUGHT,
    "entropy of call (nats)": CALL,
    "KL to the reference": "actor/kl_loss",
    "response length (tokens)": "response_length/mean",
    "zero-variance groups (share)": "egpo/silent_group_frac",
    "bonus as a share of |A|": "egpo/bonus_over_abs_adv",
}
COLUMNS = 4


def draw(evidence: Evidence, out: Path) -> None:
    """One picture; written aside and renamed.

    Raises:
        UserError: `out` cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    groups = [RunGroup(name, _runs(evidence, name)) for name in evidence.study["arms"]]
    rows = -(-len(CURVES) // COLUMNS)
    with pyplot.rc_context({"font.size": 9, "axes.titlesize": 9}):
        figure, axes = pyplot.subplots(
            rows, COLUMNS, figsize=(3.4 * COLUMNS, 2.6 * rows + 0.5), layout="constrained"
        )
        for axis, (title, metric) in zip(axes.flat, CURVES.items(), strict=True):
            axis.set_title(title)
            axis.grid(alpha=0.3)
            for number, group in enumerate(groups):
                _draw(axis, group, metric, number)
            if not any(len(line.get_xdata()) for line in axis.lines):
                axis.set(xticks=[], yticks=[])
                axis.text(0.5, 0.5, "not logged", ha="center", transform=axis.transAxes)
        handles, labels = axes.flat[0].get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=6)
        try:
            with write_file_aside(out) as part:
                figure.savefig(part, dpi=110, format="png", metadata={"Software": None})
        finally:
            pyplot.close(figure)


def _runs(evidence: Evidence, arm: str) -> tuple[Run, ...]:
    return tuple(
        Run(run.log.name, {**run.log.values, VALIDATION: curve(run)})
        for run in evidence.of_arm(arm)
    )


def _draw(axis: object, group: RunGroup, metric: str, number: int) -> None:
    """An arm without a finished run, or without the metric, has an empty line in the legend."""
    series = group.series(metric) if group.runs else []
    steps = group.steps(metric) if group.runs else []
    values = series if metric == VALIDATION else [smoothed(of_run) for of_run in series]
    band = band_of(steps, values, RANGE)
    style = {"color": COLOURS[number % len(COLOURS)], "label": f"{group.name} ({len(group.runs)})"}
    stroke = STROKES[number // len(COLOURS) % len(STROKES)]
    axis.plot(band.steps, band.mean, stroke, **style)  # type: ignore[attr-defined]
    axis.fill_between(band.steps, band.low, band.high, alpha=0.15, color=style["color"])  # type: ignore[attr-defined]
