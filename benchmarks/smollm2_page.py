"""The tables and the picture of docs/smollm2.md, from the logs in benchmarks/smollm2.

    python benchmarks/smollm2_page.py             rewrites the page between its marks; the picture
    python benchmarks/smollm2_page.py --check     exit code 1 where the page's tables are not these

The cold start and its rows have to be packed; what is not there of the others is left out.

Held-out accuracy is the share of right responses (the reward's `acc`). A standard error is over the
rows of the test split, whose responses are not independent: of the rows' shares, or of the rows'
differences where two models are compared.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from smollm2_pack import PACKED, packed

from egpo_verl.cli import RIGHT, markdown_table
from egpo_verl.compare.curves import draw
from egpo_verl.compare.run_log import Run, read_run
from egpo_verl.compare.runs import RANGE, RunGroup

PAGE = Path(__file__).parents[1] / "docs" / "smollm2.md"
PICTURE = PAGE.with_suffix(".png")
MARKS = "<!-- {name}: made by benchmarks/smollm2_page.py -->", "<!-- end -->"
MODELS = {
    "untuned": "untuned",
    "cold_start": "cold start",
    "grpo_8_steps_on_all_rows": "8 steps of GRPO on all rows",
    "grpo": "12 steps of GRPO",
    "egpo": "12 steps of EGPO",
}
ARMS = ("grpo_8_steps_on_all_rows", "grpo", "egpo")
COMPARED = (*((arm, "cold_start") for arm in ARMS), ("egpo", "grpo"))
CATEGORIES = ("simple_python", "multiple", "parallel", "irrelevance", "live_simple")
DRAWN = "live_multiple"
"""Of which a seeded part was asked, in a folder of its own."""
KINDS = {
    "0 arguments": "one call, no argument",
    "1 arguments": "one call, one argument",
    "2 arguments": "one call, two arguments",
    "3 arguments": "one call, three or more",
    "several calls": "several calls",
    "no call": "no call",
}
"""What a reference calls, as packed -> as shown."""
GROUP = 8
"""Responses to a prompt in training."""
SHOWN_STEPS = 6
SHOWN_REASONS = 7
Shares = Mapping[str, float]
"""Row of the test split -> share of right responses."""


def is_packed(name: str) -> bool:
    return (PACKED / f"{name}.jsonl.gz").exists()


def log(name: str) -> Run:
    """A packed log, read as any log."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.jsonl"
        file.write_bytes(gzip.decompress((PACKED / f"{name}.jsonl.gz").read_bytes()))
        return read_run(file)


def measured(values: Sequence[float], sign: str = "") -> str:
    """Mean and standard error of shares, in points."""
    error = stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{100 * fmean(values):{sign}.1f} ± {100 * error:.1f}"


def held_out() -> Iterator[str]:
    """Accuracy on the test split, and what a model gains over another."""
    counts = packed("held_out.json")
    shares: dict[str, Shares] = {
        model: {row: right / of for row, (right, of) in counts[model].items()}
        for model in MODELS
        if model in counts
    }
    lines = [
        (
            MODELS[model],
            f"{sum(right for right, _ in counts[model].values())} of "
            f"{sum(of for _, of in counts[model].values())}",
            measured(list(shares[model].values())),
        )
        for model in shares
    ]
    yield from markdown_table(("model", "right responses", "accuracy %"), lines, RIGHT)
    yield ""
    differences = [
        (f"{MODELS[one]} − {MODELS[other]}", measured(difference(shares[one], shares[other]), "+"))
        for one, other in COMPARED
        if one in shares and other in shares
    ]
    yield from markdown_table(("difference, by row", "points"), differences, RIGHT)


def difference(one: Shares, other: Shares) -> list[float]:
    """Of the rows that both have answered."""
    return [one[row] - other[row] for row in one if row in other]


def reasons() -> Iterator[str]:
    """Why responses to the test split fail, the most frequent after the cold start first."""
    why = packed("reasons.json")
    models = [model for model in MODELS if model in why]
    shown = list(why["cold_start"])[:SHOWN_REASONS]
    lines = [(reason, *(str(why[model].get(reason, 0)) for model in models)) for reason in shown]
    left = (sum(n for one, n in why[model].items() if one not in shown) for model in models)
    lines.append(("other reasons", *map(str, left)))
    yield from markdown_table(
        ("why a response fails", *(MODELS[model] for model in models)), lines, RIGHT
    )


def arguments() -> Iterator[str]:
    """Right responses by what the reference calls."""
    told = packed("arguments.json")
    models = [model for model in MODELS if model in told and model != "untuned"]
    lines = []
    for kind, name in KINDS.items():
        right = (str(of(told[model], kind)[0]) for model in models)
        lines.append((name, str(of(told["cold_start"], kind)[1]), *right))
    columns = (MODELS[model] for model in models)
    yield from markdown_table(("the reference", "responses", *columns), lines, RIGHT)


def of(counted: Mapping[str, Sequence[int]], kind: str) -> Sequence[int]:
    return counted.get(kind, (0, 0))


def learned() -> Iterator[str]:
    """What the references call of which the cold start and RL learned."""
    rows = packed("rows.json")
    columns = {
        "test": "test split",
        "train": "training rows",
        "sft_train": "demonstrations",
        "rl_train": "rows that RL draws from",
    }
    groups = {arm: f"groups, {MODELS[arm]}" for arm in ARMS if arm in rows}
    lines = []
    for kind, name in KINDS.items():
        drawn = (str(rows[file].get(kind, 0)) for file in columns)
        learned_from = (str(rows[arm].get(kind, 0) // GROUP) for arm in groups)
        lines.append((name, *drawn, *learned_from))
    titles = ("the reference", *columns.values(), *groups.values())
    yield from markdown_table(titles, lines, RIGHT)


def bfcl() -> Iterator[str]:
    """Official counts by category."""
    told = packed("bfcl.json")
    models = [model for model in MODELS if model in told]
    lines = [(name, *(cell(told[model], name) for model in models)) for name in CATEGORIES]
    draws = {told[name]["draw"] for name in told if name.endswith(DRAWN)}
    for draw_size in draws:
        cells = (cell(told.get(f"{model}-{DRAWN}", {}), DRAWN) for model in models)
        lines.append((f"{DRAWN}, {draw_size} drawn", *cells))
    left_out = (left_out_required(told[model]) for model in models)
    lines.append(("simple_python: a required argument left out", *left_out))
    yield from markdown_table(
        ("right by bfcl-eval", *(MODELS[model] for model in models)), lines, RIGHT
    )
    if not (required := packed("rows.json").get("simple_python")):
        return
    several = sum(count for number, count in required.items() if int(number) > 1)
    yield ""
    yield (
        f"{several} of the {sum(required.values())} functions of `simple_python` require two "
        "arguments or more."
    )


def bfcl_differences() -> Iterator[str]:
    """What a model gains over another in each category, by question."""
    told, right = packed("bfcl.json"), packed("bfcl_right.json")
    pairs = [(one, other) for one, other in COMPARED if one in right and other in right]
    lines = []
    for category in (*CATEGORIES, DRAWN):
        suffix = f"-{DRAWN}" if category == DRAWN else ""
        cells = []
        for one, other in ((one + suffix, other + suffix) for one, other in pairs):
            if one in right and other in right:
                asked = told[one]["categories"][category]["scored"]
                gains = by_question(right[one][category], right[other][category], asked)
                cells.append(measured(gains, "+"))
            else:
                cells.append("–")
        lines.append((category, *cells))
    titles = (f"{MODELS[one]} − {MODELS[other]}" for one, other in pairs)
    yield from markdown_table(("difference in points, by question", *titles), lines, RIGHT)


def by_question(right: Sequence[str], right_before: Sequence[str], asked: int) -> list[float]:
    """1 for each question gained, -1 for each lost, and 0 for the others of those asked."""
    gained = len(set(right) - set(right_before))
    lost = len(set(right_before) - set(right))
    return [1.0] * gained + [-1.0] * lost + [0.0] * (asked - gained - lost)


def left_out_required(run: Mapping[str, Any]) -> str:
    errors = run["categories"].get("simple_python", {}).get("errors", {})
    return f"{sum(n for error, n in errors.items() if error.endswith('missing_required'))}"


def cell(run: Mapping[str, Any], category: str) -> str:
    counts = run.get("categories", {}).get(category)
    return f"{counts['correct']} of {counts['scored']}" if counts else "–"


def cold_start() -> Iterator[str]:
    """The loss of some steps."""
    if not is_packed("cold_start"):
        return
    steps, losses = log("cold_start").series("train/loss")
    shown = [round(place * (len(steps) - 1) / (SHOWN_STEPS - 1)) for place in range(SHOWN_STEPS)]
    cells = (str(steps[place]) for place in shown)
    values = (f"{losses[place]:.2f}" for place in shown)
    yield from markdown_table(("step", *cells), [("loss", *values)], RIGHT)
    yield ""
    loss = log("cold_start").series("val/loss")[1]
    yield f"On demonstrations of the test split it is {loss[-1]:.2f} at the end."


def times() -> Iterator[str]:
    """How long a step of each arm took, of what, and the trainer's memory at its highest."""
    names = ("gen", "old_log_prob", "ref", "update_actor", "adv", "step")
    lines = []
    for arm in filter(is_packed, ARMS):
        run = log(arm)
        seconds = [run.series(f"timing_s/{name}")[1] for name in names]
        cells = (f"{fmean(one):.2f}" if one else "–" for one in seconds)
        peak = max(run.series("actor/perf/max_memory_allocated_gb")[1])
        lines.append((MODELS[arm], *cells, f"{peak:.1f}"))
    yield from markdown_table(("seconds a step", *names, "GiB"), lines, RIGHT)


PARTS = {
    "held_out": held_out,
    "reasons": reasons,
    "arguments": arguments,
    "learned": learned,
    "bfcl": bfcl,
    "bfcl_differences": bfcl_differences,
    "cold_start": cold_start,
    "times": times,
}


def filled(page: str) -> str:
    """The page with its parts between the marks."""
    for name, part in PARTS.items():
        start, end = MARKS[0].format(name=name), MARKS[1]
        before, found, rest = page.partition(start)
        if not found:
            raise SystemExit(f"{PAGE} has no mark '{start}'.")
        _, _, after = rest.partition(end)
        page = "\n".join([before + start, "", *part(), "", end]) + after
    return page


def main(arguments: Sequence[str]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    made = filled(page)
    if "--check" in arguments:
        raise SystemExit(int(made != page))
    PAGE.write_text(made, encoding="utf-8")
    arms = filter(is_packed, ARMS)
    draw([RunGroup(MODELS[arm], (log(arm),)) for arm in arms], PICTURE, RANGE)


if __name__ == "__main__":
    main(sys.argv[1:])
