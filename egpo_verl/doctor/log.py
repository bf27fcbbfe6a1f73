"""`doctor --log FILE`: why rollouts failed and workers died, from a run's console output.

In verl 0.9.1 a rollout that fails is logged where it ran and left out of the batch
(verl/trainer/ppo/v1/agent_loop_tq.py:136); the run ends only when a whole step is empty, and in the
asynchronous modes not even then.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from egpo_verl.doctor.causes import CAUSES, Cause, meaning
from egpo_verl.doctor.finding import Finding, fail, ok, one_line, warn

ANSI = re.compile(r"\x1b\[[0-9;]*m")
WORKER = re.compile(r"\((?:\w+ )?(?:pid=(\d+))(?:, ip=([\d.]+))?\) ?")
"""How Ray begins a worker's line: `(RewardLoopWorker pid=41, ip=192.0.2.7) `."""
REPEATED = re.compile(r" \[repeated (\d+)x across cluster\].*")
"""How Ray shortens lines that several workers print alike."""
RECORD = re.compile(r"(DEBUG|INFO|WARNING|ERROR|CRITICAL):\d{4}-")
EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Fault|Timeout|Interrupt|Exit)\b(?!\()")
START = "ray init kwargs: "
"""What verl prints first: a log may hold several starts of a run, and the last one counts."""
FAILED = "Error in _run_prompt"
STEP = re.compile(r"\bstep:(\d+) - ")
DIED = re.compile(r"\s*class_name: (\S+)")
PID = re.compile(r"\s*pid: (\d+)")
KNOWN = re.compile("|".join(cause.pattern.pattern for cause in CAUSES))
NAMES = {
    "WorkerDict": "training worker",
    "RewardLoopWorker": "reward worker",
    "AgentLoopWorkerTQ": "agent loop worker",
    "TaskRunnerV1": "trainer",
}
MOST = 5
"""Reasons that are listed; further ones are counted."""
NO_REASON = "no exception follows in the log"


@dataclass
class Log:
    """What a log tells.

    `failed` counts failed rollouts by reason and `lines` has the first line of each reason; `dead`
    are kinds of workers by process id; `causes` have their first line and the number of lines;
    `end` is the driver's last exception, `step` the last step.
    """

    failed: Counter[str] = field(default_factory=Counter)
    lines: dict[str, int] = field(default_factory=dict)
    dead: dict[str, str] = field(default_factory=dict)
    causes: dict[Cause, tuple[int, int]] = field(default_factory=dict)
    end: str | None = None
    step: int | None = None


def check_log(lines: Iterable[str]) -> Iterator[Finding]:
    """All findings on the lines of a log."""
    log = read_log(lines)
    yield _check_end(log)
    yield from _check_rollouts(log.failed, log.lines)
    if log.dead:
        kinds = Counter(log.dead.values())
        dead = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
        yield fail(
            "workers",
            f"died: {dead}",
            "most often the machine ran out of memory and the system killed it: see dmesg; then "
            "start the same command again",
        )
    for cause, (first, count) in log.causes.items():
        times = "" if count == 1 else f" ({count} times)"
        text = one_line(f"line {first}{times}: {cause.text}")
        yield Finding(cause.state, cause.check, text, cause.fix)


def read_log(lines: Iterable[str]) -> Log:
    """Read a log once, from its first line to its last."""
    log = Log()
    reasons: dict[str, tuple[int, str]] = {}
    classes: dict[str, str] = {}
    for number, raw in enumerate(lines, 1):
        line = ANSI.sub("", raw).rstrip()
        process, text, weight = _parts(line)
        if RECORD.match(text) or FAILED in text:
            _close(log, reasons, process)
        if text.startswith(START):
            log.end = None
        elif FAILED in text:
            reasons[process] = (weight, NO_REASON)
        elif EXCEPTION.match(text):
            if process in reasons:
                reasons[process] = (reasons[process][0], text)
                log.lines.setdefault(text, number)
            elif not process:
                log.end = text
        elif died := DIED.match(text):
            classes[process] = died[1].rpartition(".")[2]
        elif process in classes and (pid := PID.match(text)):
            kind = classes.pop(process)
            log.dead[pid[1]] = NAMES.get(kind, kind)
        elif step := STEP.search(text):
            log.step = int(step[1])
        if KNOWN.search(text):
            _note(log, text, number)
    for process in list(reasons):
        _close(log, reasons, process)
    return log


def _parts(line: str) -> tuple[str, str, int]:
    """The worker that printed a line, "" for the driver; what it printed; how often."""
    worker = WORKER.match(line)
    process = f"{worker[1]} {worker[2]}" if worker else ""
    text = line[worker.end() :] if worker else line
    repeated = REPEATED.search(text)
    return process, REPEATED.sub("", text), int(repeated[1]) if repeated else 1


def _close(log: Log, reasons: dict[str, tuple[int, str]], process: str) -> None:
    if process in reasons:
        weight, reason = reasons.pop(process)
        log.failed[reason] += weight


def _note(log: Log, text: str, number: int) -> None:
    for cause in CAUSES:
        if cause.pattern.search(text):
            first, count = log.causes.get(cause, (number, 0))
            log.causes[cause] = (first, count + 1)


def _check_end(log: Log) -> Finding:
    reached = "no step" if log.step is None else f"step {log.step}"
    if log.end is None:
        return ok("end", f"the log reaches {reached} and shows no exception of the driver")
    known = log.failed or log.dead or log.causes
    unknown = "no cause that is known here; the trace above that line in the log tells where"
    fix = "fix what is listed below, then start the same command again" if known else unknown
    return fail("end", f"the log reaches {reached} and ends with {log.end}", fix)


def _check_rollouts(failed: Counter[str], lines: Mapping[str, int]) -> Iterator[Finding]:
    check = "failed rollouts"
    if not failed:
        yield ok(check, "none")
        return
    for reason, count in failed.most_common(MOST):
        line = f" (first in line {lines[reason]})" if reason in lines else ""
        raised = f"the reward function or the agent loop raised it; the trace{line} tells where"
        yield warn(check, f"{count} x {reason}", meaning(reason) or raised)
    if rest := sum(count for _, count in failed.most_common()[MOST:]):
        yield warn(check, f"{rest} for other reasons", f"look for {FAILED!r} in the log")
