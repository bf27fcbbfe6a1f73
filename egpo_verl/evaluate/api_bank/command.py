"""`python -m egpo_verl.evaluate api_bank`: the static test, or the official executor."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from rich.console import Console

from egpo_verl.calls import FORMS
from egpo_verl.cli import out
from egpo_verl.errors import UserError
from egpo_verl.evaluate import backends, scorer_env
from egpo_verl.evaluate.api_bank import official, static
from egpo_verl.evaluate.options import add_benchmark_options
from egpo_verl.evaluate.session import hold
from egpo_verl.evaluate.subset import Subset
from egpo_verl.evaluate.table import PAPER, Row, Table

QUOTED = "EGPO, Qwen3-4B-Instruct-2507"
QUOTED_LEVELS = {1: 73.18, 2: 49.63}

Judged = Sequence[tuple[int, bool]]
"""The level of each question, and whether its answer is right."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    folder = (
        f"folder with level-N-api_processed.json, from {static.HOME}; with --executor your clone "
        f"of {official.HOME}; it is only read"
    )
    add = add_benchmark_options(parser, "API-Bank", folder)
    add(
        "--executor",
        action="store_true",
        help="execute the calls by API-Bank's own code, in a process without network or secrets",
    )
    add("--levels", type=int, nargs="+", choices=static.LEVELS, help="(all that there are)")
    add("--call_form", choices=FORMS, default="python", help="of the training template (python)")
    scorer_env.add_arguments(parser, 1800, "executing all answers")


def run(args: argparse.Namespace) -> int:
    """Generate what is missing and score; 0 when every answer is there, else 1."""
    backends.check(args)
    return _execute(args, out()) if args.executor else _compare(args, out())


def _compare(args: argparse.Namespace, console: Console) -> int:
    """The static test."""
    levels = args.levels or static.LEVELS
    subset = Subset.from_options(args)
    questions = static.questions(args.benchmark_dir, levels, subset)
    conditions = {"benchmark": "API-Bank, static", "call_form": args.call_form}
    folder = args.output_dir / "api_bank"
    chats = [question.chat(args.call_form) for question in questions]
    session = hold(args, conditions, chats, folder / "answers", console)
    verdicts = [
        (question.level, static.judge(question, answer))
        for sample in range(args.samples)
        for question, answer in zip(questions, session.scored_texts(sample), strict=True)
    ]
    judged: dict[str, Judged] = {
        f"{session.label}, one call, exact": [(n, verdict.exact) for n, verdict in verdicts],
        "the same, or in its declared type": [(n, verdict.typed) for n, verdict in verdicts],
        "any of its calls, exact": [(n, verdict.among) for n, verdict in verdicts],
    }
    contradicting = sum(map(static.contradicts, questions))
    notes = [
        f"{contradicting:,} of {len(questions):,} expected calls contradict the function that they "
        "call: a value has another type, a required argument is left out, or it is not offered.",
        "overall is the share of all questions.",
        "The paper's L1 and L2 fit 399 and 135 questions, those of --executor; here L2 has 67.",
        *session.notes(),
    ]
    tables = _tables(session.title("API-Bank, static test", subset, "level"), judged, levels, notes)
    return session.publish(folder, "api_bank", tables, console)


def _execute(args: argparse.Namespace, console: Console) -> int:
    """The official executor, with its ceiling: what its ground truth earns."""
    levels = args.levels or tuple(official.DIALOGUES)
    if not set(levels) <= official.DIALOGUES.keys():
        raise UserError("--executor knows --levels 1 2: nothing of level 3 can be executed.")
    official.check_folder(args.benchmark_dir)
    subset = Subset.from_options(args)
    questions = official.questions(args.benchmark_dir, levels, args.call_form, subset)
    folder = args.output_dir / "api_bank"
    python = scorer_env.ensure(official.ENVIRONMENT, args.scorer_env, console)
    scratch = (folder / "scoring").absolute()
    executor = official.Executor(args.benchmark_dir, scratch, python, args.scorer_timeout)
    ceiling = executor.right(questions, [question.truth for question in questions])
    conditions = {"benchmark": "API-Bank, executor", "call_form": args.call_form}
    chats = [question.chat for question in questions]
    session = hold(args, conditions, chats, folder / "answers", console)
    rights = [
        executor.right(questions, session.scored_texts(sample)) for sample in range(args.samples)
    ]
    judged: dict[str, Judged] = {
        session.label: [
            (question.level, right)
            for sample in rights
            for question, right in zip(questions, sample, strict=True)
        ],
        "ceiling: its own ground truth": [
            (question.level, right) for question, right in zip(questions, ceiling, strict=True)
        ],
    }
    known = ", ".join("L{}: {} of {}".format(n, *official.KNOWN_CEILING[n]) for n in levels)
    notes = [
        f"The ceiling is measured here; over all questions it is known to be {known}, since some "
        "tools need a network, another model or today's date, and some values escape its parser.",
        *session.notes(),
    ]
    tables = _tables(
        session.title("API-Bank by its own executor", subset, "level"), judged, levels, notes
    )
    return session.publish(folder, "api_bank_executor", tables, console)


def _tables(
    title: str, judged: Mapping[str, Judged], levels: Sequence[int], notes: Sequence[str]
) -> list[Table]:
    """Percent beside the paper's, and counts."""
    columns = (*(f"L{level}" for level in levels), "overall")
    parts = {label: _parts(rows, levels) for label, rows in judged.items()}
    percent = [
        Row(label, tuple(100 * sum(part) / len(part) if part else None for part in shares))
        for label, shares in parts.items()
    ]
    quoted = Row(QUOTED, (*(QUOTED_LEVELS.get(level) for level in levels), None), PAPER)
    counts = [
        Row(label, tuple(f"{sum(part):,} of {len(part):,}" for part in shares))
        for label, shares in parts.items()
    ]
    return [
        Table(title, columns, (*percent, quoted), tuple(notes)),
        Table("API-Bank, counts", columns, tuple(counts)),
    ]


def _parts(judged: Judged, levels: Sequence[int]) -> list[list[bool]]:
    """What is right at each level, and of all."""
    by_level = [[right for of, right in judged if of == level] for level in levels]
    return [*by_level, [right for _, right in judged]]
