"""Do we judge as BFCL's official checker does? `python benchmarks/bfcl_agreement.py REPORT.md`

Right answers of every single-turn Python category and mutations of each are judged by both, ours
with the tolerant comparison (`strings="bfcl"`). A disagreement counts as explained only if a test
proves its class: the answer is changed in just the way the class names, and then both agree.
The questions without an answer file (irrelevance, relevance) are judged by the rules that their
rows name. See benchmarks/bfcl_entries.py for the environment that this needs.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, permutations
from pathlib import Path
from typing import Any

from bfcl_entries import Entry, Official, entries
from bfcl_mutations import MUTATIONS
from bfcl_relevance import Question, questions
from bfcl_relevance import answers as relevance_answers
from rich.console import Console
from rich.progress import track

from egpo_verl.calls import Call, ToolSet, render
from egpo_verl.calls.fitting import stated_defaults
from egpo_verl.reward import Reason, compute_score

Calls = Sequence[Call]
MOST_ORDERS = 720

CLASSES = {
    "greedy": "BFCL gives each wanted call the first answer that serves, and can so use up the "
    "only answer for a later one; in another order of the same calls it accepts them.",
    "default": "An argument is left out whose default, stated by the function's own schema, is the "
    "value wanted. We hold both to be the same call; BFCL does only where its answers say so.",
    "whole number inside": "A whole number stands where a float is declared, inside a list or "
    "object. BFCL grants this to plain arguments only; we grant it everywhere.",
    "nested blindness": "A float or a boolean stands where a whole number is wanted, inside a list "
    "or object. BFCL compares there with `==`, for which `True` is 1 and 5.0 is 5.",
    "unexplained": "None of the above.",
}


def answers(entry: Entry) -> Iterator[tuple[str, Calls]]:
    """Right answers by BFCL's own lists, then mutations of the first of them."""
    wanted = json.loads(entry.reference)["calls"]
    last = [
        Call(call["name"], {k: values[-1] for k, values in call["arguments"].items() if values})
        for call in wanted
    ]
    fewest = [
        Call(
            call["name"],
            {k: v[0] for k, v in call["arguments"].items() if v and k not in call["omissible"]},
        )
        for call in wanted
    ]
    yield "last alternatives", last
    yield "omissible arguments left out", fewest
    for name, mutation in MUTATIONS.items():
        calls = mutation(entry.calls)
        if calls is not None:
            yield name, calls


def our_reason(entry: Entry, answer: str) -> Reason:
    """Our verdict on an answer behind a thought."""
    response = f"<think>So.</think>{answer}"
    info = {"tools": entry.tools}
    return Reason(compute_score("bfcl", response, entry.reference, info, strings="bfcl")["reason"])


def class_of(official: Official, entry: Entry, calls: Calls, we_accept: bool) -> str:
    """The key of `CLASSES` whose change of the answer makes both judges agree."""

    def they_accept(changed: Calls) -> bool:
        return official.error(entry, render(changed)) is None

    if not we_accept:
        narrowed = (our_reason(entry, render(changed)) for changed in _one_inside(calls, _narrow))
        return "nested blindness" if Reason.OK in narrowed else "unexplained"
    if any(they_accept(order) for order in islice(permutations(calls), MOST_ORDERS)):
        return "greedy"
    if they_accept(_with_defaults(entry, calls)):
        return "default"
    widened = any(map(they_accept, _one_inside(calls, _widen)))
    return "whole number inside" if widened else "unexplained"


def _one_inside(calls: Calls, change: Callable[[Any], Any]) -> Iterator[Calls]:
    """The calls with `change` applied to one plain value inside a list or object, each in turn."""
    for at, call in enumerate(calls):
        for name, value in call.arguments.items():
            for changed in _one_changed(value, change):
                arguments = {**call.arguments, name: changed}
                yield [*calls[:at], replace(call, arguments=arguments), *calls[at + 1 :]]


def _one_changed(value: Any, change: Callable[[Any], Any]) -> Iterator[Any]:
    keys = range(len(value)) if isinstance(value, list) else value
    if not isinstance(value, list | dict):
        return
    for key in keys:
        inner = value[key]
        nested = isinstance(inner, list | dict)
        for changed in _one_changed(inner, change) if nested else [change(inner)]:
            copy = value.copy()
            copy[key] = changed
            yield copy


def _narrow(value: Any) -> Any:
    whole = isinstance(value, bool) or (isinstance(value, float) and value.is_integer())
    return int(value) if whole else value


def _widen(value: Any) -> Any:
    return float(value) if type(value) is int else value


def _with_defaults(entry: Entry, calls: Calls) -> Calls:
    tools = ToolSet.from_json(entry.tools)
    full = []
    for call in calls:
        signature = tools.signature(call.name)
        defaults = stated_defaults(signature.schema) if signature else {}
        kept = {
            name: default
            for item in json.loads(entry.reference)["calls"]
            for name, default in defaults.items()
            if item["name"] == call.name and default in item["arguments"].get(name, ())
        }
        full.append(replace(call, arguments={**kept, **call.arguments}))
    return full


def relevance(official: Official) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Verdicts and agreements by category, and by answer the refusals that only BFCL takes."""
    verdicts, agreed, refused = Counter[str](), Counter[str](), Counter[str]()
    for question in questions():
        for kind, text in relevance_answers(question.call).items():
            wants_call = question.category == "live_relevance"
            theirs = official.finds_a_call(text) == wants_call
            verdicts[question.category] += 1
            agreed[question.category] += theirs == _accepts(question, text, question.truth)
            if not wants_call and theirs != _accepts(question, text, "[]"):
                refused[kind] += 1
    return verdicts, agreed, refused


def _accepts(question: Question, answer: str, truth: str) -> bool:
    response = f"<think>So.</think>{answer}"
    return compute_score("bfcl", response, truth, {"tools": question.tools})["acc"] == 1.0


def relevance_report(verdicts: Counter[str], agreed: Counter[str], refused: Counter[str]) -> str:
    """The part of the report on questions without an answer file."""
    total, same = verdicts.total(), agreed.total()
    kinds = ", ".join(refused) or "none"
    return "\n".join(
        [
            "",
            "## Questions without an answer file",
            "",
            "The benchmark asks of these only whether an answer decodes to calls. Beside it "
            '`compute_score` on rows that say `"rules": "bfcl"`, as '
            "`python -m egpo_verl.preprocess bfcl` writes them, on refusals, calls and attempts at "
            "calls.",
            "",
            f"**{same:,} of {total:,} verdicts agree ({same / total:.3%}).**",
            "",
            "| category | answers | agree | differ |",
            "|---|---:|---:|---:|",
            *_category_rows(verdicts, agreed),
            "",
            "Training rows (`[]`) are judged by our own rules, which are stricter on purpose: what "
            "BFCL cannot decode is no refusal if it attempts a call. Answers that BFCL takes as a "
            f"refusal and our rules do not, at every irrelevance question: {kinds}.",
            "",
        ]
    )


def _category_rows(verdicts: Counter[str], agreed: Counter[str]) -> list[str]:
    return [
        f"| {category} | {count:,} | {agreed[category] / count:.3%} | {count - agreed[category]} |"
        for category, count in verdicts.items()
    ]


def report(
    verdicts: Counter[str], agreed: Counter[str], found: dict[str, list[tuple[str, str, str, str]]]
) -> str:
    """The report in Markdown."""
    total, same = verdicts.total(), agreed.total()
    lines = [
        "# Agreement with BFCL's official checker",
        "",
        "Made by `benchmarks/bfcl_agreement.py` with bfcl-eval 2026.3.23: its decoder and "
        "`ast_checker` beside `compute_score(..., strings='bfcl')` on the same answers: right ones "
        f"from its own lists (three kinds) and {len(MUTATIONS) - 1} mutations of each.",
        "",
        f"**{same:,} of {total:,} verdicts agree ({same / total:.3%}).**",
        "",
        "| category | answers | agree | differ |",
        "|---|---:|---:|---:|",
        *_category_rows(verdicts, agreed),
        "",
        "## Every disagreement",
        "",
    ]
    for name, argument in CLASSES.items():
        cases = found.get(name, [])
        lines += [f"### {name}: {len(cases)}", "", argument, ""]
        if cases:
            lines += ["| entry | answer | BFCL | ours |", "|---|---|---|---|"]
            lines += [f"| {i} | {kind} | {error} | {reason} |" for i, kind, error, reason in cases]
            lines.append("")
    return "\n".join(lines)


def main(path: Path) -> None:
    """Judge all answers twice and write the report to `path`."""
    official = Official()
    verdicts, agreed = Counter[str](), Counter[str]()
    found: dict[str, list[tuple[str, str, str, str]]] = defaultdict(list)
    for entry in track(list(entries()), "entries", console=Console(stderr=True)):
        for kind, calls in answers(entry):
            text = render(calls)
            error, reason = official.error(entry, text), our_reason(entry, text)
            verdicts[entry.category] += 1
            if (error is None) == (reason is Reason.OK):
                agreed[entry.category] += 1
            else:
                name = class_of(official, entry, calls, reason is Reason.OK)
                case = (entry.identity, kind, error or "valid", reason.name)
                found[name].append(case)
    asked, same, refused = relevance(official)
    text = report(verdicts, agreed, found) + relevance_report(asked, same, refused)
    path.write_text(text, encoding="utf-8")
    Console().print(
        f"without an answer file {same.total():,} of {asked.total():,} agree; with one "
        f"{agreed.total():,} of {verdicts.total():,} agree; "
        + ", ".join(f"{name} {len(found.get(name, []))}" for name in CLASSES)
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/bfcl_agreement.py REPORT.md")
    main(Path(sys.argv[1]))
