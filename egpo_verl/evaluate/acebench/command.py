"""`python -m egpo_verl.evaluate acebench`: ACEBench by its eval_main.py."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from statistics import fmean

from egpo_verl.calls import FORMS
from egpo_verl.cli import out
from egpo_verl.evaluate import backends, scorer_env
from egpo_verl.evaluate.acebench.official import ENVIRONMENT, Score, Scorer, Scores
from egpo_verl.evaluate.acebench.questions import (
    AGENT,
    ATOM,
    GROUPS,
    HOME,
    LANGUAGES,
    MULTI,
    NORMAL,
    PREFERENCE,
    PROMPTS,
    SIMILAR,
    SINGLE,
    SPECIAL,
    Question,
    benchmark_templates,
    check_folder,
    in_benchmark_prompt,
    in_training_template,
    questions,
)
from egpo_verl.evaluate.chat import Chat
from egpo_verl.evaluate.options import add_benchmark_options
from egpo_verl.evaluate.session import Session, hold
from egpo_verl.evaluate.subset import Subset
from egpo_verl.evaluate.table import PAPER, Row, Table

COLUMNS: dict[str, tuple[str, ...]] = {
    "atom": ATOM,
    "single": SINGLE,
    "multi": MULTI,
    "similar": SIMILAR,
    "preference": PREFERENCE,
    "normal": NORMAL,
    "special": SPECIAL,
}
"""ACEBench's groups; a column is the plain mean of its categories, as in its result.xlsx."""
QUOTED = "EGPO, Qwen3-4B-Instruct-2507"
QUOTED_COLUMNS = {"atom": 83.0, "single": 80.0, "multi": 74.0, "similar": 80.0, "preference": 50.0}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    add = add_benchmark_options(parser, "ACEBench", f"your clone of {HOME}; it is only read")
    add("--language", nargs="+", choices=LANGUAGES, default=LANGUAGES, help="(en zh)")
    add(
        "--categories",
        nargs="+",
        choices=(*GROUPS, *NORMAL, *SPECIAL),
        default=["normal"],
        metavar="NAME",
        help=f"categories or groups of them: {', '.join(GROUPS)} (normal)",
    )
    add(
        "--prompt",
        choices=PROMPTS,
        default=PROMPTS[0],
        help="the template of our training, or ACEBench's own (training)",
    )
    add("--call_form", choices=FORMS, default="python", help="of the training template (python)")
    scorer_env.add_arguments(parser, 600, "one run of eval_main.py")


def run(args: argparse.Namespace) -> int:
    """Generate what is missing and score; 0 when every answer is there, else 1."""
    console = out()
    backends.check(args)
    check_folder(args.benchmark_dir)
    names = dict.fromkeys(name for word in args.categories for name in GROUPS.get(word, (word,)))
    benchmark_questions = questions(
        args.benchmark_dir, args.language, list(names), Subset.from_options(args)
    )
    chats = _chats(args, benchmark_questions)
    folder = args.output_dir / "acebench"
    python = scorer_env.ensure(ENVIRONMENT, args.scorer_env, console)
    scorer = Scorer(
        args.benchmark_dir, (folder / "scoring").absolute(), python, args.scorer_timeout
    )
    benchmark_prompt = args.prompt == "benchmark"
    conditions = {
        "benchmark": "ACEBench",
        "prompt": args.prompt,
        "call_form": "python" if benchmark_prompt else args.call_form,
    }
    session = hold(args, conditions, chats, folder / "answers", console)
    scored = [
        scorer.scores(zip(benchmark_questions, session.scored_texts(sample), strict=True))
        for sample in range(args.samples)
    ]
    notes = [*_notes(args), *session.notes(templated=not benchmark_prompt)]
    tables = [_columns(scored, args, session, notes), _categories(scored)]
    return session.publish(folder, "acebench", tables, console)


def _chats(args: argparse.Namespace, benchmark_questions: Sequence[Question]) -> list[Chat]:
    if args.prompt == "training":
        return [in_training_template(question, args.call_form) for question in benchmark_questions]
    templates = benchmark_templates(args.benchmark_dir, args.language)
    return [in_benchmark_prompt(question, templates) for question in benchmark_questions]


def _columns(
    scored: Sequence[Scores], args: argparse.Namespace, session: Session, notes: Sequence[str]
) -> Table:
    """The paper's columns and what else was measured, a line for each language, in percent."""
    means_of = {
        language: {name: _mean(scored, language, of) for name, of in COLUMNS.items()}
        for language in args.language
    }
    shown = [
        name
        for name in COLUMNS
        if name in QUOTED_COLUMNS or any(means[name] is not None for means in means_of.values())
    ]
    rows = [
        Row(f"{session.label} ({language})", tuple(means[name] for name in shown))
        for language, means in means_of.items()
    ]
    quoted = Row(QUOTED, tuple(QUOTED_COLUMNS.get(name) for name in shown), PAPER)
    title = session.title("ACEBench by its own eval_main.py", Subset.from_options(args), "category")
    return Table(title, tuple(shown), (*rows, quoted), tuple(notes))


def _mean(scored: Sequence[Scores], language: str, names: Sequence[str]) -> float | None:
    """Of the categories, all of which must have been scored, over all samples."""
    known = [scores.get((language, name)) for scores in scored for name in names]
    accuracies = [score.accuracy for score in known if score is not None]
    return 100 * fmean(accuracies) if known and len(accuracies) == len(known) else None


def _categories(scored: Sequence[Scores]) -> Table:
    rows = [
        Row(f"{category} ({language})", _line([scores[language, category] for scores in scored]))
        for language, category in scored[0]
    ]
    return Table("ACEBench, counts", ("correct", "questions", "accuracy"), tuple(rows))


def _line(scores: Sequence[Score]) -> tuple[int, int, float]:
    correct, total = sum(score.correct for score in scores), sum(score.total for score in scores)
    return correct, total, 100 * fmean(score.accuracy for score in scores)


def _notes(args: argparse.Namespace) -> list[str]:
    notes = [
        "A column is the mean of its categories, as in ACEBench's result.xlsx; a multi-turn "
        "dialogue counts as right where each of its turns is.",
        f"Not run: {' and '.join(AGENT)}; they need a second model that plays the user.",
        "The paper does not say in which language its figures are.",
    ]
    special = any(name in SPECIAL or name == "special" for name in args.categories)
    if special and args.prompt == "training":
        notes.append(
            "special looks for sentences that only ACEBench's own prompt asks for: "
            "use --prompt benchmark."
        )
    return notes
