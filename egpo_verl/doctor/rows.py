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
from egpo_verl.doctor.template import Refused, prompt_text
from egpo_verl.integration.inputs import InputError, check_rows
from egpo_verl.reward import compute_score

FIRST = 100
"""Rows that are looked at."""

NO_CALL = "Nothing fits."

VERL_PROMPT = 512
"""`data.max_prompt_length` of verl's own configuration, in tokens."""


def check_data(name: str, tokenizer: Any = None) -> Iterator[Finding]:
    """The file, its rows' references, and how its prompts fit the model's template."""
    try:
        check_rows(name, "--data")
    except InputError as error:
        yield fail("data", str(error))
        return
    try:
        rows = _first_rows(name)
    except (pa.ArrowException, OSError) as error:
        yield fail("data", f"{name} cannot be read: {error}", "write the file again")
        return
    problem = next((said for row in rows if (said := _problem(row))), None)
    if problem:
        cure = "write the file with python -m egpo_verl.preprocess (openai reads your own data)"
        yield fail("data", problem, cure)
        return
    silent = sum(
        _right_answer(row["reward_model"]["ground_truth"], "json") == NO_CALL for row in rows
    )
    yield ok("data", f"{len(rows)} rows read, {silent} want no call; right answers earn 1")
    if tokenizer is not None and tokenizer.chat_template:
        yield from _check_prompts(rows, tokenizer)


def _first_rows(name: str) -> list[dict[str, Any]]:
    with pq.ParquetFile(Path(name).expanduser()) as file:
        batch = next(file.iter_batches(batch_size=FIRST))
    rows: list[dict[str, Any]] = batch.to_pylist()
    for number, row in enumerate(rows):
        row["number"] = number
    return rows


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
        return (
            f"{where}: its own reference earns {score['score']:g}: {describe(int(score['reason']))}"
        )
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
        cure = "preprocess with --tokenizer of this model, which leaves such rows out"
        yield fail(check, f"the template refuses a prompt: {error}", cure)
        return
    wrong = [
        row for row, text in zip(rows, texts, strict=True) if _says_open(row) != left_open(text)
    ]
    if wrong:
        truth = "does not open" if _says_open(wrong[0]) else "opens"
        said = (
            f"the template {truth} <think> after {len(wrong)} of {len(rows)} prompts whose rows "
            f"say otherwise (think_in_prompt), the first is row {wrong[0]['number']}: their reward "
            "would be 0 for ever"
        )
        yield fail(check, said, "preprocess again with --tokenizer of this model")
        return
    longest = max(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts)
    said = f"the longest prompt has {longest} tokens"
    if longest > VERL_PROMPT:
        yield warn(
            check,
            said,
            f"set data.max_prompt_length to at least {longest} (verl's default is {VERL_PROMPT}) "
            "and data.filter_overlong_prompts=True",
        )
    else:
        yield ok(check, said)


def _says_open(row: Mapping[str, Any]) -> bool:
    return bool((row.get("extra_info") or {}).get("think_in_prompt"))
