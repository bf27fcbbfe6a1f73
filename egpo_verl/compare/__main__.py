"""Learning curves and a table from run logs: `python -m egpo_verl.compare RUN... [--out FILE]`.

RUN is a log that verl's file logger wrote (trainer.logger='["console","file"]'), or a folder of
the logs of one run that was stopped and resumed. Several seeds become one line and a
band: give them one label, LABEL=PATH, or names that end in _s1, _s2 or -seed1, -seed2.

With --patterns, RUN is a folder of rollouts that EGPO or verl recorded, a folder with such a folder
as `rollouts`, or one file, and the curves are what thoughts do on their way to the calls.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

from rich.table import Table

from egpo_verl.cli import Parser, count, out, run, say
from egpo_verl.compare.curves import CURVES, draw, seeds_of
from egpo_verl.compare.figures import figures
from egpo_verl.compare.group_table import group_table
from egpo_verl.compare.held_out import validations
from egpo_verl.compare.pattern_counts import RESPONSES, ROLLOUTS
from egpo_verl.compare.pattern_curves import draw_patterns
from egpo_verl.compare.pattern_table import left_out, pattern_table
from egpo_verl.compare.runs import BANDS, RANGE, RunGroup, read_groups
from egpo_verl.errors import UserError

EDGE = 5
PICTURES = (".png", ".svg", ".pdf")
# Shorter names, so that the table fits a terminal of 80 columns.
NAMES = {
    "actor/kl_loss": "KL",
    "actor/entropy": "actor entropy",
    "response_length/mean": "length",
    "egpo/cot_entropy": "CoT entropy",
    "egpo/bonus_over_abs_adv": "bonus / |A|",
    "egpo/clip_frac": "clipped",
    "egpo/silent_group_frac": "zero-var. groups",
}
EXAMPLES = """\
examples:
  python -m egpo_verl.compare runs/quickstart
  python -m egpo_verl.compare runs/egpo runs/grpo --out egpo_against_grpo.png
  python -m egpo_verl.compare runs/egpo_s1 runs/egpo_s2 runs/grpo_s1 runs/grpo_s2
  python -m egpo_verl.compare egpo=outputs/a/*.jsonl grpo=outputs/b/*.jsonl --band stderr
  python -m egpo_verl.compare --patterns runs/egpo_s1 runs/egpo_s2 grpo=runs/grpo/rollouts
"""


def summary(groups: Sequence[RunGroup], edge: int = EDGE) -> Table:
    """Mean of the first and of the last `edge` steps of each curve, and the change.

    Over several seeds: the mean of their means, and their standard deviation. Seeds count up to
    the last step that all of them reached; fewer steps than twice `edge` are split in halves.
    """
    lengths = sorted({len(group.steps(CURVES["reward"])) for group in groups})
    steps = " to ".join(str(length) for length in dict.fromkeys((lengths[0], lengths[-1])))
    title = f"means of the first and of the last {edge} of {steps} steps"
    return group_table(title, ("first", "last", "change"), groups, _lines(groups, edge), "curve")


def _lines(groups: Sequence[RunGroup], edge: int) -> Iterator[tuple[str, RunGroup, list[str]]]:
    for label, metric in (*CURVES.items(), *validations(groups).items()):
        for group in (group for group in groups if group.steps(metric)):
            series = group.series(metric)
            width = min(edge, max(1, len(series[0]) // 2))
            first = [fmean(values[:width]) for values in series]
            last = [fmean(values[-width:]) for values in series]
            change = [after - before for before, after in zip(first, last, strict=True)]
            cells = [figures(first), figures(last), figures(change, sign="+")]
            yield NAMES.get(metric, label), group, cells


def uneven(group: RunGroup, metric: str = CURVES["reward"]) -> str | None:
    """A sentence where the seeds of a group do not reach the same step."""
    ends = sorted({max(run.values[metric]) for run in group.runs if run.values.get(metric)})
    if len(ends) < 2:
        return None
    return (
        f"{group.name}: its {seeds_of(group)} end at steps {ends[0]} to {ends[-1]}; only the steps "
        "that all of them have are shown."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 2 for input that a user can fix."""
    options = parser().parse_args(arguments)
    return run(lambda: _compare(options))


def _compare(options: argparse.Namespace) -> None:
    if options.out.suffix not in PICTURES:
        raise UserError(f"{options.out} must end in {', '.join(PICTURES)}.")
    try:
        if options.patterns:
            _compare_patterns(options)
        else:
            _compare_curves(options)
    except ImportError as error:
        raise UserError(f"pictures need {error.name}: pip install matplotlib") from error
    say(f"curves: {options.out}")


def _compare_curves(options: argparse.Namespace) -> None:
    groups = read_groups(options.runs)
    draw(groups, options.out, options.band)
    out().print(summary(groups, options.edge))
    for sentence in filter(None, map(uneven, groups)):
        say(sentence)


def _compare_patterns(options: argparse.Namespace) -> None:
    groups = read_groups(options.runs, ROLLOUTS)
    draw_patterns(groups, options.out, options.band)
    out().print(pattern_table(groups, options.edge))
    for group in groups:
        for sentence in filter(None, (uneven(group, RESPONSES), *left_out(group))):
            say(sentence)


def parser() -> Parser:
    """The command line."""
    parser = Parser(
        prog="python -m egpo_verl.compare",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="PATH or LABEL=PATH; * is expanded")
    parser.add_argument(
        "--patterns",
        action="store_true",
        help="read rollouts instead of logs: what thoughts do, and the accuracy beside it",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("learning_curve.png"), help="picture: png, svg or pdf"
    )
    parser.add_argument(
        "--band",
        choices=list(BANDS),
        default=RANGE,
        help="; ".join(f"{name}: {words}" for name, words in BANDS.items())
        + f" (default: {RANGE})",
    )
    parser.add_argument(
        "--edge",
        type=count,
        default=EDGE,
        help=f"steps at either end that the table averages (default: {EDGE})",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
