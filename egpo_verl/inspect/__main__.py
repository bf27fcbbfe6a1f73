"""`python -m egpo_verl.inspect ROLLOUTS`: sampled responses of a training as one HTML page.

ROLLOUTS is the folder that a training wrote as algorithm.egpo.record_dir, or verl as
trainer.rollout_data_dir or trainer.validation_data_dir, or single files of it. The page needs no
network and no server: open it in any browser. Token entropies and EGPO's numbers are in what EGPO
recorded; verl's files show the rest.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from egpo_verl.cli import Parser, count, run, say, write_file_aside
from egpo_verl.inspect.files import read_sample
from egpo_verl.inspect.page import page

EXAMPLES = """\
examples:
  python -m egpo_verl.inspect runs/egpo/rollouts
  python -m egpo_verl.inspect runs/egpo/rollouts/40.parquet --out step_40.html
  python -m egpo_verl.inspect runs/egpo/validation --limit 5000
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 2 for input that a user can fix."""
    options = parser().parse_args(arguments)
    return run(lambda: _write_page(options))


def _write_page(options: argparse.Namespace) -> None:
    sample = read_sample(options.rollouts, options.limit, options.seed)
    document = page(sample, title=", ".join(map(str, options.rollouts)), seed=options.seed)
    with write_file_aside(options.out) as part:
        part.write_text(document, encoding="utf-8", errors="replace")
    shown = len(sample.responses)
    of = f" of {sample.total_responses:,}" if shown < sample.total_responses else ""
    hint = f" (a sample of whole prompts, seed {options.seed}; --limit shows more)" if of else ""
    size = options.out.stat().st_size / 1e6
    say(f"{shown:,}{of} responses{hint}: {options.out} ({size:.1f} MB)")


def parser() -> Parser:
    """The command line."""
    parser = Parser(
        prog="python -m egpo_verl.inspect",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "rollouts", nargs="+", type=Path, metavar="ROLLOUTS", help="a folder of rollouts, or a file"
    )
    parser.add_argument("--out", type=Path, default=Path("rollouts.html"), help="the page")
    parser.add_argument(
        "--limit",
        type=count,
        default=800,
        help="most responses on the page (default: 800); of more, whole prompts are drawn",
    )
    parser.add_argument("--seed", type=int, default=0, help="of that draw (default: 0)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
