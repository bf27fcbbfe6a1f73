"""`python -m egpo_verl.evaluate bfcl`: the Berkeley Function Calling Leaderboard.

Prompts are the training template's over BFCL's own entries; the thought is stripped; BFCL's own
`evaluate` scores the rest, through a registered handler, in an environment of its own.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from egpo_verl.calls import FORMS
from egpo_verl.datasets.command_line import count
from egpo_verl.datasets.errors import UserError
from egpo_verl.evaluate import backends
from egpo_verl.evaluate.answers import Answers
from egpo_verl.evaluate.backends import Backend
from egpo_verl.evaluate.bfcl.categories import GROUPS, MULTI_TURN, chosen
from egpo_verl.evaluate.bfcl.official import VERSION, Official, socket_folder
from egpo_verl.evaluate.bfcl.prompts import Entry, first_of_each, read_entries
from egpo_verl.evaluate.bfcl.report import Measured, Outcome, tables
from egpo_verl.evaluate.bfcl.serving import Batcher, Server
from egpo_verl.evaluate.generation import fill
from egpo_verl.evaluate.spoken import in_python, spoken
from egpo_verl.evaluate.table import wide_console, write

EPILOG = f"""
groups of categories: {", ".join(GROUPS)}

examples:
  python -m egpo_verl.evaluate bfcl --model checkpoints/run/global_step_40 --output_dir out
  python -m egpo_verl.evaluate bfcl --model Qwen/Qwen3-4B-Instruct-2507 \\
      --base_url http://localhost:8000/v1 --categories all --output_dir out

Killed and started again, it generates only what is missing. bfcl.json and bfcl.md in the output
folder hold the tables, scorer/ there BFCL's own result and score files.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.epilog = EPILOG
    backends.add_arguments(parser)
    add = parser.add_argument_group("BFCL").add_argument
    add(
        "--categories",
        nargs="+",
        default=["single_turn"],
        metavar="NAME",
        help="groups or single categories (single_turn)",
    )
    add("--call_form", choices=FORMS, default="python", help="that the model was trained on")
    add("--scorer_env", type=Path, metavar="DIR", help="BFCL's environment (made in ~/.cache)")
    add(
        "--scorer_timeout",
        type=count,
        default=1800,
        metavar="SECONDS",
        help="for one run of BFCL's evaluation (1800)",
    )


def run(args: argparse.Namespace) -> int:
    """Generate what is missing and score; 0 when every answer is there, else 1."""
    console = wide_console()
    began = time.monotonic()
    categories = chosen(args.categories)
    backends.check(args)
    official = Official(
        (args.output_dir / "scorer").absolute(), args.scorer_env, args.scorer_timeout, console
    )
    entries = first_of_each(read_entries(official.entries(categories)), args.limit)
    backend = backends.open_backend(args)
    settings = {"benchmark": f"bfcl-eval {VERSION}", "call_form": args.call_form}
    settings |= backend.settings()
    answers = Answers(args.output_dir / "answers", settings)
    for name, value in settings.items():
        console.print(f"{name}: {value}", highlight=False, markup=False)
    try:
        outcome = _evaluate(args, official, entries, backend, answers, console)
    finally:
        answers.close()
    found = tables(outcome)
    for table in found:
        table.show(console)
    facts = {
        "settings": settings,
        "samples": args.samples,
        "scorer_without_network_by": official.networkless,
        "seconds": round(time.monotonic() - began, 1),
        "categories": {name: m.data() for name, m in outcome.measured.items()},
    }
    for path in write(args.output_dir, "bfcl", found, facts):
        console.print(f"written: {path}", highlight=False, markup=False, soft_wrap=True)
    if outcome.missing:
        console.print(f"{outcome.missing:,} answers are missing; run the command again.")
    return 1 if outcome.missing else 0


def _evaluate(
    args: argparse.Namespace,
    official: Official,
    entries: Sequence[Entry],
    backend: Backend,
    answers: Answers,
    console: Console,
) -> Outcome:
    single = [entry for entry in entries if entry.category not in MULTI_TURN]
    multi = [entry for entry in entries if entry.category in MULTI_TURN]
    runs = [f"sample-{sample}" for sample in range(args.samples)]
    chats = {entry.identity: entry.chat(args.call_form) for entry in single}
    fill(answers, backend, list(chats.values()), args.samples, console)
    official.begin()
    measured = {
        category: Measured(category, sum(e.category == category for e in entries) * args.samples)
        for category in dict.fromkeys(entry.category for entry in entries)
    }
    for sample, name in enumerate(runs):
        results: dict[str, dict[str, str]] = {}
        for entry in single:
            answer = answers.get(chats[entry.identity], sample)
            if answer is None:
                continue
            said = spoken(answer.text)
            measured[entry.category].count(said.problem is None, answer.note)
            text = in_python(said.answer, args.call_form)
            results.setdefault(entry.category, {})[entry.identity] = text
        for category, rows in results.items():
            official.write(name, category, rows)
        if multi:
            _loop(args, official, multi, backend, answers, name, sample, console)
    partial = args.limit is not None or any(
        official.results(name, category) * args.samples < m.wanted
        for category, m in measured.items()
        for name in runs
    )
    official.evaluate(runs, list(measured), partial)
    for category, m in measured.items():
        for name in runs:
            m.add(official.scored(name, category))
    overall = official.overall()
    facts: dict[str, Any] = {"label": answers.settings["model"], "limit": args.limit}
    v4 = sum(overall.values()) / len(overall) if overall else None
    return Outcome(measured=measured, overall=v4, samples=args.samples, **facts)


def _loop(
    args: argparse.Namespace,
    official: Official,
    entries: Sequence[Entry],
    backend: Backend,
    answers: Answers,
    name: str,
    sample: int,
    console: Console,
) -> None:
    """Let BFCL's multi-turn loop ask the backend, through a socket and the store of answers."""
    console.print(f"BFCL's own loop over {len(entries):,} dialogues", highlight=False)
    prompts = {entry.identity: entry.system(args.call_form) for entry in entries}
    with socket_folder() as folder, Batcher(backend, answers, sample) as batcher:
        path = Path(folder) / "model"
        with Server(path, batcher, args.call_form):
            official.loop(name, prompts, path, backend.batch_size)
    if isinstance(batcher.failure, UserError):
        raise batcher.failure
    if batcher.failure is not None:
        raise RuntimeError("generation failed in the multi-turn loop") from batcher.failure
