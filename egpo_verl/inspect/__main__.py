"""`python -m egpo_verl.inspect ROLLOUTS`: sampled answers of a training as one HTML page.

ROLLOUTS is the folder that a training wrote as algorithm.egpo.record_dir, or verl as
trainer.rollout_data_dir or trainer.validation_data_dir, or single files of it. The page needs no network and no server: open
it in any browser. Token entropies and EGPO's numbers are in what EGPO recorded; verl's
own files show the rest.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from egpo_verl.cli import Parser, count, tell
from egpo_verl.errors import UserError
from egpo_verl.inspect.files import read_sample
from egpo_verl.inspect.page import page

EXAMPLES = """\
examples:
  python -m egpo_verl.inspect runs/egpo/rollouts
  python -m egpo_verl.inspect runs/egpo/rollouts/40.parquet --out step_40.html
  python -m egpo_verl.inspect runs/egpo/validation --limit 5000
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 2 for input that a user can mend."""
    given = parser().parse_args(arguments)
    try:
        sample = read_sample(given.rollouts, given.limit, given.seed)
        document = page(sample, title=", ".join(map(str, given.rollouts)), seed=given.seed)
        write(document, given.out)
    except UserError as error:
        tell(f"inspect: {error}")
        return 2
    shown = len(sample.answers)
    of = f" of {sample.answers_found:,}" if shown < sample.answers_found else ""
    hint = f" (a sample of whole prompts, seed {given.seed}; --limit shows more)" if of else ""
    size = given.out.stat().st_size / 1e6
    Console(highlight=False, soft_wrap=True, markup=False).print(
        f"{shown:,}{of} answers{hint}: {given.out} ({size:.1f} MB)"
    )
    return 0


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
        help="most answers on the page (default: 800); of more, whole prompts are drawn",
    )
    parser.add_argument("--seed", type=int, default=0, help="of that draw (default: 0)")
    return parser


def write(document: str, out: Path) -> None:
    """Write aside and rename.

    Raises:
        UserError: `out` cannot be written.
    """
    part = out.with_name(f".{out.name}.part")
    try:
        part.write_text(document, encoding="utf-8", errors="replace")
        part.replace(out)
    except OSError as error:
        raise UserError(f"{out} cannot be written ({error.strerror}).") from None


if __name__ == "__main__":
    sys.exit(main())
