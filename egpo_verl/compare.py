"""Learning curves and a table from run logs: `python -m egpo_verl.compare RUN... [--out FILE]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.table import Table

from egpo_verl.run_log import Run, RunLogError, read_run

# What a reader wants to see, its name in verl's log, and the paper's name for it.
CURVES = {
    "reward": "critic/score/mean",
    "CoT entropy (nats)": "egpo/cot_entropy",
    "bonus": "egpo/bonus",
    "KL to the reference": "actor/kl_loss",
    "response length (tokens)": "response_length/mean",
    "actor entropy (nats)": "actor/entropy",
}
EDGE = 5
EXAMPLES = """\
examples:
  python -m egpo_verl.compare runs/quickstart
  python -m egpo_verl.compare runs/egpo runs/grpo --out egpo_against_grpo.png
"""


def summary(runs: Sequence[Run], edge: int = EDGE) -> Table:
    """Mean of the first and of the last `edge` steps of each curve, and the difference.

    A run of fewer than twice `edge` steps is split in halves.
    """
    table = Table(title=f"mean of the first and of the last {edge} steps")
    for column in ("run", "curve", "first", "last", "change"):
        table.add_column(column, justify="left" if column in ("run", "curve") else "right")
    for run in runs:
        for label, metric in CURVES.items():
            steps, values = run.series(metric)
            if not values:
                continue
            width = min(edge, max(1, len(values) // 2))
            first, last = fmean(values[:width]), fmean(values[-width:])
            table.add_row(
                f"{run.name} ({len(steps)} steps)",
                label,
                f"{first:.3f}",
                f"{last:.3f}",
                f"{last - first:+.3f}",
            )
    return table


def draw(runs: Sequence[Run], out: Path) -> None:
    """Draw the curves of all runs into one picture; written aside and renamed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 3, figsize=(12, 6), layout="constrained")
    for axis, (label, metric) in zip(axes.flat, CURVES.items(), strict=True):
        for number, run in enumerate(runs):
            steps, values = run.series(metric)
            colour = f"C{number}"
            axis.plot(steps, values, color=colour, alpha=0.3, linewidth=1)
            axis.plot(steps, smoothed(values), color=colour, linewidth=2, label=run.name)
        axis.set_title(label)
        axis.set_xlabel("step")
        axis.grid(alpha=0.25)
        if not axis.has_data():
            axis.text(0.5, 0.5, "not logged", ha="center", va="center", transform=axis.transAxes)
    axes.flat[0].legend()
    part = out.with_name(f".{out.name}.part")
    figure.savefig(part, dpi=110, format=out.suffix.lstrip(".") or "png")
    pyplot.close(figure)
    part.replace(out)


def smoothed(values: Sequence[float]) -> list[float]:
    """A centred running mean over a tenth of the steps, narrower at both ends."""
    half = max(1, len(values) // 20)
    return [fmean(values[max(0, place - half) : place + half + 1]) for place in range(len(values))]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m egpo_verl.compare",
        description="Draw learning curves and print a table from verl's file logs.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="+", type=Path, help="a .jsonl log, or a folder of them")
    parser.add_argument(
        "--out", type=Path, default=Path("learning_curve.png"), help="picture: png, svg or pdf"
    )
    given = parser.parse_args(arguments)
    console = Console()
    try:
        runs = [read_run(path) for path in given.runs]
        draw(runs, given.out)
    except (RunLogError, OSError, ValueError) as error:
        Console(stderr=True).print(f"compare: {error}", style="red", highlight=False)
        return 2
    console.print(summary(runs))
    console.print(f"curves: {given.out}", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
