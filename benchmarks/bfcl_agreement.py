"""Do we judge as BFCL's official scorer does? `python benchmarks/bfcl_agreement.py REPORT.md`

Both judge the same texts: right answers of every single-turn Python category, mutations of each
(benchmarks/bfcl_mutations.py), and what a model writes where it means a call
(benchmarks/bfcl_texts.py); ours on rows that say `"rules": "bfcl"`, as
`python -m egpo_verl.preprocess bfcl` writes them. A disagreement counts as explained only if a test
proves its class: the text is changed in just the way the class names, and then both agree. See
benchmarks/bfcl_entries.py for the environment that this needs.
"""

from __future__ import annotations

import ast
import json
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bfcl_entries import Entry, Official, entries
from bfcl_mutations import MUTATIONS
from bfcl_relevance import RelevanceQuestion, questions
from bfcl_texts import SEED, Question, texts
from rich.console import Console
from rich.progress import track

from egpo_verl.calls import Call, render
from egpo_verl.reward import Reason, compute_score

Calls = Sequence[Call]
EXAMPLES = 3

CLASSES = {
    "plus": "A number has a plus sign. BFCL reads every sign as a minus, so `+5` is -5 to it. "
    "**We are right**: Python says 5.",
    "sign": "A number stands behind `not` or `~`. BFCL reads them as a minus too, so `not 0` is 0 "
    "to it. **We are right** to refuse: Python says True and -1.",
    "eval": "A function is called within a sum. BFCL hands the sum to `eval`, and so runs what a "
    "model wrote; we run nothing, and the sum has no value. **BFCL is right** about the value of "
    "the harmless ones.",
    "unexplained": "None of the above.",
}


class Verdicts(NamedTuple):
    """Texts judged and agreements by kind, and disagreements by class, each as a table's row."""

    judged: Counter[str]
    agreed: Counter[str]
    differ: dict[str, list[tuple[str, str, str, str, str]]]


def answers(entry: Entry) -> Iterator[tuple[str, str]]:
    """Right answers by BFCL's own lists, then mutations of the first of them."""
    listed = json.loads(entry.reference)["calls"]
    last = [
        Call(call["name"], {k: values[-1] for k, values in call["arguments"].items() if values})
        for call in listed
    ]
    fewest = [
        Call(
            call["name"],
            {k: v[0] for k, v in call["arguments"].items() if v and k not in call["omissible"]},
        )
        for call in listed
    ]
    yield "right: last alternatives", render(last)
    yield "right: omissible arguments left out", render(fewest)
    for name, mutation in MUTATIONS.items():
        calls = mutation(entry.calls)
        if calls is not None:
            yield f"mutation: {name}", render(calls)


def question_of(entry: Entry) -> Question:
    """What the kinds of text may use of an entry."""
    listed = json.loads(entry.reference)["calls"]
    return Question(
        entry.identity,
        entry.calls,
        {call["name"]: call["omissible"] for call in listed},
        {
            function["name"]: {
                name: parameter["default"]
                for name, parameter in function["parameters"]["properties"].items()
                if "default" in parameter
            }
            for function in entry.functions
        },
    )


def our_reason(text: str, row: str, tools: str) -> Reason:
    """Our verdict on a text behind a thought."""
    response = f"<think>So.</think>{text}"
    return Reason(compute_score("bfcl", response, row, {"tools": tools})["reason"])


class _Plain(ast.NodeTransformer):
    """Takes out what the classes name, and notes which of them it met."""

    def __init__(self) -> None:
        self.met: list[str] = []

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        """A number without its sign, but for a minus."""
        if isinstance(node.op, ast.USub):
            return node
        self.met.append("plus" if isinstance(node.op, ast.UAdd) else "sign")
        return node.operand

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """A sum with 0 for every call in it."""
        for part in ("left", "right"):
            if isinstance(getattr(node, part), ast.Call):
                self.met.append("eval")
                setattr(node, part, ast.Constant(0))
        return self.generic_visit(node)


def class_of(official: Official, entry: Entry, text: str) -> str:
    """The key of `CLASSES` whose change of the text makes both judges agree."""
    text = text.strip("`\n ")
    listed = f"[{text.removeprefix('[').removesuffix(']')}]"
    try:
        tree, plain = ast.parse(listed, mode="eval"), _Plain()
        changed = ast.unparse(plain.visit(tree))
    except SyntaxError:
        return "unexplained"
    theirs = official.error(entry, changed) is None
    agree = theirs == (our_reason(changed, entry.measured, entry.tools) is Reason.OK)
    return plain.met[0] if plain.met and agree else "unexplained"


def against_the_checker(official: Official) -> Verdicts:
    """All texts to the questions that have answers."""
    verdicts = Verdicts(Counter(), Counter(), defaultdict(list))
    for entry in track(list(entries()), "entries", console=Console(stderr=True)):
        written = [*answers(entry), *texts(question_of(entry))]
        for kind, text in written:
            error, reason = (
                official.error(entry, text),
                our_reason(text, entry.measured, entry.tools),
            )
            verdicts.judged[kind] += 1
            if (error is None) == (reason is Reason.OK):
                verdicts.agreed[kind] += 1
            else:
                case = (entry.identity, kind, f"`{text[:100]}`", error or "valid", reason.name)
                verdicts.differ[class_of(official, entry, text)].append(case)
    return verdicts


def against_the_decoder(official: Official) -> tuple[Verdicts, Counter[str], int]:
    """All texts to (ir)relevance questions; which of them only BFCL takes for a refusal."""
    verdicts = Verdicts(Counter(), Counter(), defaultdict(list))
    milder, irrelevant = Counter[str](), 0
    for question in track(list(questions()), "irrelevance", console=Console(stderr=True)):
        some_call = question.category == "live_relevance"
        irrelevant += not some_call
        for kind, text in texts(Question(question.identity, [question.call], {}, {})):
            theirs = official.finds_a_call(text) == some_call
            reason = our_reason(text, question.truth, question.tools)
            verdicts.judged[kind] += 1
            if theirs == (reason is Reason.OK):
                verdicts.agreed[kind] += 1
            else:
                error = "valid" if theirs else "decode"
                case = (question.identity, kind, f"`{text[:100]}`", error, reason.name)
                verdicts.differ["unexplained"].append(case)
            if not some_call and theirs and not _is_refusal(text, question):
                milder[kind] += 1
    return verdicts, milder, irrelevant


def _is_refusal(text: str, question: RelevanceQuestion) -> bool:
    """By the rules of training rows."""
    return our_reason(text, "[]", question.tools) is Reason.OK


def report(with_answers: Verdicts, without: Verdicts, milder: Counter[str], irrelevant: int) -> str:
    """The report in Markdown."""
    always = [kind for kind, count in milder.items() if count >= irrelevant / 2]
    lines = [
        "# Agreement with BFCL's official scorer",
        "",
        "Made by `benchmarks/bfcl_agreement.py` with bfcl-eval 2026.3.23: its decoder and "
        '`ast_checker` beside `compute_score` on rows that say `"rules": "bfcl"`, on the same '
        f"texts: right answers, mutations of them, and {_kinds(with_answers)} ways of writing a "
        f"call (seed {SEED}).",
        "",
        _share(with_answers),
        "",
        *_groups(with_answers),
        "",
        "## Every class of disagreement",
        "",
        *_classes(with_answers.differ),
        "## Questions without an answer file",
        "",
        "The benchmark asks of these (irrelevance, relevance) only whether an answer decodes to "
        "calls. The same ways of writing an invented call of an offered function, and refusals:",
        "",
        _share(without),
        "",
        *_groups(without),
        "",
        *_cases(without.differ.get("unexplained", [])),
        "Training rows (`[]`) are judged by our own rules, which are stricter on purpose: what "
        "BFCL cannot decode is no refusal if it attempts a call. Kinds of text that BFCL takes for "
        f"a refusal and our rules do not, at most irrelevance questions: {', '.join(always)}.",
        "",
    ]
    return "\n".join(lines)


def _kinds(verdicts: Verdicts) -> int:
    return sum(not kind.startswith(("right", "mutation")) for kind in verdicts.judged)


def _share(verdicts: Verdicts) -> str:
    total, same = verdicts.judged.total(), verdicts.agreed.total()
    return f"**{same:,} of {total:,} verdicts agree ({same / total:.3%}).**"


def _groups(verdicts: Verdicts) -> list[str]:
    """A table: group of kinds, texts, agreement, and the kinds that do not always agree."""
    lines = ["| texts | judged | agree | kinds that differ |", "|---|---:|---:|---|"]
    groups: Mapping[str, list[str]] = defaultdict(list)
    for kind in verdicts.judged:
        groups[kind.partition(":")[0]].append(kind)
    for group, kinds in groups.items():
        judged = sum(verdicts.judged[kind] for kind in kinds)
        agreed = sum(verdicts.agreed[kind] for kind in kinds)
        differ = [
            f"{kind.partition(': ')[2]} ({count:,} of {verdicts.judged[kind]:,})"
            for kind in kinds
            if (count := verdicts.judged[kind] - verdicts.agreed[kind])
        ]
        lines.append(f"| {group} | {judged:,} | {agreed / judged:.3%} | {', '.join(differ)} |")
    return lines


def _classes(differ: Mapping[str, list[tuple[str, str, str, str, str]]]) -> list[str]:
    lines = []
    for name, argument in CLASSES.items():
        cases = differ.get(name, [])
        lines += [f"### {name}: {len(cases):,}", "", argument, "", *_cases(cases)]
    return lines


def _cases(cases: Sequence[tuple[str, str, str, str, str]]) -> list[str]:
    if not cases:
        return []
    lines = ["| question | kind | text | BFCL | ours |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(part.replace('|', '/') for part in c)} |" for c in cases[:EXAMPLES]]
    return [*lines, ""]


def main(path: Path) -> None:
    """Judge all texts twice and write the report to `path`."""
    warnings.simplefilter("ignore")  # Python's own about what the texts hold
    official = Official()
    with_answers = against_the_checker(official)
    without, milder, irrelevant = against_the_decoder(official)
    path.write_text(report(with_answers, without, milder, irrelevant), encoding="utf-8")
    Console().print(
        f"{_share(with_answers)} Without an answer file: {_share(without)} "
        + ", ".join(f"{name} {len(with_answers.differ.get(name, []))}" for name in CLASSES)
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/bfcl_agreement.py REPORT.md")
    main(Path(sys.argv[1]))
