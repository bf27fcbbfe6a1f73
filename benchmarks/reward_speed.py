"""How long is one verdict? `python benchmarks/reward_speed.py [REPORT.md] [--beside CHECKOUT]`

Whole responses (thought included) through `compute_score`, beside BFCL's decoder and checker on the
answers alone, in one run; then the worst hostile responses. `--beside` times the reward of another
checkout of this repository too. Times are CPU time, the least of several runs, so that other work
on the machine counts little; a text that differs in its blanks alone is new to every cache. See
benchmarks/bfcl_entries.py for the environment needed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from itertools import count, islice, product
from pathlib import Path
from typing import Any, NamedTuple

from bfcl_entries import Entry, Official, entries
from bfcl_mutations import MUTATIONS
from rich.console import Console

from egpo_verl.calls import render
from egpo_verl.reward import compute_score

Task = Callable[..., object]
Prompts = Sequence[tuple[Entry, list[str]]]

ROUNDS = 5
GROUP = 8
DRAWN = {1: 97, 2: 75, 3: 50, 4: 26, 5: 30, 6: 11, 7: 12, 8: 19}
"""Distinct answers of a group -> groups, counted in the rollouts of examples/quickstart.sh."""
THREADS = 8
THOUGHT = f"<think>{'The user asks for something that one of the tools can do. ' * 12}</think>\n"
LONG = 1_000_000
FORMS = ("python", "json", "hermes")
EXPECTED = (
    "[]",
    '[{"name": "f", "arguments": {"a": "x"}}]',
    json.dumps(
        {
            "calls": [
                {"name": "f", "arguments": {"a": [f"é{n}", f"x{n}", n, [n]]}} for n in range(30)
            ],
            "alternatives": True,
        }
    ),
)


def hostile(size: int) -> dict[str, str]:
    """Answers of about `size` characters, built to take long."""
    few, many = size // 2, size
    return {
        "list of integers": "[f(a=[" + "1," * few + "])]",
        "list of floats": "[f(a=[" + "1.5," * (size // 4) + "])]",
        "list of strings": "[f(a=[" + "'x'," * (size // 4) + "])]",
        "list of tuples": "[f(a=[" + "(1)," * (size // 4) + "])]",
        "escapes": "[f(a='" + r"\n" * few + "')]",
        "strings side by side": "[f(a=" + "'x'" * (size // 3) + ")]",
        "brackets": "[f(a=" + "[" * many,
        "digits": "[f(a=" + "1" * many + ")]",
        "dotted name": "[" + "a." * few + "f()]",
        "many arguments": "[f(" + ",".join(f"a{n}=1" for n in range(size // 9)) + ")]",
        "blanks": "[f(" + " " * many,
        "prose": "word " * (size // 5),
        "calls that never close": "f(" * few,
        "JSON brackets": '[{"name":' + "[" * many,
        "combining marks": "[f(a='" + "\u0301\u0323" * few + "')]",
        "accents apart": "[f(a='" + "e\u0301" * few + "')]",
        "accents apart, thirty calls": "[f(a='" + "e\u0301" * few + "')" + ", f(a=1)" * 29 + "]",
        "accented arguments": "[f(" + ",".join(f"é{n}=1" for n in range(size // 9)) + ")]",
        "quotes": "[f(a=" + "'" * many,
        "open tags": "<think>" * (size // 7),
    }


_numbers = count()


def fresh(text: str) -> str:
    """`text` with blanks behind it that no text had before: what JSON reads is the same."""
    digits = f"{next(_numbers):020b}"
    return text + digits.replace("0", " ").replace("1", "\n")


def scorer_of(checkout: str) -> Task:
    """`compute_score` of another checkout, with modules of its own."""
    ours = {name: sys.modules.pop(name) for name in list(sys.modules) if is_ours(name)}
    sys.path.insert(0, checkout)
    scorer: Task = import_module("egpo_verl.reward").compute_score
    sys.path.remove(checkout)
    for name in filter(is_ours, list(sys.modules)):
        del sys.modules[name]
    sys.modules |= ours
    return scorer


def is_ours(module: str) -> bool:
    """Whether a module is of this package."""
    return module.split(".")[0] == "egpo_verl"


def microseconds(task: Callable[[], object], prepare: Task = tuple) -> float:
    """The least CPU time of `task` over the rounds, each after `prepare`."""
    best = float("inf")
    for _ in range(ROUNDS):
        prepare()
        start = time.thread_time()
        task()
        best = min(best, time.thread_time() - start)
    return best * 1e6


def table_row(name: str, times: Sequence[float]) -> str:
    """A line of the table: mean, median, 99th percentile."""
    mean, median = statistics.fmean(times), statistics.median(times)
    return f"| {name} | {mean:.1f} | {median:.1f} | {statistics.quantiles(times, n=100)[98]:.1f} |"


class Prompt:
    """A prompt as the reward sees it, that can become new to the reward's caches."""

    def __init__(self, scorer: Task, entry: Entry) -> None:
        self.scorer, self.reference, self.tools = scorer, entry.reference, entry.tools

    def score(self, *responses: str) -> None:
        """Verdicts as in training: exact comparison, no option."""
        for response in responses:
            self.scorer("bfcl", response, self.reference, {"tools": self.tools})

    def renew(self) -> None:
        """As a prompt whose functions an earlier one offered."""
        self.reference = fresh(self.reference)

    def renew_all(self) -> None:
        """As the first prompt."""
        self.reference, self.tools = fresh(self.reference), fresh(self.tools)

    def renew_compiled(self) -> None:
        """As a prompt with one response judged, which was another."""
        self.renew()
        self.score(f"{THOUGHT}[]")


def groups() -> list[tuple[Entry, list[str]]]:
    """For each prompt a right answer and up to seven wrong ones."""
    prompts = []
    for entry in entries():
        mutated = (mutation(entry.calls) for mutation in MUTATIONS.values())
        answers = dict.fromkeys(render(calls) for calls in mutated if calls is not None)
        prompts.append((entry, list(answers)[:GROUP]))
    return prompts


def beside_bfcl(official: Official, scorers: Mapping[str, Task], prompts: Prompts) -> list[str]:
    """One answer at a time, its row compiled before, as after a prompt's first response."""
    theirs: list[float] = []
    distinct: dict[str, list[float]] = {name: [] for name in scorers}
    repeated: dict[str, list[float]] = {name: [] for name in scorers}
    for entry, answers in prompts:
        for answer in answers:
            theirs.append(microseconds(lambda: official.error(entry, answer)))  # noqa: B023
            for name, scorer in scorers.items():
                prompt = Prompt(scorer, entry)
                task = lambda: prompt.score(THOUGHT + answer)  # noqa: B023, E731
                distinct[name].append(microseconds(task, prompt.renew_compiled))
                repeated[name].append(microseconds(task))
    lines = [
        f"{len(theirs):,} answers, one at a time; tools and reference compiled before:",
        "",
        "| CPU time of a verdict | mean us | median us | p99 us |",
        "|---|---:|---:|---:|",
        table_row("bfcl_eval: decode, ast_checker", theirs),
    ]
    for name in scorers:
        lines.append(table_row(f"{name}: thought to verdict", distinct[name]))
        lines.append(table_row(f"{name}: answer seen before", repeated[name]))
    return [*lines, ""]


def in_groups(official: Official, scorers: Mapping[str, Task], prompts: Prompts) -> list[str]:
    """Eight responses a prompt; ours from cold, so that compiling the row is inside its time."""
    complete = [(entry, answers) for entry, answers in prompts if len(answers) == GROUP]
    lines = [
        f"Groups of {GROUP} responses to a prompt, some with the same answer behind the thought. "
        "BFCL is given functions and answers as objects; in our time tools and reference are "
        "compiled from JSON, once a group: *cold*, or *tools seen*, where an earlier prompt "
        f"offered the same functions. *Drawn* is how many of {sum(DRAWN.values())} groups had so "
        "many distinct answers in the 40 steps of examples/quickstart.sh (temperature 0.7, the "
        "paper's).",
        "",
    ]
    for name, scorer in scorers.items():
        lines += [
            f"| {name}: distinct answers | drawn | bfcl_eval us | cold us | part "
            "| tools seen us | part |",
            "|---:|---:|---:|---:|---:|---:|---:|",
        ]
        mean = [0.0, 0.0, 0.0]
        for distinct, drawn in DRAWN.items():
            totals = [0.0, 0.0, 0.0]
            for entry, answers in complete:
                repeated = [answers[n % distinct] for n in range(GROUP)]
                responses = [THOUGHT + answer for answer in repeated]
                times = group_times(official, Prompt(scorer, entry), entry, repeated, responses)
                totals = [total + time for total, time in zip(totals, times, strict=True)]
            share = drawn / sum(DRAWN.values())
            each = [total / len(complete) / GROUP for total in totals]
            mean = [m + time * share for m, time in zip(mean, each, strict=True)]
            lines.append(group_row(str(distinct), str(drawn), each))
        lines += [group_row("as drawn", str(sum(DRAWN.values())), mean), ""]
    return lines


def group_times(
    official: Official, prompt: Prompt, entry: Entry, answers: list[str], responses: list[str]
) -> tuple[float, float, float]:
    """Time of a group: BFCL's, ours with nothing compiled, ours with the tools compiled."""
    return (
        microseconds(lambda: [official.error(entry, answer) for answer in answers]),
        microseconds(lambda: prompt.score(*responses), prompt.renew_all),
        microseconds(lambda: prompt.score(*responses), prompt.renew),
    )


def group_row(distinct: str, drawn: str, times: Sequence[float]) -> str:
    """A line of the table: BFCL's time, ours twice with its part of BFCL's."""
    theirs, cold, seen = times
    return (
        f"| {distinct} | {drawn} | {theirs:.1f} | {cold:.1f} | {cold / theirs:.2f} "
        f"| {seen:.1f} | {seen / theirs:.2f} |"
    )


def from_threads(prompts: Prompts) -> list[str]:
    """CPU time of a batch, every answer twice, from cold."""
    count_of_jobs = 0

    def cpu(run: Callable[[list[tuple[Prompt, str]]], object]) -> float:
        nonlocal count_of_jobs
        times = []
        for _ in range(ROUNDS):
            jobs = []
            for entry, answers in prompts:
                prompt = Prompt(compute_score, entry)
                prompt.renew_all()
                jobs += [(prompt, THOUGHT + answer) for answer in answers * 2]
            start = time.process_time()
            run(jobs)
            times.append((time.process_time() - start) / len(jobs))
        count_of_jobs = len(jobs)
        return min(times) * 1e6

    with ThreadPoolExecutor(THREADS) as pool:
        pooled = cpu(lambda jobs: list(pool.map(lambda job: job[0].score(job[1]), jobs)))
        nothing = cpu(lambda jobs: list(pool.map(lambda job: None, jobs)))
    single = cpu(lambda jobs: [prompt.score(response) for prompt, response in jobs])
    return [
        f"A batch of {count_of_jobs:,} responses from cold, CPU time of one: {single:.1f} us from "
        f"one thread, {pooled:.1f} us from a pool of {THREADS} threads, of which {nothing:.1f} us "
        "are the pool's own (the same with a task that does nothing).",
        "",
    ]


def hostile_ms(name: str, size: int) -> float:
    """Milliseconds of the slowest verdict on a hostile answer, with no call expected or some."""
    worst = 0.0
    for expected, form, strings in product(EXPECTED, FORMS, ("exact", "bfcl")):
        times = []
        for at in range(ROUNDS):
            response = THOUGHT + hostile(size - 10 * at)[name]
            start = time.thread_time()
            compute_score("hostile", response, expected, {"call_form": form}, strings=strings)
            times.append(time.thread_time() - start)
        worst = max(worst, min(times) * 1e3)
    return worst


def worst_cases() -> list[str]:
    """Time of hostile answers at three lengths, where calls are expected and where none is."""
    sizes = (4_000, 32_000, LONG)
    lines = [
        "Hostile answers, where no call, one, and thirty with alternatives are expected, in three "
        "forms and under both comparisons of strings, the slowest:",
        "",
        "| answer | 4 kB ms | 32 kB ms | 1 MB ms |",
        "|---|---:|---:|---:|",
    ]
    worst = dict.fromkeys(sizes, 0.0)
    for name in hostile(10):
        times = {size: hostile_ms(name, size) for size in sizes}
        worst = {size: max(ms, times[size]) for size, ms in worst.items()}
        lines.append(f"| {name} | {' | '.join(f'{ms:.2f}' for ms in times.values())} |")
    return [*lines, f"| **worst** | {' | '.join(f'**{ms:.2f}**' for ms in worst.values())} |"]


class Hostile(NamedTuple):
    """A row and answers of about 32 kB to it, or as long as its bounds let them be."""

    reference: str
    tools: str | None
    answer: Callable[[int], str]
    strings: str = "exact"


def calls_text(count: int, arguments: Callable[[int], dict[str, Any]]) -> str:
    """So many calls of `f` as JSON."""
    return json.dumps([{"name": "f", "arguments": arguments(n)} for n in range(count)])


def tools_text(argument: Any, **definitions: Any) -> str:
    """`f` with one declared argument as JSON."""
    parameters = {"type": "object", "properties": {"a": argument}, "$defs": definitions}
    return json.dumps([{"name": "f", "parameters": parameters}])


def answer_text(count: int, arguments: Callable[[int], dict[str, Any]]) -> str:
    """So many calls of `f` in the Python form."""
    calls = (", ".join(f"{k}={v!r}" for k, v in arguments(n).items()) for n in range(count))
    return f"[{', '.join(f'f({inside})' for inside in calls)}]"


def hostile_rows() -> dict[str, Hostile]:
    """Rows that make the comparison work, each with wrong answers; `n` makes one new."""
    defaults = {"properties": {f"k{n}": {"type": "integer", "default": n} for n in range(6)}}
    many = {"properties": {f"k{n}": {"default": n} for n in range(100)}}
    node = {"$ref": "#/$defs/N"}
    union = {
        "anyOf": [
            {"type": "object", "properties": {"c": node, "d": {"enum": ["x"]}}},
            {"type": "object", "properties": {"c": node, "e": {"default": 1}}},
            {"type": "array", "items": node},
            {"type": "integer"},
        ]
    }
    texts = {"calls": [], "alternatives": True}
    for n in range(60):
        values = [f"x{n * 8 + at} " * 60 for at in range(8)]
        texts["calls"].append({"name": "f", "arguments": {"a": values}})
    names = [f"a{n}" for n in range(62)]

    def nested(inner: Any) -> Any:
        for _ in range(21):
            inner = {"c": inner}
        return inner

    return {
        "60 calls with defaults inside": Hostile(
            calls_text(60, lambda n: {"a": {"k0": n}}),
            tools_text({"type": "object", **defaults}),
            lambda new: answer_text(60, lambda n: {"a": {"k0": n + 1, "k1": new}}),
        ),
        "60 calls of 8 long alternatives, strings=bfcl": Hostile(
            json.dumps(texts),
            None,
            lambda new: answer_text(60, lambda n: {"a": f"y{n + new} " * 60}),
            "bfcl",
        ),
        "64 calls that differ in the last of 63 arguments": Hostile(
            calls_text(64, lambda n: {**dict.fromkeys(names, 1), "z": n}),
            None,
            lambda new: answer_text(64, lambda n: {**dict.fromkeys(names, 1), "z": n + 1 + new}),
        ),
        "60 calls of lists that differ in the last item": Hostile(
            calls_text(60, lambda n: {"a": [1] * 60 + [n]}),
            None,
            lambda new: answer_text(60, lambda n: {"a": [1] * 60 + [n + 1 + new]}),
        ),
        "1,000 objects of 100 defaults": Hostile(
            calls_text(1, lambda n: {"a": [{}] * 900}),
            tools_text({"type": "array", "items": many}),
            lambda new: answer_text(1, lambda n: {"a": [{"k1": new + 2}] * 900}),
        ),
        "a union inside itself, 21 levels deep": Hostile(
            calls_text(1, lambda n: {"a": nested([1] * 3_900)}),
            tools_text(node, N=union),
            lambda new: answer_text(1, lambda n: {"a": nested([new + 2] * 3_900)}),
        ),
        "unique items": Hostile(
            calls_text(1, lambda n: {"a": [1]}),
            tools_text({"type": "array", "uniqueItems": True}),
            lambda new: answer_text(1, lambda n: {"a": list(range(new, new + 4_000))}),
        ),
    }


def slowest_rows() -> list[str]:
    """Time of wrong answers to rows that make the comparison work."""
    lines = [
        "Wrong answers to rows that make the comparison work; the row was compiled before:",
        "",
        "| row | characters | ms |",
        "|---|---:|---:|",
    ]
    for name, row in hostile_rows().items():
        info = {"tools": row.tools}

        def task(response: str, row: Hostile = row, info: Any = info) -> object:
            return compute_score("slow", response, row.reference, info, strings=row.strings)

        task(THOUGHT + row.answer(ROUNDS))
        times = []
        for at in range(ROUNDS):
            response = THOUGHT + row.answer(at)
            start = time.thread_time()
            task(response)
            times.append(time.thread_time() - start)
        lines.append(f"| {name} | {len(response):,} | {min(times) * 1e3:.2f} |")
    return [*lines, ""]


def main() -> None:
    """Print the tables, and write them to a report if one is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, nargs="?")
    parser.add_argument("--beside", metavar="CHECKOUT", help="another checkout of this repository")
    parser.add_argument("--every", type=int, default=1, help="of so many prompts, take one")
    arguments = parser.parse_args()
    scorers: dict[str, Task] = {"compute_score": compute_score}
    if arguments.beside:
        scorers["of the other checkout"] = scorer_of(arguments.beside)
    official, prompts = Official(), list(islice(groups(), 0, None, arguments.every))
    lines = [
        "# Speed of the reward",
        "",
        f"Made by `benchmarks/reward_speed.py` on Python {sys.version.split()[0]}, bfcl-eval "
        "2026.3.23: right answers to BFCL's single-turn Python entries and mutations of them.",
        "",
        *beside_bfcl(official, scorers, prompts),
        *in_groups(official, scorers, prompts),
        *from_threads(prompts),
        *slowest_rows(),
        *worst_cases(),
    ]
    text = "\n".join(lines) + "\n"
    Console(soft_wrap=True, highlight=False, markup=False).print(text)
    if arguments.report:
        arguments.report.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
