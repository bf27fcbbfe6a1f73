"""`python -m egpo_verl.clean`: a language model judges training rows and corrects wrong ones."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from egpo_verl.cli import Parser, amount, count, tell
from egpo_verl.datasets.jobs.report import show
from egpo_verl.errors import UserError
from egpo_verl.judge.prompts import load_prompts

if TYPE_CHECKING:
    from egpo_verl.judge.endpoint import Settings
    from egpo_verl.judge.job import Estimate

PROGRAM = "python -m egpo_verl.clean"
EXAMPLES = f"""
examples:
  {PROGRAM} train.parquet test.parquet --local_save_dir cleaned \\
      --model gpt-4o --price_in 2.5 --price_out 10 --dry_run
  {PROGRAM} train.parquet --local_save_dir cleaned \\
      --model gpt-4o --price_in 2.5 --price_out 10 --budget 50
  {PROGRAM} train.parquet --local_save_dir cleaned --model Qwen/Qwen3-32B \\
      --base_url http://localhost:8000/v1

Every answer is kept in a store before it is used. Whatever stops the job, the same command goes
on where it stopped and pays for nothing twice; another model, prompt or row is asked anew.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0 when all is done, 1 when the job stopped and can go on, 2 for input that a user can mend.
    """
    options = parser().parse_args(argv)
    try:
        return _run(options)
    except UserError as error:
        tell(error)
        return 2


def parser() -> Parser:
    """The command line."""
    command = Parser(
        prog=PROGRAM,
        description="Judge the rows of preprocessed files, correct wrong ones, drop the rest.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = command.add_argument
    add("files", type=Path, nargs="+", metavar="FILE", help="written by egpo_verl.preprocess")
    add("--local_save_dir", type=Path, required=True, metavar="DIR")
    add("--model", required=True, help="its name at the endpoint")
    add("--base_url", metavar="URL", help="of any OpenAI-compatible endpoint (OpenAI's own)")
    add(
        "--api_key_env",
        default="OPENAI_API_KEY",
        metavar="NAME",
        help="environment variable with the key (OPENAI_API_KEY); vllm serve needs none",
    )
    add("--store", type=Path, metavar="FILE", help="of the answers (DIR/../judge.sqlite)")
    add("--prompts", type=Path, metavar="DIR", help="your own judge.md, correct.md, evaluate.md")
    add("--in_flight", type=count, default=64, help="questions at a time (64)")
    add("--requests_per_minute", type=amount, help="no more than so many questions a minute")
    add("--timeout", type=amount, default=120.0, help="seconds until a question is repeated (120)")
    add("--tries", type=count, default=8, help="of a question before the job stops (8)")
    add("--backoff", type=amount, default=1.0, help="seconds before the second try (1)")
    add("--temperature", type=float, help="of sampling (the endpoint's own)")
    add("--max_tokens", type=count, default=2048, help="longest answer (2048)")
    add("--price_in", type=amount, default=0.0, help="dollars per million tokens of questions")
    add("--price_out", type=amount, default=0.0, help="dollars per million tokens of answers")
    add("--budget", type=amount, help="dollars, over all runs, from which on nothing is asked")
    add("--dry_run", action="store_true", help="ask nothing, estimate tokens and cost")
    return command


def _run(options: argparse.Namespace) -> int:
    try:
        from egpo_verl.judge.endpoint import Settings, Stopped
        from egpo_verl.judge.job import clean_files, count_rows, estimate
        from egpo_verl.judge.store import Store
    except ImportError as error:
        raise UserError(
            f"the judge needs {error.name}; install it with `pip install 'egpo-verl[data]'`."
        ) from error
    settings = Settings(
        model=options.model,
        base_url=options.base_url,
        api_key=os.environ.get(options.api_key_env) or "none",
        temperature=options.temperature,
        max_tokens=options.max_tokens,
        timeout=options.timeout,
        tries=options.tries,
        backoff=options.backoff,
        prices=(options.price_in, options.price_out),
        budget=options.budget,
        pace=options.requests_per_minute,
    )
    prompts = load_prompts(options.prompts)
    _check(options)
    rows = count_rows(options.files)
    path = options.store or options.local_save_dir.absolute().parent / "judge.sqlite"
    console = Console()
    with closing(Store(path)) as store:
        if options.dry_run:
            console.print(_estimated(estimate(options.files, store, prompts, settings), settings))
            return 0
        with _bar() as bar:
            task = bar.add_task("Judging", total=rows, cost=0.0)
            try:
                report = clean_files(
                    options.files,
                    options.local_save_dir,
                    store,
                    prompts,
                    settings,
                    options.in_flight,
                    lambda done, cost: bar.update(task, completed=done, cost=cost),
                )
            except Stopped as why:
                bar.stop()
                answers = store.bill()[0]
                tell(f"stopped: {why}; {answers:,} answers are in {path}, run the command again.")
                return 1
    show(report, console)
    console.print(f"What was judged, changed and why: {options.local_save_dir / 'judged.jsonl'}")
    return 0


def _check(options: argparse.Namespace) -> None:
    names = [path.name for path in options.files]
    if len(set(names)) < len(names):
        raise UserError("two of the files have one name, and so would their cleaned versions.")
    folder = options.local_save_dir.absolute()
    if any(path.absolute().parent == folder for path in options.files):
        raise UserError("--local_save_dir is where the files are; they would be overwritten.")
    if options.budget is not None and not (options.price_in or options.price_out):
        raise UserError("--budget is in dollars; give --price_in and --price_out to count them.")


def _estimated(found: Estimate, settings: Settings) -> Table:
    table = Table(title=f"Estimate for {settings.model}", title_justify="left")
    for column in ("", "questions", "tokens in", "tokens out", "dollars"):
        table.add_column(column, justify="right" if column else "left")
    asked = found.rows - found.known
    for label, wrong in (("all rows right", 0.0), ("one in ten wrong", 0.1), ("all wrong", 1.0)):
        tokens_in = round(found.tokens_in + wrong * found.wrong_in)
        tokens_out = round(found.tokens_out + wrong * found.wrong_out)
        cost = settings.cost(tokens_in, tokens_out)
        questions = round(asked * (1 + 3 * wrong))
        table.add_row(label, f"{questions:,}", f"{tokens_in:,}", f"{tokens_out:,}", f"{cost:,.2f}")
    table.caption = f"{found.known:,} of {found.rows:,} rows have their first answer already"
    return table


def _bar() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("${task.fields[cost]:.2f}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


if __name__ == "__main__":
    sys.exit(main())
