"""BFCL's single-turn Python entries and its official verdict, without its 150 dependencies.

Needs an environment of its own, beside none of ours, since it pins old versions:

    pip install --no-deps bfcl-eval==2026.3.23
    pip install filelock tenacity tqdm python-dotenv overrides numpy pandas mpmath rich pyarrow \\
        jsonschema-rs==0.60.3 tree_sitter==0.21.3 tree-sitter-java==0.21.0 \\
        tree-sitter-javascript==0.21.4

and this repository on PYTHONPATH. The checker's model table, which imports every vendor's client,
is replaced by one entry; the checker reads one field of it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import types
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module, resources
from typing import Any

from egpo_verl.calls import Call
from egpo_verl.datasets.adapters.bfcl import convert

CATEGORIES = (
    "simple_python",
    "multiple",
    "parallel",
    "parallel_multiple",
    "live_simple",
    "live_multiple",
    "live_parallel",
    "live_parallel_multiple",
)
MODEL = "oracle"


@dataclass(frozen=True)
class Entry:
    """One question of the benchmark, in its own words and in ours.

    Attributes:
        category: one of `CATEGORIES`.
        functions: BFCL's descriptions of the functions.
        truth: BFCL's possible answers.
        tools: `functions` as JSON text.
        reference: `truth` as the JSON text that our reward takes, judged by our rules.
        measured: the same, judged by BFCL's rules, as `egpo_verl.preprocess bfcl` writes it.
        calls: one right answer.
    """

    identity: str
    category: str
    functions: list[dict[str, Any]]
    truth: list[dict[str, Any]]
    tools: str
    reference: str
    measured: str
    calls: tuple[Call, ...]


def entries() -> Iterator[Entry]:
    """Every entry of every category, from the installed wheel."""
    data = resources.files("bfcl_eval") / "data"
    for category in CATEGORIES:
        name = f"BFCL_v4_{category}.json"
        truths = {
            row["id"]: row["ground_truth"] for row in read_rows(data / "possible_answer" / name)
        }
        for row in read_rows(data / name):
            truth = truths[row["id"]]
            (sample,) = convert({**row, "ground_truth": truth})
            reference = dict(sample.reference or {})
            measured = json.dumps(reference, ensure_ascii=False)
            del reference["rules"]
            yield Entry(
                row["id"],
                category,
                row["function"],
                truth,
                json.dumps(row["function"], ensure_ascii=False),
                json.dumps(reference, ensure_ascii=False),
                measured,
                sample.calls,
            )


class Official:
    """BFCL's own decoder and checker."""

    def __init__(self) -> None:
        # Its import makes folders for results; keep them out of the working tree.
        os.environ.setdefault("BFCL_PROJECT_ROOT", tempfile.mkdtemp(prefix="bfcl-"))
        table = types.ModuleType("bfcl_eval.constants.model_config")
        mapping = {MODEL: types.SimpleNamespace(underscore_to_dot=False)}
        table.__dict__["MODEL_CONFIG_MAPPING"] = mapping
        sys.modules.setdefault(table.__name__, table)
        utils = import_module("bfcl_eval.model_handler.utils")
        enums = import_module("bfcl_eval.constants.enums")
        checker = import_module("bfcl_eval.eval_checker.ast_eval.ast_checker")
        self._is_empty = import_module("bfcl_eval.utils").is_empty_output
        self._decode, self._form = utils.default_decode_ast_prompting, enums.ReturnFormat.PYTHON
        self._check, self._language = checker.ast_checker, enums.Language.PYTHON

    def finds_a_call(self, answer: str) -> bool:
        """What (ir)relevance asks: whether `answer` decodes, and to more than nothing."""
        try:
            return not self._is_empty(self._decode(answer, self._form, False))
        except Exception:  # as the benchmark does
            return False

    def error(self, entry: Entry, answer: str) -> str | None:
        """The kind of error that the benchmark finds in `answer`, None where it finds none."""
        try:
            decoded = self._decode(answer, self._form, False)
        except Exception:  # its decoder raises whatever ast and its own asserts raise
            return "decode"
        try:
            verdict = self._check(
                entry.functions, decoded, entry.truth, self._language, entry.category, MODEL
            )
        except Exception as error:
            return f"raises {type(error).__name__}"
        return None if verdict["valid"] else str(verdict["error_type"])


def read_rows(path: Any) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
