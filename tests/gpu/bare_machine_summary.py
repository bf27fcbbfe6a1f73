"""What a run of bare_machine.sh measured, as JSON lines and a table: `... DIR --device cuda`.

The lines go to DIR/summary.jsonl too. A part that failed has its exit code and the end of its log.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from egpo_verl.cli import Parser, out, run, say, table
from egpo_verl.compare.run_log import Run, read_run

Line = dict[str, Any]

TRAININGS = {"egpo": "10 steps, EGPO", "lam0": "10 steps, lam=0"}
WARM = 3
"""Steps that pay for compilation and caches."""
TIMES = ("adv", "step", "gen", "old_log_prob", "update_actor", "update_weights")
METRICS = ("egpo/cot_entropy", "egpo/bonus", "training/rollout_probs_diff_mean")
LOG_LINES = 15


def hardware(device: str) -> Line:
    name = f"CPU, {platform.machine()}"
    if device == "cuda":
        import torch

        seen = torch.cuda.is_available()
        name = torch.cuda.get_device_name() if seen else "none, torch sees no GPU"
    packages = {package: version(package) for package in ("torch", "transformers", "verl", "ray")}
    return {"hardware": name, "python": platform.python_version(), **packages}


def parts(folder: Path) -> Iterator[Line]:
    """How each part ended, in their order."""
    for row in (folder / "parts.tsv").read_text(encoding="utf-8").splitlines():
        name, code, seconds = row.split("\t")
        ended: Line = {"part": name, "exit_code": int(code), "seconds": int(seconds)}
        if ended["exit_code"]:
            log = (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
            ended["end_of_log"] = log.splitlines()[-LOG_LINES:]
        yield ended


def figures(folder: Path, name: str) -> Iterator[Line]:
    """What a part measured before it ended; nothing where it got to nothing."""
    file = folder / f"{name}.jsonl"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    if not text.strip():
        return
    if name in TRAININGS:
        yield training(read_run(file), name)
        return
    for row in text.splitlines():
        yield {"measured": name, **json.loads(row)}


def training(log: Run, name: str) -> Line:
    """Medians over the steps after the first few, and the rewards of all."""
    steps, scores = log.series("critic/score/mean")
    line: Line = {"measured": name, "steps": len(steps), "after": WARM}
    for metric in (*(f"timing_s/{time}" for time in TIMES), *METRICS):
        values = log.series(metric)[1][WARM:]
        line[metric] = median(values) if values else None
    return {**line, "rewards": scores}


def table_rows(ended: list[Line], measured: list[Line]) -> Iterator[tuple[str, str]]:
    for line in measured:
        name = line["measured"]
        if name == "advantage":
            ratio = line["stage"] / line["grpo"]
            times = f"{line['stage']:.1f} ms, grpo {line['grpo']:.1f} ms, ratio {ratio:.2f}"
            yield f"advantage stage, {line['rows']:,} x {line['tokens']:,}", times
        elif name == "entropy":
            share = line["largest_relative_difference"]
            yield "entropy, bfloat16 beside float32", f"at most {share:.2%} apart"
        elif name in TRAININGS:
            yield TRAININGS[name], f"{line['steps']} logged"
            for time in TIMES:
                seconds = line[f"timing_s/{time}"]
                shown = "none" if seconds is None else f"{seconds:.4f} s"
                yield f"  timing_s/{time}, median after {WARM} steps", shown
    for line in ended:
        if line["exit_code"]:
            why = "ran out of time" if line["exit_code"] in (124, 137) else "failed"
            yield line["part"], f"{why} after {line['seconds']} s: {line['part']}.log"


def main() -> int:
    parser = Parser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="what bare_machine.sh wrote")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    options = parser.parse_args()
    machine, ended = hardware(options.device), list(parts(options.folder))
    measured = [line for part in ended for line in figures(options.folder, part["part"])]
    lines = [json.dumps(line) for line in (machine, *ended, *measured)]
    (options.folder / "summary.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for text in lines:
        say(text)
    title = ", ".join(f"{name} {what}" for name, what in machine.items())
    out().print(table(title, ("", "measured"), table_rows(ended, measured)))
    return int(any(part["exit_code"] for part in ended))


if __name__ == "__main__":
    sys.exit(run(main))
