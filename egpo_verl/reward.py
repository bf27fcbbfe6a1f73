"""The paper's binary reward: 1.0 iff the template holds and the calls are the calls wanted.

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

from collections.abc import Mapping
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple

from egpo_verl.calls import (
    Call,
    Problem,
    Reference,
    ToolSet,
    answer_of,
    contains_call,
    match,
    parse,
)
from egpo_verl.calls.bfcl_reading import read_as_bfcl
from egpo_verl.calls.bfcl_rules import ListedCall, listed_calls, match_as_bfcl
from egpo_verl.calls.values import TEXT_COMPARISONS, nfc

__all__ = ["Reason", "compute_score"]

FROM_VERL = frozenset({"reward_router_address", "reward_model_tokenizer"})
"""Keyword arguments that verl's reward managers may add; they have no meaning here."""

CACHED_CHARS = 4_096
"""Longer answers are judged anew each time, so that the cache stays small."""


class Reason(IntEnum):
    """The first reason why a response earns nothing. Numbers are stable: add, never renumber."""

    OK = 0

    # The template: `format_ok` is 0.
    NO_THOUGHT = 1
    TEXT_BEFORE_THOUGHT = 2
    OPEN_THOUGHT = 3
    SECOND_THOUGHT = 4
    EMPTY_THOUGHT = 5
    EMPTY_ANSWER = 6
    TEXT_BESIDE_CALLS = 7
    NO_TEXT = 8

    # The calls cannot be read: `parse_ok` is 0.
    NO_CALL_LIST = 20
    SYNTAX = 21
    BAD_NAME = 22
    BAD_SHAPE = 23
    POSITIONAL = 24
    NOT_LITERAL = 25
    BAD_NUMBER = 26
    DUPLICATE = 27
    TOO_LONG = 28
    TOO_DEEP = 29
    TOO_MANY = 30

    # The calls do not fit the functions offered: `schema_ok` is 0.
    UNKNOWN_FUNCTION = 40
    MISSING_ARGUMENT = 41
    UNKNOWN_ARGUMENT = 42
    WRONG_VALUE = 43

    # The calls are not those wanted: `match_ok` is 0.
    CALL_NOT_WANTED = 60
    NO_CALL_MADE = 61
    WRONG_COUNT = 62
    WRONG_FUNCTION = 63
    WRONG_ARGUMENT = 64


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


class Verdict(NamedTuple):
    """What an answer is worth: `names` is the part of the function names that are right."""

    reason: Reason
    num_calls: int = 0
    names: float = 0.0


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
        ground_truth: JSON text of the calls wanted, `[]` for none (see `Reference.from_json`).
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
    chosen = _options(options) if options else PAPER
    info = extra_info or {}
    answer = _answer(solution_str, bool(info.get("think_in_prompt", False)))
    form, tools = info.get("call_form") or "python", info.get("tools")
    if not isinstance(ground_truth, str) or not (tools is None or isinstance(tools, str)):
        raise ValueError("ground_truth and extra_info['tools'] must be JSON text (json.dumps)")
    if '"rules"' in ground_truth and _row(ground_truth, tools)[0].rules == "bfcl":
        verdict = _judge_as_bfcl(solution_str, form, ground_truth, tools)
        return _as_numbers(verdict, chosen, template_holds=not isinstance(answer, Problem))
    if isinstance(answer, Problem):
        return _as_numbers(Verdict(Reason[answer.name]), chosen)
    score = _score_cached if len(answer) <= CACHED_CHARS else _score
    return score(answer, form, ground_truth, tools, chosen).copy()


def _answer(response: object, think_in_prompt: bool) -> str | Problem:
    return answer_of(response, think_in_prompt) if isinstance(response, str) else Problem.NO_TEXT


def _options(given: Mapping[str, Any]) -> Options:
    """The options among `given`; raises `ValueError` for a name or a value that is none."""
    own = {name: value for name, value in given.items() if name not in FROM_VERL}
    unknown = own.keys() - set(Options._fields)
    if unknown:
        raise ValueError(
            f"unknown option of the reward: {', '.join(sorted(unknown))}; "
            f"there are {', '.join(Options._fields)}"
        )
    options = Options(**own)
    if options.strings not in list(TEXT_COMPARISONS):
        raise ValueError(f"unknown comparison of strings {options.strings!r}, use exact or bfcl")
    if not (0 <= options.format_bonus <= 1 and 0 <= options.name_credit < 1):
        raise ValueError("format_bonus must lie in [0, 1] and name_credit in [0, 1)")
    return options


def _score(
    answer: str, form: str, ground_truth: str, tools: str | None, options: Options
) -> dict[str, float | int]:
    """What `compute_score` returns for what follows a good thought."""
    return _as_numbers(_judge(answer, form, ground_truth, tools, options.strings), options)


_score_cached = lru_cache(maxsize=2_048)(_score)


def _judge(answer: str, form: str, ground_truth: str, tools: str | None, strings: str) -> Verdict:
    """The verdict on what follows a good thought."""
    reference, offered = _row(ground_truth, tools)
    parsed = parse(answer, form)
    if not reference.calls:
        if parsed.reason is Problem.TOO_LONG:
            return Verdict(Reason.TOO_LONG)
        if parsed.calls or contains_call(answer, offered):
            return Verdict(Reason.CALL_NOT_WANTED, len(parsed.calls or ()))
        return Verdict(Reason.OK)
    if parsed.calls is None:
        # The calls of another form, or behind some prose, are no answer in this one's template.
        beside = parsed.reason is Problem.NO_CALL_LIST and contains_call(answer, offered)
        problem = Problem.TEXT_BESIDE_CALLS if beside else parsed.reason
        return Verdict(Reason[problem.name] if problem else Reason.SYNTAX)
    return _compare(parsed.calls, reference, offered, strings)


def _judge_as_bfcl(response: object, form: str, ground_truth: str, tools: str | None) -> Verdict:
    """What BFCL's own scorer says of a response, with our reasons."""
    reference, offered = _row(ground_truth, tools)
    parsed = read_as_bfcl(response if isinstance(response, str) else "", form)
    calls = parsed.calls or ()
    if not reference.calls:
        if bool(calls) == reference.any_call:
            return Verdict(Reason.OK, len(calls))
        reason = Reason.NO_CALL_MADE if reference.any_call else Reason.CALL_NOT_WANTED
        return Verdict(reason, len(calls))
    if parsed.calls is None:
        return Verdict(Reason[parsed.reason.name] if parsed.reason else Reason.SYNTAX)
    if match_as_bfcl(calls, _listed(ground_truth, tools)):
        return Verdict(Reason.OK, len(calls))
    misfit = offered.check(calls) if offered else None
    if misfit is None or misfit is Problem.WRONG_VALUE:  # BFCL lists values that its types refuse
        return _wrong(None, calls, reference)
    return _wrong(Reason[misfit.name], calls, reference)


def _compare(
    calls: tuple[Call, ...], reference: Reference, offered: ToolSet | None, strings: str
) -> Verdict:
    """The verdict on calls that could be read, where some are wanted."""
    misfit = offered.check(calls) if offered else None
    # BFCL lists answers that its own types refuse, and takes them.
    if misfit is not None and not (misfit is Problem.WRONG_VALUE and strings == "bfcl"):
        return _wrong(Reason[misfit.name], calls, reference)
    if match(calls, reference, strings):
        return Verdict(Reason.OK, len(calls))
    return _wrong(None, calls, reference)


@lru_cache(maxsize=512)
def _row(ground_truth: str, tools: str | None) -> tuple[Reference, ToolSet | None]:
    """A row's texts, compiled once for all responses to its prompt."""
    if tools is None:
        return Reference.from_json(ground_truth), None
    offered = _tools(tools)
    return Reference.from_json(ground_truth, offered), offered


@lru_cache(maxsize=512)
def _listed(ground_truth: str, tools: str | None) -> tuple[ListedCall, ...]:
    """A row's calls under BFCL's rules, compiled once for all responses to its prompt."""
    return listed_calls(*_row(ground_truth, tools))


_tools = lru_cache(maxsize=256)(ToolSet.from_json)
"""Many prompts of one source offer the same functions."""


def _wrong(misfit: Reason | None, calls: tuple[Call, ...], reference: Reference) -> Verdict:
    """Calls that do not fit, or are not those wanted, with their share of right names."""
    missing = [call.name for call in reference.calls]
    for call in calls:
        name = nfc(call.name)
        if name in missing:
            missing.remove(name)
    wanted = len(reference.calls)
    names = (wanted - len(missing)) / max(len(calls), wanted)
    if misfit is not None:
        reason = misfit
    elif not calls:
        reason = Reason.NO_CALL_MADE
    elif len(calls) != wanted:
        reason = Reason.WRONG_COUNT
    else:
        reason = Reason.WRONG_FUNCTION if missing else Reason.WRONG_ARGUMENT
    return Verdict(reason, len(calls), names)


def _as_numbers(
    verdict: Verdict, options: Options, template_holds: bool = True
) -> dict[str, float | int]:
    """The result's keys in their fixed order, from how far the response came.

    `template_holds` is False where it was broken and the row's rules do not mind.
    """
    reason, num_calls, names = verdict
    right = float(reason == Reason.OK)
    format_ok = float(template_holds and (right or reason >= Reason.NO_CALL_LIST))
    score = right or options.name_credit * names
    return {
        "score": score + options.format_bonus * format_ok,
        "acc": right,
        "format_ok": format_ok,
        "parse_ok": float(right or reason >= Reason.UNKNOWN_FUNCTION),
        "schema_ok": float(right or reason >= Reason.CALL_NOT_WANTED),
        "match_ok": right,
        "num_calls": num_calls,
        "reason": int(reason),
    }
