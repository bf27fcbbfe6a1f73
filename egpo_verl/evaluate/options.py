"""Options that benchmarks scored from a user's clone share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from egpo_verl.evaluate import backends


def add_benchmark_options(
    parser: argparse.ArgumentParser, title: str, folder: str
) -> Callable[..., Any]:
    """Add those of the backend and `--benchmark_dir`; gives what adds more to the same group.

    Args:
        title: of the group: the benchmark's name.
        folder: the help on `--benchmark_dir`.
    """
    backends.add_arguments(parser)
    add = parser.add_argument_group(title).add_argument
    add("--benchmark_dir", type=Path, required=True, metavar="DIR", help=folder)
    return add
