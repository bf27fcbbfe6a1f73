"""The two formats of rollouts: EGPO's parquet, with tokens, and verl's JSON lines, without."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from egpo_verl.errors import UserError
from egpo_verl.inspect.response import Response, Trace
from egpo_verl.inspect.schema import EPISODE, OPTIONS, SCHEMA, TRACED

CHATML_TURN = re.compile(r"^(system|user|assistant|tool)\n", re.MULTILINE)
BATCH = 256
"""Rows of a parquet file that are in memory at once."""


def groups_in(file: Path) -> Iterator[tuple[int, str]]:
    """Step and prompt of each response in `file`, in its order.

    Raises:
        UserError: `file` has neither format.
    """
    if file.suffix == ".parquet":
        table = _open(file).read(columns=["step", "key"])
        for step, key in zip(table["step"].to_pylist(), table["key"].to_pylist(), strict=True):
            yield step, _group_of(key)
    else:
        for line in _lines(file):
            response = _from_line(line)
            yield response.step, response.group


def responses_in(file: Path) -> Iterator[Response]:
    """All responses of `file`, without traces and few at a time; UserError as above."""
    if file.suffix == ".parquet":
        columns = [name for name in SCHEMA.names if name not in (*TRACED, EPISODE)]
        for batch in _open(file).iter_batches(batch_size=BATCH, columns=columns):
            for row in batch.to_pylist():
                yield _from_row(row, None)
    else:
        yield from map(_from_line, _lines(file))


def responses_at(file: Path, rows: Collection[int]) -> Iterator[tuple[int, Response]]:
    """The responses in these rows or lines of `file`, each with its row; UserError as above."""
    if file.suffix == ".parquet":
        opened = _open(file)
        options = json.loads((opened.schema_arrow.metadata or {}).get(OPTIONS, b"null"))
        start = 0
        for batch in opened.iter_batches(batch_size=BATCH):
            here = [row for row in range(start, start + len(batch)) if row in rows]
            picked = batch.take(pa.array([row - start for row in here], pa.int64()))
            for row, values in zip(here, picked.to_pylist(), strict=True):
                yield row, _from_row(values, options)
            start += len(batch)
    else:
        for row, line in enumerate(_lines(file)):
            if row in rows:
                yield row, _from_line(line)


def _open(file: Path) -> pq.ParquetFile:
    try:
        opened = pq.ParquetFile(file)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{file} is not a parquet file ({error}).") from None
    missing = set(SCHEMA.names) - {EPISODE} - set(opened.schema_arrow.names)
    if missing:
        raise UserError(
            f"{file} is no file of rollouts, it lacks {', '.join(sorted(missing))}: give what a "
            "training with +algorithm.egpo.record_dir=FOLDER wrote."
        )
    return opened


def _from_row(row: Mapping[str, Any], options: Mapping[str, Any] | None) -> Response:
    reward = json.loads(row["reward"])
    return Response(
        step=row["step"],
        group=_group_of(row["key"]),
        key=row["key"],
        source=row["data_source"],
        ability=row["ability"],
        messages=json.loads(row["prompt"]) or [],
        text=row["response"],
        ground_truth=row["ground_truth"],
        extra_info=json.loads(row["extra_info"]),
        score=row["score"],
        reason=_reason(reward.get("reason")),
        trace=_trace(row) if row.get("tokens") is not None else None,
        options=options,
        episode=json.loads(row[EPISODE]) if row.get(EPISODE) else None,
    )


def _trace(row: Mapping[str, Any]) -> Trace:
    return Trace(
        tokens=row["tokens"],
        entropies=row["token_entropy"],
        thought=row["thought"],
        generated=row["generated"],
        base=row["base"],
        entropy=row["entropy"],
        bonus=row["bonus"],
        clipped=row["clipped"],
        cot_tokens=row["cot_tokens"],
    )


class _Line(NamedTuple):
    file: Path
    number: int
    text: str


def _lines(file: Path) -> Iterator[_Line]:
    try:
        with file.open(encoding="utf-8") as lines:
            for number, text in enumerate(lines, start=1):
                yield _Line(file, number, text)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read as text ({error}).") from None


def _from_line(line: _Line) -> Response:
    """A line of verl's `_dump_generations` (verl/trainer/ppo/v1/trainer_base.py)."""
    try:
        record = json.loads(line.text)
        prompt, text, score = record["input"], record["output"], float(record["score"] or 0)
        step = int(record.get("step") or 0)
        key = str(record.get("uid") or hashlib.blake2s(prompt.encode()).hexdigest())
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"{line.file}:{line.number} is not a line of verl's rollouts "
            "(a JSON object with input, output and score)."
        ) from None
    truth = record.get("gts")
    return Response(
        step=step,
        group=_group_of(key),
        key=key,
        source=record.get("data_source"),
        ability=record.get("ability"),
        messages=_messages(prompt),
        text=str(text),
        ground_truth=truth if truth is None or isinstance(truth, str) else json.dumps(truth),
        extra_info={},
        score=score,
        reason=_reason(record.get("reason")),
    )


def _messages(text: str) -> list[dict[str, str]]:
    """The turns of a prompt in ChatML whose special tokens verl left out; else one text."""
    parts = CHATML_TURN.split(text)
    if parts[0] or len(parts) == 1:
        return [{"role": "prompt", "content": text}]
    turns = [
        {"role": role, "content": content.strip()}
        for role, content in zip(parts[1::2], parts[2::2], strict=True)
    ]
    return turns[:-1] if turns[-1] == {"role": "assistant", "content": ""} else turns


def _group_of(key: str) -> str:
    """The prompt's uid out of verl's `{uid}_{session}_{output}`."""
    parts = key.rsplit("_", 2)
    return parts[0] if len(parts) == 3 else key


def _reason(value: Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) else None
