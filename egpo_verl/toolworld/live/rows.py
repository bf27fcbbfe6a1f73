"""The tasks as rows of verl, and the folder that `preprocess toolworld_live` leaves."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from egpo_verl.datasets.jobs.folder import output_folder
from egpo_verl.datasets.jobs.job import OUTPUTS
from egpo_verl.datasets.jobs.output import Output
from egpo_verl.datasets.jobs.report import REPORT, Section, markdown
from egpo_verl.datasets.parquet.writer import ParquetOut, batch_of
from egpo_verl.envs.rows import row_of
from egpo_verl.toolworld.live.demonstrate import teachers_rng
from egpo_verl.toolworld.live.generate import generate
from egpo_verl.toolworld.live.search import problems
from egpo_verl.toolworld.live.single_turn import single_turns
from egpo_verl.toolworld.live.task import KINDS, MAX_TURNS, Task

SOURCE = "toolworld_live"
PREFIX, SINGLE = "single_turn_", "rows of a single turn"
"""What `SINGLE` are called, as files and in the report."""


def rows(
    n: int,
    seed: int | str = 0,
    split: str = "train",
    kinds: Sequence[str] = KINDS,
    call_form: str = "python",
    by_kind: bool = False,
    max_turns: int = MAX_TURNS,
) -> Iterator[dict[str, Any]]:
    """The tasks of `generate` as verl's rows, for the agent loop `egpo_env`.

    Args:
        by_kind: name the kind in the row's `data_source`, by which verl reports validation.
    """
    for index, task in enumerate(generate(n, seed, split, kinds, max_turns)):
        yield _row(task, seed, split, index, call_form, by_kind)


def write(
    sizes: Mapping[str, int],
    seed: int,
    kinds: Sequence[str],
    max_turns: int,
    call_form: str,
    by_kind: bool,
    single_turn: bool,
    output: Output,
    progress: Callable[[float], None],
) -> list[Section]:
    """Write `SPLIT.parquet` for each split, and `report.md`; returns the report.

    Every task is searched (`problems`) before its row is written.

    Args:
        sizes: split -> number of rows.
        single_turn: write `single_turn_SPLIT.parquet` too (see `single_turns`).

    Raises:
        UserError: the folder cannot be written.
    """
    counts: dict[str, Counter[str]] = {split: Counter() for split in sizes}
    done = 0
    names = (*OUTPUTS, *(f"{PREFIX}{split}.parquet" for split in sizes))
    with output_folder(output.folder, names, overwrite=output.overwrite) as scratch:
        for split, size in sizes.items():
            with ParquetOut(scratch / f"{split}.parquet") as file, ExitStack() as stack:
                if single_turn:
                    cut = stack.enter_context(ParquetOut(scratch / f"{PREFIX}{split}.parquet"))
                for index, task in enumerate(generate(size, seed, split, kinds, max_turns)):
                    for problem in problems(task):
                        raise RuntimeError(f"task {index} of {split} is not sound: {problem}")
                    row = _row(task, seed, split, index, call_form, by_kind)
                    file.add(batch_of([row]))
                    if single_turn:
                        source, rng = row["data_source"], teachers_rng(seed, split, index)
                        turns = single_turns(task, source, index, rng, call_form, split)
                        cut.add(batch_of(list(turns)))
                        counts[split][SINGLE] = cut.rows
                    _count(counts[split], task)
                    done += 1
                    progress(done / sum(sizes.values()))
        tables = [_counted(sizes, kinds, counts)]
        run = Section("Run", ("", "value"), tuple(output.run.items()))
        page = markdown(f"Made: {SOURCE}, seed {seed}", [*tables, run])
        (scratch / REPORT).write_text(page, "utf-8")
    return tables


def _row(
    task: Task, seed: int | str, split: str, index: int, call_form: str, by_kind: bool
) -> dict[str, Any]:
    source = f"{SOURCE}_{task.kind}" if by_kind else SOURCE
    row = row_of(task.script, task.service.tools, source, index, split, call_form=call_form)
    row["extra_info"]["facts"] = json.dumps({"kind": task.kind, "id": f"{split}-{seed}-{index}"})
    return row


def _count(counts: Counter[str], task: Task) -> None:
    counts[task.kind] += 1
    counts["user turns"] += len(task.turns)
    counts["calls"] += sum(len(turn.calls) for turn in task.turns)


def _counted(
    sizes: Mapping[str, int], kinds: Sequence[str], counts: Mapping[str, Counter[str]]
) -> Section:
    lines = [("rows", *(f"{size:,}" for size in sizes.values()))]
    names = [*(kind for kind in KINDS if kind in kinds), "user turns", "calls"]
    if any(SINGLE in count for count in counts.values()):
        names.append(SINGLE)
    for name in names:
        lines.append((name, *(f"{counts[split][name]:,}" for split in sizes)))
    return Section("Rows", ("", *sizes), tuple(lines))
