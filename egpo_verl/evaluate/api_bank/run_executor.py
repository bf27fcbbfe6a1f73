"""Executes answers by API-Bank's code: `run_executor.py FOLDER`, in the sandbox.

Reads `items.json` beside FOLDER and writes `verdicts.json` there. Packages of API-Bank's tools that
need a network or a model are replaced by empty ones: such a tool then fails, and with it its calls.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

ABSENT = (
    "bs4",
    "googletrans",
    "nltk",
    "numpy",
    "openai",
    "rank_bm25",
    "requests",
    "rouge",
    "selenium",
    "sentence_transformers",
    "tenacity",
    "tqdm",
)
"""Packages that API-Bank's modules import; those that are installed are used."""
SECONDS = 20
"""For one call."""


class Absent(ModuleType):
    """A package that is not there: whatever is taken from it fails when it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        package = self.__name__

        def fail(*_: Any, **__: Any) -> Any:
            raise RuntimeError(f"{package} is not installed where answers are scored")

        return fail


class Finder(MetaPathFinder, Loader):
    """Finds `ABSENT` after all other finders, and what lies in them."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The import system's question; None for a package that we do not know."""
        return ModuleSpec(name, self, is_package=True) if name.split(".")[0] in ABSENT else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """An empty module."""
        return Absent(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is run."""


def verdict(evaluation: Any, item: Mapping[str, Any]) -> dict[str, Any]:
    """Whether API-Bank holds one answer to be right, and why not where it says."""
    path = Path("lv1-lv2-samples", item["folder"], item["file"])
    with path.open(encoding="utf-8") as lines:
        history = [json.loads(line) for line in lines]
    samples = evaluation.Sample.from_chat_history(history)
    call = evaluation.get_api_call(item["answer"])
    if not call:
        return {"right": False, "why": "no call"}
    signal.alarm(SECONDS)
    try:
        right, result = evaluation.Evaluator(samples).evaluate(item["number"], call)
    except Exception as error:  # its tools raise whatever they like on a wrong call
        return {"right": False, "why": f"{type(error).__name__}: {error}"[:300]}
    finally:
        signal.alarm(0)
    return {"right": bool(right), "why": "" if right else str(result)[:300]}


def stop(*_: Any) -> None:
    """Ends a call that takes too long."""
    raise TimeoutError(f"more than {SECONDS} seconds")


def main() -> None:
    """Judge every item."""
    home = Path.cwd()
    items = json.loads((home / "items.json").read_text(encoding="utf-8"))
    os.chdir(sys.argv[1])
    sys.path.insert(0, os.getcwd())
    sys.meta_path.append(Finder())
    # Its `utils` is clients of vendors' models, of which nothing is needed here.
    sys.modules["utils"] = Absent("utils")
    evaluation = importlib.import_module("evaluator_by_json")
    signal.signal(signal.SIGALRM, stop)
    verdicts = [verdict(evaluation, item) for item in items]
    (home / "verdicts.json").write_text(json.dumps(verdicts), encoding="utf-8")


if __name__ == "__main__":
    main()
