"""`python -m egpo_verl.preprocess SOURCE`: a function-call dataset to verl's parquet."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import fill

from egpo_verl.cli import Parser, count, out, progress, run, say, tell
from egpo_verl.datasets.checks.length import LengthLimit
from egpo_verl.datasets.jobs.convert_sample import RowConfig
from egpo_verl.datasets.jobs.job import convert_file, write_samples
from egpo_verl.datasets.jobs.output import Output
from egpo_verl.datasets.jobs.report import REPORT, Section, show
from egpo_verl.datasets.jobs.trail import CONTAMINATED, DROPPED, REPAIRED
from egpo_verl.datasets.options import add_common_options, add_source_options, output_of, shares_of
from egpo_verl.datasets.reading.hub import HubRows
from egpo_verl.datasets.registry import SOURCES
from egpo_verl.datasets.selection.assign import WAYS, SplitConfig
from egpo_verl.datasets.selection.augment import Augmentation
from egpo_verl.datasets.show import add_show
from egpo_verl.datasets.source import Source
from egpo_verl.errors import UserError
from egpo_verl.toolworld import DEFAULT_LEVELS, LEVELS, generate
from egpo_verl.toolworld.live.command import add_live

PROGRAM = "python -m egpo_verl.preprocess"
EXAMPLES = f"""
examples:
  {PROGRAM} toolworld --local_save_dir ~/data/toolworld
  {PROGRAM} xlam --local_dataset_path xlam_function_calling_60k.json --local_save_dir ~/data/xlam
  {PROGRAM} xlam --local_dataset_path rows.jsonl.gz --local_save_dir ~/data/xlam \\
      --tokenizer Qwen/Qwen3-4B-Instruct-2507 --max_prompt_length 4096
  {PROGRAM} show ~/data/xlam/train.parquet -n 3

Rows are checked, repaired where nothing is lost, or dropped for a counted reason; report.md
beside the parquet files says how many and why, dropped.jsonl names each.
`{PROGRAM} SOURCE --help` lists the options.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0 when all is done, otherwise one of `egpo_verl.errors`.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    options = parser().parse_args(words)
    options.command = shlex.join([*PROGRAM.split(), *words])
    return run(lambda: options.run(options), interrupted="interrupted; nothing was written.")


def parser() -> Parser:
    """The command line: one sub-command for each source, and `show`."""
    top = Parser(
        prog=PROGRAM,
        description="Turn a function-call dataset into train.parquet and test.parquet for verl.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(title="sources and commands", metavar="SOURCE", required=True)
    for source in SOURCES.values():
        _add_source(commands, source)
    _add_toolworld(commands)
    add_live(commands)
    add_show(commands.add_parser("show", help="print rows of a written file for a person"))
    return top


def _add_source(commands: argparse._SubParsersAction[Parser], source: Source) -> None:
    columns = " or ".join(", ".join(form) for form in source.columns)
    title = f"for evaluation: {source.title}" if source.benchmark else source.title
    about = f"{title} ({source.size} rows, {source.licence}, {source.home})"
    command = commands.add_parser(
        source.name,
        help=about,
        description=fill(f"{about}. Columns: {columns}."),
        epilog=source.notes,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_source_options(command, source)
    add_common_options(command)
    command.set_defaults(run=_run_file, source=source)


def _add_toolworld(commands: argparse._SubParsersAction[Parser]) -> None:
    about = "tasks made here from a seed, with a harder test of unseen tools (any size, Apache-2.0)"
    command = commands.add_parser("toolworld", help=about, description=about)
    command.add_argument("--num_train", type=count, default=4000, help="training rows (4000)")
    command.add_argument("--num_test", type=count, default=200, help="rows of each test (200)")
    command.add_argument(
        "--levels",
        type=int,
        nargs="+",
        choices=sorted(LEVELS),
        default=DEFAULT_LEVELS,
        help=f"difficulties to draw from ({' '.join(map(str, DEFAULT_LEVELS))})",
    )
    add_common_options(command)
    command.set_defaults(run=_run_toolworld)


def _run_file(options: argparse.Namespace) -> None:
    row_config = replace(
        _row_config(options),
        benchmarks=tuple(options.decontaminate),
        signatures=options.near_duplicates is not None,
        max_turns=options.max_turns,
    )
    test_only = options.source.benchmark and not options.allow_benchmark_training
    if options.local_test_path is not None and options.test_size is not None:
        raise UserError("--local_test_path is the test file; leave --test_size out.")
    if options.local_test_path is not None and options.split_by != WAYS[0]:
        raise UserError(
            "--local_test_path is the split; leave --split_by out, or leave --local_test_path out "
            f"to have the rows split by {options.split_by}."
        )
    split_config = SplitConfig(
        0.05 if options.test_size is None else options.test_size,
        options.split_by,
        options.max_samples,
        options.seed,
        test_only,
        options.keep_duplicates or test_only,
        options.near_duplicates,
        shares_of(options.share),
        Augmentation(options.irrelevance, options.mask_names, options.shuffle_tools, options.seed),
    )
    if options.local_dataset_path is not None:
        rows = options.source.rows(options.local_dataset_path)
    else:
        rows = HubRows(Path(options.hub_dataset), options.hub_config)
    test_rows = options.local_test_path and options.source.rows(options.local_test_path)
    with progress(f"Reading {rows.path.name}", 1.0) as done:
        report = convert_file(
            options.source,
            rows,
            _output(options),
            row_config,
            split_config,
            options.num_proc,
            done,
            test_rows,
        )
    for warning in (*(test_rows.warnings if test_rows else ()), *rows.warnings):
        tell(warning)
    _tell(report, options.local_save_dir)


def _run_toolworld(options: argparse.Namespace) -> None:
    sizes = {"train": options.num_train, "test": options.num_test, "test_hard": options.num_test}
    splits = {
        name: generate(size, options.seed, name, tuple(options.levels))
        for name, size in sizes.items()
    }
    with progress("Making toolworld", 1.0) as done:
        report = write_samples(
            f"toolworld, seed {options.seed}",
            splits,
            _output(options),
            _row_config(options),
            done,
        )
    _tell(report, options.local_save_dir)


def _row_config(options: argparse.Namespace) -> RowConfig:
    if options.tokenizer is None:
        if options.max_prompt_length is not None:
            raise UserError("--max_prompt_length counts tokens; name a --tokenizer to count with.")
        return RowConfig(options.call_form, options.think_in_prompt)
    limit = LengthLimit(options.tokenizer, options.max_prompt_length)
    limit.check()
    return RowConfig(options.call_form, options.think_in_prompt, limit)


def _output(options: argparse.Namespace) -> Output:
    return replace(output_of(options), sft_seed=options.seed if options.sft else None)


def _tell(report: list[Section], folder: Path) -> None:
    show(report, out())
    say(f"The same tables are in {folder / REPORT}.")
    for name, lines in (
        (DROPPED, "Every dropped row is named in {}."),
        (REPAIRED, "Every repaired argument is in {}."),
        (CONTAMINATED, "Rows that a benchmark has too are named in {}."),
    ):
        if (folder / name).exists():
            say(lines.format(folder / name))
