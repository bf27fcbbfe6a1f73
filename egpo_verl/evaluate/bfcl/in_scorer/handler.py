"""BFCL's table of models with our model alone, and the handler that decodes and asks for it.

The table that it replaces imports the client of every vendor, 150 packages.
"""

from __future__ import annotations

import os
import sys
import time
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

from .guard import refuse_code
from .model import ask


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
    """A handler of BFCL: its decoding, our prompt, our model behind a Unix socket at `path`.

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

        def _add_assistant_message_prompting(self, data: Any, response: dict[str, Any]) -> Any:
            data["messages"].append({"role": "assistant", "content": response["model_responses"]})
            return data

        def _add_execution_results_prompting(
            self, data: Any, results: list[str], response: dict[str, Any]
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
