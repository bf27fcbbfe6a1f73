"""What runs inside BFCL's own environment: its entries, its multi-turn loop, its evaluation.

    python in_scorer.py entries --categories A,B --out FILE
    python in_scorer.py loop --models NAME --prompts FILE --socket PATH --threads N
    python in_scorer.py score --models A,B --categories A,B [--partial]

The working folder is BFCL's project folder: `result/` and `score/` lie in it. Nothing of
egpo_verl is imported here. BFCL's table of models imports the client of every vendor, 150
packages; it is replaced, before anything reads it, by one that has our model alone.
"""

from __future__ import annotations

import argparse
import ast
import http.client
import json
import os
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

LARGEST_EXPONENT = 1000


class Refused(ValueError):
    """An answer that holds code, or arithmetic without bound."""


def refuse_code(answer: str) -> None:
    """Raise `Refused` for what BFCL's decoder would evaluate and is more than plain arithmetic.

    The decoder calls `eval` on every operation that it finds. Between numbers, strings and lists
    that is the value which the model meant; anything else is an answer that cannot be decoded.
    """
    # What the decoder makes of the text before it parses it, step by step.
    text = answer.strip("`\n ")
    text = text if text.startswith("[") else f"[{text}"
    text = text if text.endswith("]") else f"{text}]"
    try:
        tree = ast.parse(text.strip().strip("'"), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return  # BFCL's own parse fails as well, and says so
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp):
            _must_be_plain(node)


def _must_be_plain(operation: ast.BinOp) -> None:
    plain = (ast.BinOp, ast.UnaryOp, ast.Constant, ast.List, ast.Tuple, ast.Dict)
    for node in ast.walk(operation):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow | ast.LShift):
            power = node.right.value if isinstance(node.right, ast.Constant) else None
            if not isinstance(power, int | float) or abs(power) > LARGEST_EXPONENT:
                raise Refused("a power beyond bounds")
            if not isinstance(node.left, ast.Constant):
                raise Refused("a power of a calculation")
        elif isinstance(node, ast.expr) and not isinstance(node, plain):
            raise Refused(f"{type(node).__name__} inside a calculation")


def register(names: list[str], **handler: Any) -> None:
    """Make BFCL's table of models, with one entry for each of `names`."""
    table = ModuleType("bfcl_eval.constants.model_config")
    mapping: dict[str, Any] = {}
    vars(table)["MODEL_CONFIG_MAPPING"] = mapping
    sys.modules[table.__name__] = table
    os.environ["BFCL_PROJECT_ROOT"] = os.getcwd()
    kind = make_handler(**handler)
    for name in names:
        mapping[name] = SimpleNamespace(
            model_name=name,
            display_name=name,
            url="",
            org="",
            license="",
            model_handler=kind,
            input_price=None,
            output_price=None,
            is_fc_model=False,
            underscore_to_dot=False,
        )


def make_handler(path: str = "", prompts: dict[str, str] | None = None) -> type:
    """A handler of BFCL: its own decoding, our prompt, our model behind a Unix socket at `path`.

    Args:
        prompts: id of a multi-turn entry -> system prompt.
    """
    base = import_module("bfcl_eval.model_handler.base_handler").BaseHandler
    utils = import_module("bfcl_eval.model_handler.utils")
    systems = prompts or {}

    class Handler(base):  # type: ignore[misc,valid-type]
        def decode_ast(self, result: str, language: Any, has_tool_call_tag: bool) -> Any:
            refuse_code(result)
            return utils.default_decode_ast_prompting(result, language, has_tool_call_tag)

        def decode_execute(self, result: str, has_tool_call_tag: bool) -> Any:
            refuse_code(result)
            return utils.default_decode_execute_prompting(result, has_tool_call_tag)

        def _pre_query_processing_prompting(self, entry: dict[str, Any]) -> dict[str, Any]:
            system = {"role": "system", "content": systems[entry["id"]]}
            return {"id": entry["id"], "messages": [system]}

        def add_first_turn_message_prompting(self, data: Any, messages: list[Any]) -> Any:
            # A system message of the entry's own is in our prompt already.
            data["messages"] += [m for m in messages if m["role"] != "system"]
            return data

        def _add_next_turn_user_message_prompting(self, data: Any, messages: list[Any]) -> Any:
            data["messages"] += messages
            return data

        def _add_assistant_message_prompting(self, data: Any, said: dict[str, Any]) -> Any:
            data["messages"].append({"role": "assistant", "content": said["model_responses"]})
            return data

        def _add_execution_results_prompting(
            self, data: Any, results: list[str], said: dict[str, Any]
        ) -> Any:
            data["messages"] += [{"role": "tool", "content": result} for result in results]
            return data

        def _query_prompting(self, data: Any) -> tuple[dict[str, Any], float]:
            began = time.monotonic()
            return ask(path, data["id"], data["messages"]), time.monotonic() - began

        def _parse_query_response_prompting(self, response: dict[str, Any]) -> dict[str, Any]:
            message = response["choices"][0]["message"]
            return {
                "model_responses": message["content"],
                "reasoning_content": message["reasoning_content"],
                "input_token": 0,
                "output_token": 0,
            }

    return Handler


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket, which a process without any network can still open."""

    def __init__(self, path: str) -> None:
        super().__init__("model")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def ask(path: str, user: str, messages: list[Any]) -> dict[str, Any]:
    """One completion, in OpenAI's protocol; OSError where the model gives none."""
    connection = UnixConnection(path)
    body = json.dumps({"model": "model", "user": user, "messages": messages})
    try:
        connection.request("POST", "/v1/chat/completions", body.encode())
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise OSError(f"{user}: {text[:300]!r}")
    return dict(json.loads(text))


def entries(categories: list[str], out: Path) -> None:
    """Write the entries as BFCL gives them to models: `{"id", "category", "question", ...}`."""
    register([])
    load = import_module("bfcl_eval.utils").load_dataset_entry
    with out.open("w", encoding="utf-8") as file:
        for category in categories:
            for entry in load(category):
                kept = {key: entry[key] for key in ("id", "question", "function")}
                file.write(json.dumps({"category": category, **kept}) + "\n")


def loop(model: str, prompts: Path, path: str, threads: int) -> None:
    """BFCL's own multi-turn inference for the entries of `prompts`; results are its files.

    An entry for which the model does not answer gets no result.
    """
    systems = dict(map(json.loads, prompts.read_text(encoding="utf-8").splitlines()))
    register([model], path=path, prompts=systems)
    utils = import_module("bfcl_eval.utils")
    table = sys.modules["bfcl_eval.constants.model_config"].MODEL_CONFIG_MAPPING
    handler = table[model].model_handler(model, 0, model, False)
    categories = sorted({utils.extract_test_category_from_id(identity) for identity in systems})
    wanted = [e for c in categories for e in utils.load_dataset_entry(c) if e["id"] in systems]
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
        for row in pool.map(run, wanted):
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
    given = parser.parse_args()
    if given.command == "entries":
        entries(given.categories, given.out)
    elif given.command == "loop":
        loop(given.models[0], given.prompts, given.socket, given.threads)
    else:
        score(given.models, given.categories, given.partial)


if __name__ == "__main__":
    main()
