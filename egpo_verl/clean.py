"""`python -m egpo_verl.clean`: a language model judges training rows and corrects wrong ones."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext
from pathlib import Path

from egpo_verl.cli import Parser, amount, count, out, progress, run, say, share_or_all, tell
from egpo_verl.client.endpoint import Endpoint, Stopped
from egpo_verl.client.store import Store
from egpo_verl.datasets.jobs.report import show
from egpo_verl.errors import STOPPED, UserError
from egpo_verl.judge.estimate import estimate, estimated
from egpo_verl.judge.job import clean_files, count_rows
from egpo_verl.judge.judge import Judge
from egpo_verl.judge.prompts import Prompts, load_prompts
from egpo_verl.judge.results import JUDGED
from egpo_verl.judge.thinking import THOUGHTS, think_files
from egpo_verl.judge.usage import Settings

PROGRAM = "python -m egpo_verl.clean"
EXAMPLES = f"""
examples:
  {PROGRAM} train.parquet test.parquet --local_save_dir cleaned \\
      --model gpt-4o --price_in 2.5 --price_out 10 --dry_run
  {PROGRAM} train.parquet --local_save_dir cleaned \\
      --model gpt-4o --price_in 2.5 --price_out 10 --budget 50
  {PROGRAM} train.parquet --local_save_dir cleaned --model Qwen/Qwen3-32B \\
      --base_url http://localhost:8000/v1
  {PROGRAM} train.parquet --local_save_dir thoughts --model gpt-4o --thoughts

Every answer is on disk before it is used and before its place asks the next question. Whatever
stops the job, the same command goes on where it stopped; another model, prompt or row is asked
anew. A kill costs the requests on their way, --in_flight at most: they may be billed twice.
"""
STORE = "judge.sqlite"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0 when all is done, otherwise one of `egpo_verl.errors`.
    """
    options = parser().parse_args(argv)
    return run(lambda: _run(options), interrupted="interrupted; run the command again to go on.")


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
    add("--store", type=Path, metavar="FILE", help="of the answers (DIR/judge.sqlite)")
    add("--prompts", type=Path, metavar="DIR", help="your own judge.md, think.md, ...")
    add(
        "--thoughts",
        action="store_true",
        help="write sft_NAME, the rows as demonstrations with a thought of the model where the "
        "reference follows from it, else one by rules; nothing is judged",
    )
    add("--in_flight", type=count, default=64, help="questions at a time (64)")
    add("--requests_per_minute", type=amount, help="no more than so many questions a minute")
    add("--timeout", type=amount, default=120.0, help="seconds until a question is repeated (120)")
    add("--tries", type=count, default=8, help="of a question before its row is set aside (8)")
    add("--backoff", type=amount, default=1.0, help="seconds before the second try (1)")
    add("--temperature", type=float, help="of sampling (the endpoint's own)")
    add("--max_tokens", type=count, default=2048, help="longest answer (2048)")
    add(
        "--max_unreadable",
        type=share_or_all,
        default=0.25,
        metavar="SHARE",
        help="of a run's answers that cannot be read, above which nothing more is asked; 1: never "
        "(0.25)",
    )
    add("--price_in", type=amount, default=0.0, help="dollars per million tokens of questions")
    add("--price_out", type=amount, default=0.0, help="dollars per million tokens of answers")
    add("--budget", type=amount, help="dollars, over all runs, from which on nothing is asked")
    add("--overwrite", action="store_true", help="replace files that no earlier run wrote")
    add("--dry_run", action="store_true", help="ask nothing, estimate tokens and cost")
    return command


def _run(options: argparse.Namespace) -> int:
    prompts, settings = load_prompts(options.prompts), _settings(options)
    _check(options)
    rows, path = count_rows(options.files), _store_path(options)
    if options.dry_run:
        # A dry run leaves nothing behind, so it makes no store.
        with closing(Store(path)) if path.exists() else nullcontext() as known:
            job = estimate(options.files, known, prompts, settings, options.thoughts)
        out().print(estimated(job, settings, options.thoughts))
        return 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path.parent} cannot be written ({error.strerror}).") from error
    with closing(Store(path)) as store:
        return _clean(options, rows, store, prompts, settings)


def _settings(options: argparse.Namespace) -> Settings:
    endpoint = Endpoint(
        model=options.model,
        base_url=options.base_url,
        api_key=os.environ.get(options.api_key_env) or "none",
        timeout=options.timeout,
        tries=options.tries,
        backoff=options.backoff,
        pace=options.requests_per_minute,
    )
    prices = (options.price_in, options.price_out)
    return Settings(
        endpoint=endpoint,
        temperature=options.temperature,
        max_tokens=options.max_tokens,
        prices=prices if any(prices) else None,
        budget=options.budget,
        max_unreadable=options.max_unreadable,
    )


def _clean(
    options: argparse.Namespace, rows: int, store: Store, prompts: Prompts, settings: Settings
) -> int:
    folder, stopped = options.local_save_dir, None
    work, title = (think_files, "Thinking") if options.thoughts else (clean_files, "Judging")
    with closing(Judge(settings, store)) as judge, progress(title, rows) as report:
        try:
            sections = work(
                *(options.files, folder, judge, prompts, options.in_flight, report),
                overwrite=options.overwrite,
            )
        except Stopped as why:
            stopped = why
    if stopped is not None:
        answers = store.bill()[0]
        tell(f"stopped: {stopped}; {answers:,} answers are in {store.path}, run the command again.")
        return STOPPED
    show(sections, out())
    lines = THOUGHTS if options.thoughts else JUDGED
    say(f"What became of each row and why: {folder / lines}")
    return 0


def _store_path(options: argparse.Namespace) -> Path:
    """Where the answers are; UserError where those of version 0.1.0 would be paid for again."""
    folder = options.local_save_dir.absolute()
    path: Path = options.store or folder / STORE
    old = folder.parent / STORE
    if options.store is None and not path.exists() and old.is_file():
        raise UserError(
            f"{old} has answers of an earlier job: add --store {old} to use them, or --store "
            f"{path} to ask anew."
        )
    return path


def _check(options: argparse.Namespace) -> None:
    names = [path.name for path in options.files]
    if len(set(names)) < len(names):
        raise UserError("two of the files have one name, and so would their cleaned versions.")
    folder = options.local_save_dir.absolute()
    if any(path.absolute().parent == folder for path in options.files):
        raise UserError("--local_save_dir is where the files are; they would be overwritten.")
    if options.budget is not None and not (options.price_in or options.price_out):
        raise UserError("--budget is in dollars; give --price_in and --price_out to count them.")


if __name__ == "__main__":
    sys.exit(main())
