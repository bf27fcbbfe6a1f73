"""The command line of the BFCL evaluation."""

from __future__ import annotations

import argparse
import time

from egpo_verl.calls import FORMS
from egpo_verl.cli import out
from egpo_verl.evaluate import backends, scorer_env
from egpo_verl.evaluate.bfcl.categories import GROUPS, chosen
from egpo_verl.evaluate.bfcl.evaluation import Evaluation
from egpo_verl.evaluate.bfcl.official import VERSION, Official
from egpo_verl.evaluate.bfcl.prompts import of_each, read_entries
from egpo_verl.evaluate.bfcl.report import tables
from egpo_verl.evaluate.response_store import ResponseStore
from egpo_verl.evaluate.subset import Subset
from egpo_verl.evaluate.table import publish

EPILOG = f"""
groups of categories: {", ".join(GROUPS)}

examples:
  python -m egpo_verl.evaluate bfcl --model checkpoints/run/global_step_40 --output_dir out
  python -m egpo_verl.evaluate bfcl --model Qwen/Qwen3-4B-Instruct-2507 \\
      --base_url http://localhost:8000/v1 --categories all --output_dir out

Killed and started again, it generates only what is missing. bfcl/ in the output folder has the
tables (bfcl.json, bfcl.md), the answers, and in scorer/ BFCL's own result and score files.
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
    scorer_env.add_arguments(parser, 1800, "one run of BFCL's evaluation")


def run(args: argparse.Namespace) -> int:
    """Generate what is missing and score; 0 when every answer is there, else 1."""
    console = out()
    began = time.monotonic()
    categories = chosen(args.categories)
    backends.check(args)
    folder = args.output_dir / "bfcl"
    official = Official(
        (folder / "scorer").absolute(), args.scorer_env, args.scorer_timeout, console
    )
    subset = Subset.from_options(args)
    entries = of_each(read_entries(official.entries(categories)), subset)
    backend = backends.open_backend(args)
    settings = {"benchmark": f"bfcl-eval {VERSION}", "call_form": args.call_form}
    settings |= backend.settings()
    extent = {"samples": args.samples, "limit": args.limit, "draw": args.draw}
    for name, value in (settings | extent).items():
        console.print(f"{name}: {value}", highlight=False, markup=False)
    store = ResponseStore(folder / "answers", settings)
    try:
        evaluation = Evaluation(
            official, backend, store, args.call_form, args.samples, subset, console
        )
        outcome = evaluation.run(entries)
    finally:
        store.close()
    details = {
        "settings": settings,
        **extent,
        "scorer_without_network_by": official.networkless,
        "seconds": round(time.monotonic() - began, 1),
        "categories": {name: m.data() for name, m in outcome.measured.items()},
    }
    return publish(folder, "bfcl", tables(outcome), details, outcome.missing, console)
