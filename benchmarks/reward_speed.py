"""How long is one verdict? `python benchmarks/reward_speed.py [REPORT.md] [--beside CHECKOUT]`

Whole responses (thought included) through `compute_score`, beside BFCL's decoder and checker on
the answers alone, in one run; then the worst hostile responses. Times are CPU time, the least of
several runs, so that other work on the machine counts little; a text that differs in its blanks
alone is new to every cache. With `--beside`, also the same verdicts in this checkout and another
one, process after process, and how their medians compare. See benchmarks/bfcl_entries.py for the
environment needed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bfcl_entries import Official
from reward_beside import beside
from reward_hostile import worst_cases
from reward_hostile_rows import slowest_rows
from reward_prompts import beside_bfcl, from_threads, groups, in_groups
from rich.console import Console


def main() -> None:
    """Print the tables, and write them to a report if one is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, nargs="?")
    parser.add_argument(
        "--beside",
        metavar="CHECKOUT",
        type=Path,
        help="time another checkout of this repository too, in turn with this one",
    )
    parser.add_argument("--every", type=int, default=1, help="of so many prompts, take one")
    arguments = parser.parse_args()
    prompts = groups()[:: arguments.every]
    official = Official()
    share = f"one in {arguments.every} of " if arguments.every > 1 else ""
    lines = [
        "# Speed of the reward",
        "",
        f"Made by `benchmarks/reward_speed.py` on Python {sys.version.split()[0]}, bfcl-eval "
        f"2026.3.23: right answers to {share}BFCL's single-turn Python entries, and mutations of "
        "them.",
        "",
        *beside_bfcl(official, prompts),
        *in_groups(official, prompts),
        *(beside(arguments.beside, prompts) if arguments.beside else ()),
        *from_threads(prompts),
        *slowest_rows(),
        *worst_cases(),
    ]
    text = "\n".join(lines) + "\n"
    Console(soft_wrap=True, highlight=False, markup=False).print(text)
    if arguments.report:
        arguments.report.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
