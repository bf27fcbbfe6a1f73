"""Verdicts on answers to BFCL's questions, beside the time of BFCL's own decoder and checker."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from bfcl_entries import Entry, Official, entries
from bfcl_mutations import MUTATIONS
from reward_times import ROUNDS, THOUGHT, fresh, microseconds, table_row

from egpo_verl import reward
from egpo_verl.calls import render
from egpo_verl.reward import compute_score

Prompts = Sequence[tuple[Entry, list[str]]]

GROUP = 8
DRAWN = {1: 97, 2: 75, 3: 50, 4: 26, 5: 30, 6: 11, 7: 12, 8: 19}
"""Distinct answers of a group -> groups, counted in the rollouts of examples/quickstart.sh."""
THREADS = 8


class Prompt:
    """A prompt as the reward sees it, that can become new to the reward's caches."""

    def __init__(self, entry: Entry) -> None:
        self.reference, self.tools = entry.reference, entry.tools

    def score(self, *responses: str) -> None:
        """Verdicts as in training: exact comparison, no option."""
        for response in responses:
            compute_score("bfcl", response, self.reference, {"tools": self.tools})

    def renew(self) -> None:
        """As a prompt whose functions an earlier one offered."""
        self.reference = fresh(self.reference)

    def renew_all(self) -> None:
        """As the first prompt."""
        self.reference, self.tools = fresh(self.reference), fresh(self.tools)


def groups() -> list[tuple[Entry, list[str]]]:
    """For each prompt a right answer and up to seven wrong ones."""
    prompts = []
    for entry in entries():
        mutated = (mutation(entry.calls) for mutation in MUTATIONS.values())
        answers = dict.fromkeys(render(calls) for calls in mutated if calls is not None)
        prompts.append((entry, list(answers)[:GROUP]))
    return prompts


def beside_bfcl(official: Official, prompts: Prompts) -> list[str]:
    """One answer at a time, its row compiled before, as after a prompt's first response."""
    theirs, distinct, repeated = list[float](), list[float](), list[float]()
    for entry, answers in prompts:
        for answer in answers:
            theirs.append(microseconds(partial(official.error, entry, answer)))
            task = partial(Prompt(entry).score, THOUGHT + answer)
            task()
            repeated.append(microseconds(task))
            cached, reward.CACHED_CHARS = reward.CACHED_CHARS, -1  # judge every answer anew
            distinct.append(microseconds(task))
            reward.CACHED_CHARS = cached
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


def in_groups(official: Official, prompts: Prompts) -> list[str]:
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
        "| distinct answers | drawn | bfcl_eval us | cold us | part | tools seen us | part |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    mean = [0.0, 0.0, 0.0]
    for distinct, drawn in DRAWN.items():
        totals = [0.0, 0.0, 0.0]
        for entry, answers in complete:
            repeated = [answers[n % distinct] for n in range(GROUP)]
            responses = [THOUGHT + answer for answer in repeated]
            times = group_times(official, Prompt(entry), entry, repeated, responses)
            totals = [total + time for total, time in zip(totals, times, strict=True)]
        share = drawn / sum(DRAWN.values())
        each = [total / len(complete) / GROUP for total in totals]
        mean = [m + time * share for m, time in zip(mean, each, strict=True)]
        lines.append(group_row(str(distinct), str(drawn), each))
    return [*lines, group_row("as drawn", str(sum(DRAWN.values())), mean), ""]


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
                prompt = Prompt(entry)
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
