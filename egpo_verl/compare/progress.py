"""One short line a step out of verl's console, for people who watch a run:
`main_ppo ... 2>&1 | python -m egpo_verl.compare.progress --steps 40 --log console.log`.

verl prints its configuration, every metric and every library's warnings. This filter keeps all of
that in a file and shows a person how the run goes and how long it will take. Whether the run
succeeded is told by the run's exit code (`set -o pipefail`).
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console

from egpo_verl.cli import Parser, count, run
from egpo_verl.compare.held_out import source

STEP = re.compile(r"\bstep:(\d+) - (.*)")
METRIC = re.compile(r"([\w/@.-]+):(?:np\.\w+\()?(-?[\d.]+(?:e-?\d+)?)")
SHOWN = {
    "reward": "critic/score/mean",
    "CoT entropy": "egpo/cot_entropy",
    "bonus": "egpo/bonus",
    "KL": "actor/kl_loss",
    "length": "response_length/mean",
}
TAIL = 15


def metrics_of(line: str) -> tuple[int, dict[str, float]] | None:
    """Step and numbers of one line of verl's console logger; None for any other line."""
    match = STEP.search(line)
    if match is None:
        return None
    return int(match[1]), {name: float(value) for name, value in METRIC.findall(match[2])}


def describe(step: int, steps: int, metrics: dict[str, float], seconds_left: float | None) -> str:
    """The line for a person; `seconds_left` is None where nothing tells the pace yet."""
    parts = [f"{label} {metrics[name]:.3g}" for label, name in SHOWN.items() if name in metrics] + [
        f"{words} {value:.3g}" for name, value in metrics.items() if (words := source(name))
    ]
    if seconds_left is not None:
        minutes, seconds = divmod(int(seconds_left), 60)
        parts.append(f"left {minutes}:{seconds:02d}")
    return f"step {step:>3}/{steps}  " + "  ".join(parts)


def follow(lines: Iterable[str], steps: int, log: Path, console: Console) -> None:
    """Write `lines` to `log` and the steps among them to `console`."""
    last = 0
    tail: list[str] = []
    first: tuple[int, float] | None = None
    with log.open("a", encoding="utf-8") as file:
        for line in lines:
            file.write(line)
            tail = [*tail[1 - TAIL :], line]
            record = metrics_of(line)
            if record is None:
                continue
            last, metrics = record
            file.flush()
            if not last:  # the validation before the first step
                console.print(describe(0, steps, metrics, None), highlight=False, soft_wrap=True)
                continue
            now = time.monotonic()
            if first is None:
                first = last, now
            pace = (now - first[1]) / max(1, last - first[0])
            if last == first[0]:
                pace = metrics.get("timing_s/step", 0.0)
            left = pace * max(0, steps - last)
            console.print(describe(last, steps, metrics, left), highlight=False, soft_wrap=True)
    if last < steps:
        console.print(f"stopped at step {last} of {steps}; the log ends:", style="yellow")
        for line in tail:
            console.print(line.rstrip(), markup=False, highlight=False, soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = Parser(prog="python -m egpo_verl.compare.progress", description=__doc__)
    parser.add_argument("--steps", type=count, required=True, help="steps that the run will take")
    parser.add_argument("--log", type=Path, required=True, help="file that keeps every line")
    options = parser.parse_args(arguments)
    return run(lambda: follow(sys.stdin, options.steps, options.log, Console()))


if __name__ == "__main__":
    sys.exit(main())
