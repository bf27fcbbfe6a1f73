"""`python -m egpo_verl.sizing SCRIPT...`: a table of what each recipe needs of its GPUs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from egpo_verl.cli import Parser, run
from egpo_verl.sizing.scripts import hardware, setup_of_script
from egpo_verl.sizing.table import HEAD, row


def main(argv: Sequence[str] | None = None) -> int:
    """Print a Markdown table; returns 1 where a recipe does not fit, 2 where one cannot be read."""
    parser = Parser(
        prog="python -m egpo_verl.sizing",
        description="What each recipe needs of its GPUs, calculated and not measured: GiB of one "
        "GPU in the update and in the rollout, sequences of full length that a replica of the "
        "rollout holds, and hours.",
    )
    parser.add_argument("scripts", nargs="+", type=Path, metavar="SCRIPT")
    options = parser.parse_args(argv)
    return run(lambda: _print_table(options.scripts))


def _print_table(scripts: Sequence[Path]) -> int:
    setups = {script: setup_of_script(script) for script in scripts}
    rows = [row(script, setup, hardware(script)) for script, setup in setups.items()]
    sys.stdout.write("\n".join([*HEAD, *(line for line, _ in rows)]) + "\n")
    return 0 if all(fits for _, fits in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
