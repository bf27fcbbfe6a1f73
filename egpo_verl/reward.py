"""The paper's binary reward: 1.0 iff the template holds and the calls are those expected.

For verl `reward.custom_reward_function.path=pkg://egpo_verl.reward`, `name=compute_score`; by hand

>>> result = compute_score(
...     "demo",
...     "<think>The user asks for Paris.</think>[weather(city='Paris')]",
...     '[{"name": "weather", "arguments": {"city": "Paris"}}]',
...     {"tools": '[{"name": "weather", "parameters": {"city": {"type": "str"}}}]'},
... )
>>> result["score"], result["reason"]
(1.0, 0)

docs/reward.md explains every rule and every reason.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

from egpo_verl.calls import FORMS, Reason, Reference, ToolSet, answer_of
from egpo_verl.calls.reasons import PASSED
from egpo_verl.calls.values import TEXT_FORMS
from egpo_verl.calls.verdict import Row, Verdict, judge, judge_as_bfcl

__all__ = ["Reason", "compute_score"]

log = logging.getLogger("verl.egpo")

FROM_VERL = frozenset({"reward_router_address", "reward_model_tokenizer"})
"""Keyword arguments that verl's reward managers may add; they have no meaning here."""

CACHED_CHARS = 4_096
"""Longer answers are judged anew each time, so that the cache stays small."""


class Options(NamedTuple):
    """Variants of the reward; the defaults are the paper's.

    Attributes:
        strings: `exact`, or `bfcl` for BFCL's tolerant comparison of strings.
        format_bonus: added to the score where the template holds (the paper's ablation: 0.5).
        name_credit: part of the score that right function names earn where the calls fail.
    """

    strings: str = "exact"
    format_bonus: float = 0.0
    name_credit: float = 0.0


PAPER = Options()


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    **options: Any,
) -> dict[str, float | int]:
    """Score one response, as verl calls it.

    Total for every `solution_str`: it never raises, evaluates nothing and takes linear time.

    Args:
        data_source: name of the dataset; no rule depends on it.
        solution_str: the response, decoded without special tokens.
        ground_truth: JSON text of the calls expected, `[]` for none (see `Reference.from_json`).
        extra_info: the row's; read are `tools` (JSON text of a list; without it the signatures are
            not checked), `call_form` (default `python`) and `think_in_prompt` (default False: the
            response itself must open with `<think>`).
        options: fields of `Options`.

    Returns:
        The same keys for every sample: `score`; `acc`, 1.0 iff all is right, whatever the options;
        `format_ok`, `parse_ok`, `schema_ok`, `match_ok`, each 0.0 or 1.0 and none 1.0 after one
        that is 0.0 (but in a row under BFCL's rules, which ask for no template); `num_calls`,
        calls read; `reason`, a `Reason`, as plain numbers.

    Raises:
        ValueError: the row is broken (reference, tools, form) or an option is; never the response.
    """
    checked = _options(options) if options else PAPER
    try:
        row, form, think_in_prompt = _checked(ground_truth, extra_info)
    except ValueError as error:
        index = extra_info.get("index") if isinstance(extra_info, Mapping) else None
        raise ValueError(f"row {index} of {data_source}: {error}") from None
    is_text = isinstance(solution_str, str)
    answer = answer_of(solution_str, think_in_prompt) if is_text else Reason.NO_TEXT
    if row.reference.rules == "bfcl":
        verdict = judge_as_bfcl(solution_str if is_text else "", form, row)
        return _as_numbers(verdict, checked, template_holds=isinstance(answer, str))
    if not isinstance(answer, str):
        return _as_numbers(Verdict(answer), checked)
    score = _score_cached if len(answer) <= CACHED_CHARS else _score
    return score(answer, form, row, checked).copy()


@cache
def _tell_of_live_rows() -> None:
    log.warning(
        "egpo_verl: rows of live episodes (extra_info.env) are judged by their first user turn "
        "alone: add +env=own to verl's command to play them."
    )


def _checked(ground_truth: object, extra_info: object) -> tuple[Row, str, bool]:
    """The row, its form of calls, and whether its prompt opens the thought."""
    info = {} if extra_info is None else extra_info
    if type(info) is not dict and not isinstance(info, Mapping):
        raise ValueError(f"extra_info must be a mapping, not {type(info).__name__}")
    tools, opened = info.get("tools"), info.get("think_in_prompt")
    form = info.get("call_form") or "python"
    if not isinstance(ground_truth, str) or not (tools is None or isinstance(tools, str)):
        raise ValueError("ground_truth and extra_info['tools'] must be JSON text (json.dumps)")
    if form not in FORMS:
        raise ValueError(f"unknown form of calls {form!r}, use one of {', '.join(FORMS)}")
    if opened is not None and opened not in (True, False):
        raise ValueError(f"extra_info['think_in_prompt'] must be true or false, not {opened!r}")
    env = info.get("env")
    if isinstance(env, str) and '"turns"' in env:  # others may have a column of this name
        _tell_of_live_rows()
    return _row(ground_truth, tools), form, bool(opened)


def _options(options: Mapping[str, Any]) -> Options:
    """Those of ours among `options`; raises `ValueError` for an unknown name or value."""
    ours = {name: value for name, value in options.items() if name not in FROM_VERL}
    unknown = ours.keys() - set(Options._fields)
    if unknown:
        raise ValueError(
            f"unknown option of the reward: {', '.join(sorted(unknown))}; "
            f"there are {', '.join(Options._fields)}"
        )
    checked = Options(**ours)
    if checked.strings not in list(TEXT_FORMS):
        raise ValueError(f"unknown comparison of strings {checked.strings!r}, use exact or bfcl")
    for name in ("format_bonus", "name_credit"):
        number = getattr(checked, name)
        if not isinstance(number, int | float) or isinstance(number, bool):
            raise ValueError(f"{name} must be a number, not {number!r}")
    if not (0 <= checked.format_bonus <= 1 and 0 <= checked.name_credit < 1):
        raise ValueError("format_bonus must lie in [0, 1] and name_credit in [0, 1)")
    return checked


def _score(answer: str, form: str, row: Row, options: Options) -> dict[str, float | int]:
    """What `compute_score` returns for what follows a good thought."""
    return _as_numbers(judge(answer, form, row, options.strings), options)


_score_cached = lru_cache(maxsize=2_048)(_score)


@lru_cache(maxsize=512)
def _row(ground_truth: str, tools: str | None) -> Row:
    """A row's texts, compiled once for all responses to its prompt."""
    offered = None if tools is None else _tools(tools)
    reference = Reference.from_json(ground_truth, offered)
    if not reference.rules:
        reference.candidates("exact")
    return Row(reference, offered)


_tools = lru_cache(maxsize=256)(ToolSet.from_json)
"""Many prompts of one source offer the same functions."""


def _as_numbers(
    verdict: Verdict, options: Options, template_holds: bool = True
) -> dict[str, float | int]:
    """The result's keys in their fixed order.

    `template_holds` is False where it was broken and the row's rules do not mind.
    """
    reason, num_calls, names = verdict
    format_ok, parse_ok, schema_ok, right = PASSED[reason.stage]
    format_ok = format_ok if template_holds else 0.0
    score = right or options.name_credit * names
    return {
        "score": score + options.format_bonus * format_ok,
        "acc": right,
        "format_ok": format_ok,
        "parse_ok": parse_ok,
        "schema_ok": schema_ok,
        "match_ok": right,
        "num_calls": num_calls,
        "reason": int(reason),
    }
