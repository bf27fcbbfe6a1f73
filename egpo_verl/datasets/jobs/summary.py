"""The report of a job: its tables, and warnings of what a user should look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from egpo_verl.datasets.checks.contamination import BenchmarkFile
from egpo_verl.datasets.demonstrations.files import PREFIX, Counts
from egpo_verl.datasets.jobs.demonstrated import demonstrations_section, of_total
from egpo_verl.datasets.jobs.output import Written
from egpo_verl.datasets.jobs.report import REPORT, Section, markdown
from egpo_verl.datasets.jobs.stats import Stats, quantile
from egpo_verl.datasets.reading.folder import Listing
from egpo_verl.datasets.selection.index import KINDS
from egpo_verl.datasets.unusable import REASONS

MOST_WITHOUT_CALL = 0.5
"""Share of the training rows from which on those that expect no call are a warning."""
ONE_FUNCTION = 0.5
"""Share of a reason's rows from which on one function is suspected to be declared wrongly."""
MOST_SCHEMAS = 5
"""Functions whose schemas are a warning each."""
FEWEST_ROWS = 10
"""Dropped rows that are enough to suspect it."""


@dataclass(frozen=True)
class JobResult:
    """What a job made.

    Attributes:
        stats: what was made of the rows.
        written: name of the split -> its rows; they and those left out are `stats.kept`.
        not_chosen: kept rows left out for `--share` or `--max_samples`.
        spanning: kept rows left out because of functions of both sides of the split.
        of_test_dialogues: kept rows left out because the user's test file has their dialogue.
        lengthened: kept rows left out because other functions or names made them too long.
        removed_tools: functions removed from training rows that only offered them.
        replaced_tools: functions replaced in test rows that only offered them.
        listings: folder that was read -> what of it.
        benchmarks: the files that rows were compared with.
        split_by: how the rows were split.
        warnings: sentences on the reading and the split.
        run: how the job was started: command, version, options.
        demonstrated: name of the split -> what became of its rows as demonstrations.
    """

    stats: Stats
    written: Mapping[str, Written] = field(default_factory=dict)
    not_chosen: int = 0
    spanning: int = 0
    of_test_dialogues: int = 0
    lengthened: int = 0
    removed_tools: int = 0
    replaced_tools: int = 0
    listings: Mapping[str, Listing] = field(default_factory=dict)
    benchmarks: Sequence[BenchmarkFile] = ()
    split_by: str = ""
    warnings: Sequence[str] = ()
    run: Mapping[str, str] = field(default_factory=dict)
    demonstrated: Mapping[str, Counts] = field(default_factory=dict)


def write_report(title: str, result: JobResult, folder: Path) -> list[Section]:
    """Write `report.md` to `folder`, which has the command and options too; returns the tables."""
    tables = sections(result)
    run = Section("Run", ("", "value"), tuple(result.run.items()))
    page = markdown(f"Preprocessed: {title}", [*tables, *([run] if result.run else [])])
    (folder / REPORT).write_text(page, "utf-8", errors="backslashreplace")
    return tables


def sections(result: JobResult) -> list[Section]:
    """The tables that a person wants to see of a job."""
    stats = result.stats
    tables = [_flow(result)]
    for folder, listing in result.listings.items():
        tables.append(Section(f"Files of {folder}", ("file", "rows"), listing.lines()))
    warnings = [*result.warnings, *_warnings(result)]
    if warnings:
        lines = tuple((str(number), text) for number, text in enumerate(warnings, 1))
        tables.append(Section("Warnings", ("", "warning"), lines))
    if stats.dropped:
        dropped = tuple(
            (reason, f"{count:,}", REASONS[reason], stats.examples.get(reason, "")[:120])
            for reason, count in stats.dropped.most_common()
        )
        tables.append(Section("Dropped", ("reason", "count", "meaning", "for instance"), dropped))
    if result.benchmarks:
        files = tuple((name, *(f"{n:,}" for n in counts)) for name, *counts in result.benchmarks)
        columns = ("file", "questions", "tools", "unreadable rows")
        tables.append(Section("Benchmarks compared with", columns, files))
    if stats.repairs:
        repairs = tuple((kind, f"{n:,}") for kind, n in stats.repairs.most_common())
        tables.append(Section("Repaired arguments", ("repair", "count"), repairs))
    if result.demonstrated:
        tables.append(demonstrations_section(result.demonstrated))
    if stats.kept:
        tables.append(_kinds(result))
        tables.append(_shares("Calls per row", "calls", stats.calls))
    if len(stats.messages) > 1:
        tables.append(_shares("Messages per row", "messages", stats.messages))
    if stats.tokens:
        shares = (("median", 0.5), ("95 %", 0.95), ("99 %", 0.99), ("longest", 1.0))
        tokens = tuple((label, f"{quantile(stats.tokens, share):,}") for label, share in shares)
        tables.append(Section("Prompt length", ("", "tokens"), tokens))
    return tables


def _flow(result: JobResult) -> Section:
    stats = result.stats
    lines = [
        ("rows in", stats.rows),
        ("samples made", stats.samples),
        ("dropped", stats.dropped.total()),
        ("kept", stats.kept),
        ("of these repaired", stats.repaired),
        ("of these with renamed functions or parameters", stats.renamed),
    ]
    optional = [
        ("null-filled keys of merged structs removed", stats.unmerged),
        ("left out for --share or --max_samples", result.not_chosen),
        ("left out: functions of both sides of the split", result.spanning),
        ("left out: of a dialogue of the test file", result.of_test_dialogues),
        ("left out: other functions or names made them too long", result.lengthened),
        ("functions of the test removed from training rows", result.removed_tools),
        ("trained functions replaced in test rows", result.replaced_tools),
    ]
    lines += [line for line in optional if line[1]]
    lines += [(f"written to {name}.parquet", file.rows) for name, file in result.written.items()]
    counts = tuple((label, f"{n:,}") for label, n in lines)
    split_by = (("split by", result.split_by),) if result.split_by else ()
    return Section("Rows", ("", "count"), (*counts, *split_by))


def _kinds(result: JobResult) -> Section:
    """Kinds of rows before selection, and in each file after it."""
    columns = [("kept", result.stats.kinds)]
    columns += [(name, file.kinds) for name, file in result.written.items()]
    lines = tuple(
        (kind, *(_share(counts, kind) for _, counts in columns), meaning)
        for kind, meaning in KINDS.items()
        if any(counts[kind] for _, counts in columns)
    )
    return Section("Kinds of rows", ("kind", *(name for name, _ in columns), "meaning"), lines)


def _share(counts: Counter[str], kind: str) -> str:
    return of_total(counts[kind], counts.total())


def _shares(title: str, label: str, counts: Counter[Any]) -> Section:
    total = counts.total()
    lines = tuple((str(key), f"{n:,}", f"{n / total:.1%}") for key, n in sorted(counts.items()))
    return Section(title, (label, "rows", "share"), lines)


def _warnings(result: JobResult) -> Iterator[str]:
    stats = result.stats
    train = result.written.get("train")
    without_call = train.kinds["no_call"] / train.rows if train and train.rows else 0.0
    if without_call > MOST_WITHOUT_CALL:
        yield (
            f"{without_call:.0%} of the training rows expect no call, and may teach a model to "
            "call nothing; --share no_call=0.1 leaves most of them out."
        )
    for (reason, name), count in stats.dropped_calls.most_common():
        if count >= FEWEST_ROWS and count > ONE_FUNCTION * stats.dropped[reason]:
            yield (
                f"{count:,} of the {stats.dropped[reason]:,} rows dropped as {reason} call the "
                f"function {name}: see whether its parameters are declared as they are used."
            )
    for name, counts in result.demonstrated.items():
        if counts.rows and not counts.thoughts:
            yield (
                f"No row of {name}.parquet has a demonstration, so {PREFIX}{name}.parquet is "
                "empty; the thoughts of `python -m egpo_verl.clean ... --thoughts` reach further."
            )
    if stats.invalid:
        yield _invalid_schemas(stats)
    for part, count in stats.unchecked.most_common(MOST_SCHEMAS):
        yield (
            f"A part of the schema of a function that {count:,} rows call is not understood or not "
            f"checked: {part[:200]}."
        )


def _invalid_schemas(stats: Stats) -> str:
    names = ", ".join(list(stats.invalid)[:MOST_SCHEMAS])
    more = len(stats.invalid) - MOST_SCHEMAS
    name, part = next(iter(stats.invalid.items()))
    return (
        f"The schemas of {len(stats.invalid):,} functions, offered in {stats.with_invalid:,} rows, "
        f"are not valid JSON Schema, and what is not checks nothing or is read as it seems meant: "
        f"{names}{f' and {more:,} more' if more > 0 else ''}; for instance {name}, {part}."
    )
