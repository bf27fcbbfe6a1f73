"""How long does `preprocess` take, beside another checkout of this repository?

Makes rows of xLAM's shape from a seed and runs the whole command on them, in turns within one run:
every turn runs each way with each checkout once. A row of the table is a way and a checkout, with
the medians of CPU seconds (of all processes of the command) and of seconds, and the median of the
ratios of the turns. CPU time is what to compare: other work on the machine counts little there.
Both checkouts are byte-compiled first, as pip does with what it installs: some machines forbid
Python to keep the bytecode of a checkout, and every process would then compile it anew.

examples:
  python benchmarks/preprocess_speed.py
  git worktree add /tmp/before 49dc620
  python benchmarks/preprocess_speed.py --beside /tmp/before
  python benchmarks/preprocess_speed.py --beside /tmp/before --rows 5000 --turns 9 --ways random
"""

from __future__ import annotations

import argparse
import compileall
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "data"))

from benchmark_preprocess import TARGET, timed, write_rows  # noqa: E402

WAYS = {"default": [], "random": ["--split_by", "random"]}
"""Name -> options of the command."""
Times = tuple[float, float]
"""Seconds, and seconds of all processors."""


def command(checkout: Path, source: Path, options: Sequence[str]) -> list[str]:
    """`preprocess` of a checkout, on two processes."""
    paths = ["--local_dataset_path", str(source), "--local_save_dir", TARGET]
    program = [sys.executable, "-m", "egpo_verl.preprocess", "xlam"]
    return ["env", f"PYTHONPATH={checkout}", *program, *paths, "--num_proc", "2", *options]


def compile_as_pip_does(checkout: Path) -> None:
    """Write the bytecode of a checkout, into the folders that git ignores."""
    compileall.compile_dir(str(checkout / "egpo_verl"), quiet=1)


def measured(
    checkouts: Sequence[Path], source: Path, ways: Sequence[str], turns: int
) -> dict[tuple[str, Path], list[Times]]:
    """Way and checkout -> their times in each turn; the checkouts start in turn."""
    times: dict[tuple[str, Path], list[Times]] = {}
    for turn in range(turns):
        order = checkouts if turn % 2 == 0 else checkouts[::-1]
        for way in ways:
            for checkout in order:
                seconds = timed(command(checkout, source, WAYS[way]), source.parent / "out")
                times.setdefault((way, checkout), []).append(seconds)
    return times


def table_of(times: dict[tuple[str, Path], list[Times]], title: str) -> Table:
    """The medians of each way and checkout, and the ratios to the other checkout."""
    table = Table("split", "checkout", title=title, title_justify="left")
    for column in ("CPU seconds", "ratio", "seconds", "ratio"):
        table.add_column(column, justify="right")
    for (way, checkout), ours in times.items():
        name = "this" if checkout == ROOT else str(checkout)
        others = next((of for (w, c), of in times.items() if (w, c != checkout) == (way, True)), [])
        cells = []
        for at in (1, 0):
            ratios = [our[at] / other[at] for our, other in zip(ours, others, strict=False)]
            cells += [f"{median(our[at] for our in ours):.2f}"]
            cells += [f"{median(ratios):.3f}" if ratios and checkout == ROOT else ""]
        table.add_row(way, name, *cells)
    return table


def main() -> None:
    """Make the rows, run the turns, print the table."""
    about, _, examples = str(__doc__).partition("\nexamples:")
    parser = argparse.ArgumentParser(
        description=about,
        epilog=f"examples:{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--beside", type=Path, metavar="DIR", help="another checkout")
    parser.add_argument("--rows", type=int, default=60_000, help="rows made (60000)")
    parser.add_argument("--turns", type=int, default=5, help="runs of each (5)")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="splits (all)")
    options = parser.parse_args()
    checkouts = [ROOT] if options.beside is None else [ROOT, options.beside.resolve()]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # where no checkout is: `python -m` looks here first
        for checkout in checkouts:
            compile_as_pip_does(checkout)
        source = Path(folder) / "rows.json"
        write_rows(source, options.rows)
        times = measured(checkouts, source, options.ways, options.turns)
    Console().print(table_of(times, f"{options.rows:,} rows, medians of {options.turns} turns"))


if __name__ == "__main__":
    main()
