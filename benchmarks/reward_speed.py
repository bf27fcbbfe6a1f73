"""How long is one verdict? `python benchmarks/reward_speed.py [REPORT.md]`

Whole responses (thought included) through `compute_score`, beside BFCL's decoder and checker on the
answers alone, in one run; then the worst hostile responses, and growth with length. Times are CPU
time, the least of several runs, so that other work on the machine counts little. See
benchmarks/bfcl_entries.py for the environment needed.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bfcl_entries import Entry, Official, entries
from bfcl_mutations import MUTATIONS
from rich.console import Console

from egpo_verl import reward
from egpo_verl.calls import render
from egpo_verl.reward import compute_score

Task = Callable[..., object]

ROUNDS = 5
GROUP = 8
THREADS = 8
THOUGHT = f"<think>{'The user asks for something that one of the tools can do. ' * 12}</think>\n"
LONG = 1_000_000
WANTED = '[{"name": "f", "arguments": {"a": "x"}}]'


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


def forget() -> None:
    """As after a start: nothing compiled, nothing judged."""
    reward._score_cached.cache_clear()
    reward._row.cache_clear()
    reward._tools.cache_clear()


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
        f"Groups of {GROUP} responses to a prompt, tools and reference compiled from JSON inside "
        "our time (BFCL is given them as objects):",
        "",
        "| distinct answers in a group | bfcl_eval us | compute_score us | of it compiling |",
        "|---:|---:|---:|---:|",
    ]
    for distinct in (1, 2, 4, GROUP):
        totals = [0.0, 0.0, 0.0]
        count = 0
        for entry, answers in prompts:
            if len(answers) < GROUP:
                continue
            chosen = [answers[n % distinct] for n in range(GROUP)]
            responses = [THOUGHT + answer for answer in chosen]
            row = (entry.reference, entry.tools)
            totals[0] += microseconds(all_errors, official, entry, chosen)
            totals[1] += microseconds(all_scores, entry, responses, before=forget)
            totals[2] += microseconds(reward._row, *row, before=forget)
            count += GROUP
        lines.append(f"| {distinct} | {' | '.join(f'{total / count:.1f}' for total in totals)} |")
    return [*lines, ""]


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


def judge_hostile(response: str, wanted: str, form: str) -> object:
    """One verdict on a hostile response."""
    return compute_score("hostile", response, wanted, {"call_form": form})


def worst_cases() -> list[str]:
    """Time of hostile answers at three lengths, wanted and not wanted."""
    sizes = (4_000, 32_000, LONG)
    lines = [
        "Hostile answers, where a call is wanted and where none is, in three forms, the slowest:",
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
                microseconds(judge_hostile, response, wanted, form, before=forget) / 1e3
                for wanted in (WANTED, "[]")
                for form in ("python", "json", "hermes")
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
