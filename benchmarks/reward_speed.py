"""How long is one verdict? `python benchmarks/reward_speed.py [REPORT.md]`

Whole responses (thought included) through `compute_score`, beside BFCL's decoder and checker on the
answers alone, in one run; then the worst hostile responses, and growth with length. Times are CPU
time, the least of several runs, so that other work on the machine counts little. See
benchmarks/bfcl_entries.py for the environment needed.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from bfcl_entries import Entry, Official, entries
from bfcl_mutations import MUTATIONS
from rich.console import Console

from egpo_verl import reward
from egpo_verl.calls import render, values
from egpo_verl.reward import compute_score

Task = Callable[..., object]

ROUNDS = 5
GROUP = 8
DRAWN = {1: 97, 2: 75, 3: 50, 4: 26, 5: 30, 6: 11, 7: 12, 8: 19}
"""Distinct answers of a group -> groups, counted in the rollouts of examples/quickstart.sh."""
THREADS = 8
THOUGHT = f"<think>{'The user asks for something that one of the tools can do. ' * 12}</think>\n"
LONG = 1_000_000
WANTED = (
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


def microseconds(task: Task, *arguments: object, before: Task | None = None) -> float:
    """The least CPU time of `task` over the rounds, each begun by `before`."""
    best = float("inf")
    for _ in range(ROUNDS):
        if before:
            before()
        start = time.thread_time()
        task(*arguments)
        best = min(best, time.thread_time() - start)
    return best * 1e6


def table_row(name: str, times: Sequence[float]) -> str:
    """A line of the table: mean, median, 99th percentile."""
    mean, median = statistics.fmean(times), statistics.median(times)
    return f"| {name} | {mean:.1f} | {median:.1f} | {statistics.quantiles(times, n=100)[98]:.1f} |"


def score(entry: Entry, answer: str, info: dict[str, str]) -> object:
    """One verdict of ours, as in training: exact comparison, no option."""
    return compute_score("bfcl", answer, entry.reference, info)


def forget_rows() -> None:
    """As before a new prompt: nothing judged, no reference compiled."""
    reward._score_cached.cache_clear()
    reward._row.cache_clear()


def forget() -> None:
    """As after a start: no tools compiled either."""
    forget_rows()
    reward._tools.cache_clear()
    values._composed.cache_clear()
    values._standardised.cache_clear()


def groups() -> list[tuple[Entry, list[str]]]:
    """For each prompt a right answer and up to seven wrong ones."""
    found = []
    for entry in entries():
        mutated = (mutation(entry.calls) for mutation in MUTATIONS.values())
        answers = dict.fromkeys(render(calls) for calls in mutated if calls is not None)
        found.append((entry, list(answers)[:GROUP]))
    return found


def beside_bfcl(official: Official, prompts: list[tuple[Entry, list[str]]]) -> list[str]:
    """One answer at a time, its row compiled before, as after a prompt's first response."""
    theirs, distinct, repeated = [], [], []
    for entry, answers in prompts:
        info = {"tools": entry.tools}
        for answer in answers:
            response = THOUGHT + answer
            theirs.append(microseconds(official.error, entry, answer))
            score(entry, response, info)
            repeated.append(microseconds(score, entry, response, info))
            reward.CACHED_CHARS = -1
            distinct.append(microseconds(score, entry, response, info))
            reward.CACHED_CHARS = 4_096
    return [
        f"{len(theirs):,} answers, one at a time; tools and reference compiled before:",
        "",
        "| CPU time of a verdict | mean us | median us | p99 us |",
        "|---|---:|---:|---:|",
        table_row("bfcl_eval: decode, ast_checker", theirs),
        table_row("compute_score: thought to verdict", distinct),
        table_row("compute_score: answer seen before", repeated),
        "",
    ]


def in_groups(official: Official, prompts: list[tuple[Entry, list[str]]]) -> list[str]:
    """Eight responses a prompt; ours from cold, so that compiling the row is inside its time."""
    lines = [
        f"Groups of {GROUP} responses to a prompt, some with the same answer behind the thought. "
        "BFCL is given functions and answers as objects; in our time tools and reference are "
        "compiled from JSON, once a group: *cold*, or *tools seen*, where an earlier prompt "
        f"offered the same functions. *Drawn* is how many of {sum(DRAWN.values())} groups had so "
        "many distinct answers in the 40 steps of examples/quickstart.sh (temperature 0.7, the "
        "paper's).",
        "",
        "| distinct answers | drawn | bfcl_eval us | cold us | part | tools seen us | part |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    chosen = [(entry, answers) for entry, answers in prompts if len(answers) == GROUP]
    mean = [0.0, 0.0, 0.0]
    for distinct, drawn in DRAWN.items():
        totals = [0.0, 0.0, 0.0]
        for entry, answers in chosen:
            repeated = [answers[n % distinct] for n in range(GROUP)]
            responses = [THOUGHT + answer for answer in repeated]
            totals[0] += microseconds(all_errors, official, entry, repeated)
            totals[1] += microseconds(all_scores, entry, responses, before=forget)
            totals[2] += microseconds(all_scores, entry, responses, before=forget_rows)
        times = [total / len(chosen) / GROUP for total in totals]
        mean = [m + time * drawn / sum(DRAWN.values()) for m, time in zip(mean, times, strict=True)]
        lines.append(group_row(str(distinct), str(drawn), times))
    return [*lines, group_row("as drawn", str(sum(DRAWN.values())), mean), ""]


def group_row(distinct: str, drawn: str, times: Sequence[float]) -> str:
    """A line of the table: BFCL's time, ours twice with its part of BFCL's."""
    theirs, cold, seen = times
    return (
        f"| {distinct} | {drawn} | {theirs:.1f} | {cold:.1f} | {cold / theirs:.2f} "
        f"| {seen:.1f} | {seen / theirs:.2f} |"
    )


def all_scores(entry: Entry, responses: list[str]) -> None:
    """Our verdicts on the responses to one prompt."""
    info = {"tools": entry.tools}
    for response in responses:
        score(entry, response, info)


def all_errors(official: Official, entry: Entry, answers: list[str]) -> None:
    """BFCL's verdicts on the answers to one prompt."""
    for answer in answers:
        official.error(entry, answer)


def from_threads(prompts: list[tuple[Entry, list[str]]]) -> list[str]:
    """CPU time of a batch, every answer twice, from cold."""
    jobs = [
        (entry, THOUGHT + answer, {"tools": entry.tools})
        for entry, answers in prompts
        for answer in answers * 2
    ]

    def cpu(run: Task) -> float:
        times = []
        for _ in range(ROUNDS):
            forget()
            start = time.process_time()
            run()
            times.append(time.process_time() - start)
        return min(times) / len(jobs) * 1e6

    with ThreadPoolExecutor(THREADS) as pool:
        pooled = cpu(lambda: list(pool.map(lambda job: score(*job), jobs)))
        nothing = cpu(lambda: list(pool.map(lambda job: None, jobs)))
    single = cpu(lambda: [score(*job) for job in jobs])
    return [
        f"A batch of {len(jobs):,} responses from cold, CPU time of one: {single:.1f} us from one "
        f"thread, {pooled:.1f} us from a pool of {THREADS} threads, of which {nothing:.1f} us are "
        "the pool's own (the same with a task that does nothing).",
        "",
    ]


def judge_hostile(response: str, wanted: str, form: str, strings: str) -> object:
    """One verdict on a hostile response."""
    return compute_score("hostile", response, wanted, {"call_form": form}, strings=strings)


def worst_cases() -> list[str]:
    """Time of hostile answers at three lengths, wanted and not wanted."""
    sizes = (4_000, 32_000, LONG)
    lines = [
        "Hostile answers, where no call, one, and thirty with alternatives are wanted, in three "
        "forms and under both comparisons of strings, the slowest:",
        "",
        "| answer | 4 kB ms | 32 kB ms | 1 MB ms |",
        "|---|---:|---:|---:|",
    ]
    worst = dict.fromkeys(sizes, 0.0)
    for name in hostile(10):
        cells = []
        for size in sizes:
            response = THOUGHT + hostile(size)[name]
            times = [
                microseconds(judge_hostile, response, *case, before=forget) / 1e3
                for case in product(WANTED, ("python", "json", "hermes"), ("exact", "bfcl"))
            ]
            worst[size] = max(worst[size], max(times))
            cells.append(f"{max(times):.2f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, f"| **worst** | {' | '.join(f'**{ms:.2f}**' for ms in worst.values())} |"]


def main(path: Path | None) -> None:
    """Print the tables, and write them to `path` if there is one."""
    official, prompts = Official(), groups()
    lines = [
        "# Speed of the reward",
        "",
        f"Made by `benchmarks/reward_speed.py` on Python {sys.version.split()[0]}, bfcl-eval "
        "2026.3.23: right answers to BFCL's single-turn Python entries and mutations of them.",
        "",
        *beside_bfcl(official, prompts),
        *in_groups(official, prompts),
        *from_threads(prompts),
        *worst_cases(),
    ]
    text = "\n".join(lines) + "\n"
    Console(soft_wrap=True, highlight=False, markup=False).print(text)
    if path:
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
