"""The three commands."""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

from .handler import register


def entries(categories: list[str], out: Path) -> None:
    """Write the entries as BFCL gives them to models: `{"id", "category", "question", ...}`."""
    register([])
    load = import_module("bfcl_eval.utils").load_dataset_entry
    with out.open("w", encoding="utf-8") as file:
        for category in categories:
            for entry in load(category):
                fields = {key: entry[key] for key in ("id", "question", "function")}
                file.write(json.dumps({"category": category, **fields}) + "\n")


def loop(model: str, prompts: Path, path: str, threads: int) -> None:
    """BFCL's multi-turn inference for the entries of `prompts`; results are its files.

    An entry for which the model does not answer gets no result.
    """
    systems = dict(map(json.loads, prompts.read_text(encoding="utf-8").splitlines()))
    register([model], path=path, prompts=systems)
    utils = import_module("bfcl_eval.utils")
    table = sys.modules["bfcl_eval.constants.model_config"].MODEL_CONFIG_MAPPING
    handler = table[model].model_handler(model, 0, model, False)
    categories = sorted({utils.extract_test_category_from_id(identity) for identity in systems})
    rows = [e for c in categories for e in utils.load_dataset_entry(c) if e["id"] in systems]
    unanswered: dict[str, str] = {}

    def run(entry: dict[str, Any]) -> dict[str, Any] | None:
        try:
            result, _ = handler.inference(entry, False, True)
        except OSError as error:
            unanswered[entry["id"]] = str(error)
            return None
        return {"id": entry["id"], "result": result}

    with (
        open(os.devnull, "w") as quiet,
        redirect_stdout(quiet),
        ThreadPoolExecutor(threads) as pool,
    ):
        for row in pool.map(run, rows):
            if row is not None:
                handler.write(row, import_module("bfcl_eval.constants.eval_config").RESULT_PATH)
    for identity, reason in unanswered.items():
        sys.stdout.write(f"no answer to {identity}: {reason}\n")


def score(models: list[str], categories: list[str], partial: bool) -> None:
    """What `bfcl evaluate` calls, for models that its command line would not know."""
    register(models)
    # Its runner takes the folders' names, in which a slash would be an underscore.
    import_module("bfcl_eval.eval_checker.eval_runner").main(
        models, categories, None, None, partial
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["entries", "loop", "score"])
    parser.add_argument("--categories", type=lambda text: text.split(","))
    parser.add_argument("--models", type=lambda text: text.split(","))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--prompts", type=Path)
    parser.add_argument("--socket")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--partial", action="store_true")
    options = parser.parse_args()
    if options.command == "entries":
        entries(options.categories, options.out)
    elif options.command == "loop":
        loop(options.models[0], options.prompts, options.socket, options.threads)
    else:
        score(options.models, options.categories, options.partial)


if __name__ == "__main__":
    main()
