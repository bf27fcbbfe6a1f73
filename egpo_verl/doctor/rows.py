"""The first rows of a user's parquet file: whether each can be answered right, and earn it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from egpo_verl.calls import Call, Reference, render
from egpo_verl.calls.reasons import describe
from egpo_verl.calls.thought import THINK_CLOSE, THINK_OPEN, left_open
from egpo_verl.datasets.parquet.rows import read_truth
from egpo_verl.doctor.finding import Finding, described, fail, ok, warn
from egpo_verl.doctor.inputs import InputError, check_rows, merged_structs
from egpo_verl.doctor.template import Refused, prompt_text
from egpo_verl.reward import compute_score

FIRST = 100
"""Rows that are checked."""

NO_CALL = "Nothing fits."

VERL_PROMPT = 512
"""`data.max_prompt_length` of verl's configuration, in tokens."""


def check_data(name: str, tokenizer: Any = None, prompt_key: str = "prompt") -> Iterator[Finding]:
    """The file, its rows' references, and how its prompts fit the model's template."""
    if "://" in name:
        yield warn("data", f"{name} is not on this machine", "copy it here to have it checked")
        return
    try:
        check_rows(name, "--data", prompt_key)
    except InputError as error:
        yield fail("data", str(error))
        yield from _structs_of_a_foreign_file(name)
        return
    if not name.endswith(".parquet"):
        text = f"{name}: verl reads it, but only parquet files are checked"
        yield warn("data", text, "write it as parquet to have it checked")
        return
    try:
        rows, structs = _first_rows(name, prompt_key)
    except (pa.ArrowException, OSError) as error:
        yield fail("data", f"{name} cannot be read: {error}", "write the file again")
        return
    if structs:
        yield _warn_of(
            structs, name, "store it as JSON text (json.dumps); python -m egpo_verl.preprocess does"
        )
    problem = next(filter(None, map(_problem, rows)), None)
    if problem:
        fix = "write the file with python -m egpo_verl.preprocess (openai reads your own data)"
        yield fail("data", f"{name}: {problem}", fix)
        return
    no_call = sum(
        _right_answer(row["reward_model"]["ground_truth"], "json") == NO_CALL for row in rows
    )
    counts = f"{len(rows)} rows read, {no_call} of them without a call"
    yield ok("data", f"{name}: {counts}; right answers earn 1")
    if tokenizer is not None and tokenizer.chat_template:
        yield from _check_prompts(rows, tokenizer)


def _structs_of_a_foreign_file(name: str) -> Iterator[Finding]:
    """What else is wrong with a file that has not verl's columns."""
    path = Path(name).expanduser()
    if path.suffix != ".parquet" or not path.is_file():
        return
    try:
        with pq.ParquetFile(path) as file:
            structs = merged_structs(next(file.iter_batches(batch_size=FIRST)))
    except (pa.ArrowException, OSError, StopIteration):
        return
    if structs:
        yield _warn_of(
            structs,
            name,
            "python -m egpo_verl.preprocess openai removes the nulls where it can tell them from "
            "values; store it as JSON text (json.dumps) to lose no row",
        )


def _warn_of(structs: list[str], name: str, fix: str) -> Finding:
    text = (
        f"{name}: {', '.join(structs)} {'is' if len(structs) == 1 else 'are'} stored as Arrow "
        "structs, so every row has the keys of all rows, those that it lacks as null"
    )
    return warn("data", text, fix)


def _first_rows(name: str, prompt_key: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The first rows, their prompts as `prompt`, and the columns whose structs Arrow merged."""
    with pq.ParquetFile(Path(name).expanduser()) as file:
        batch = next(file.iter_batches(batch_size=FIRST))
    structs = merged_structs(batch)
    rows: list[dict[str, Any]] = batch.to_pylist()
    for number, row in enumerate(rows):
        row["number"] = number
        row["prompt"] = row[prompt_key]
    return rows, structs


def _problem(row: Mapping[str, Any]) -> str | None:
    """Why a right answer to this row would earn nothing, or why none can be made."""
    where = f"row {row['number']}"
    info = row.get("extra_info") or {}
    try:
        answer = _right_answer(
            row["reward_model"]["ground_truth"], info.get("call_form") or "python"
        )
        opening = "" if info.get("think_in_prompt") else THINK_OPEN
        score = compute_score(
            row["data_source"],
            f"{opening}I think.{THINK_CLOSE}{answer}",
            row["reward_model"]["ground_truth"],
            info,
        )
    except (ValueError, KeyError, TypeError) as error:
        return f"{where} has no reference that can be read: {described(error)}"
    if not _is_dialogue(row["prompt"]):
        return f"{where} has a prompt that is no list of messages with role and content"
    if score["score"] != 1.0:
        reason = describe(int(score["reason"]))
        return f"{where}: its reference earns {score['score']:g}: {reason}"
    return None


def _right_answer(truth: str, form: str) -> str:
    calls, _ = read_truth(truth)
    if not calls and Reference.from_json(truth).any_call:
        calls = (Call("any_function_serves"),)
    return render(calls, form) if calls else NO_CALL


def _is_dialogue(prompt: Any) -> bool:
    return (
        isinstance(prompt, list)
        and bool(prompt)
        and all(isinstance(message, dict) for message in prompt)
        and all(isinstance(m.get(key), str) for m in prompt for key in ("role", "content"))
    )


def _check_prompts(rows: list[dict[str, Any]], tokenizer: Any) -> Iterator[Finding]:
    check = "data and template"
    try:
        texts = [prompt_text(tokenizer, row["prompt"]) for row in rows]
    except Refused as error:
        fix = "preprocess with --tokenizer of this model, which leaves such rows out"
        yield fail(check, f"the template refuses a prompt: {error}", fix)
        return
    wrong = [
        row for row, text in zip(rows, texts, strict=True) if _says_open(row) != left_open(text)
    ]
    if wrong:
        truth = "does not open" if _says_open(wrong[0]) else "opens"
        text = (
            f"the template {truth} {THINK_OPEN} after {len(wrong)} of {len(rows)} prompts whose "
            f"rows say otherwise (think_in_prompt), the first is row {wrong[0]['number']}: their "
            "reward would be 0 for ever"
        )
        yield fail(check, text, "preprocess again with --tokenizer of this model")
        return
    longest = max(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts)
    text = f"the longest prompt has {longest} tokens"
    if longest > VERL_PROMPT:
        yield warn(
            check,
            text,
            f"set data.max_prompt_length to at least {longest} (verl's default is {VERL_PROMPT}) "
            "and data.filter_overlong_prompts=True",
        )
    else:
        yield ok(check, text)


def _says_open(row: Mapping[str, Any]) -> bool:
    return bool((row.get("extra_info") or {}).get("think_in_prompt"))
