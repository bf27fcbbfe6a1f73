"""Whatever bytes an endpoint sends, they are read without an error, or as an answer of a stage."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egpo_verl.calls import Call, render
from egpo_verl.client.endpoint import Endpoint
from egpo_verl.client.reply import Reply, read_reply
from egpo_verl.datasets.parquet.rows import to_row
from egpo_verl.datasets.sample import Sample
from egpo_verl.judge.answers import read_answer
from egpo_verl.judge.prompts import load_prompts
from egpo_verl.judge.stages import KEPT, cleaned

LETTERS = st.text(st.characters(exclude_categories=()))
"""Half letters too, as an escape in JSON can spell them."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | LETTERS,
    lambda inner: st.lists(inner) | st.dictionaries(LETTERS, inner),
    max_leaves=20,
)
KEYS = ("choices", "message", "content", "usage", "prompt_tokens", "completion_tokens", "reasoning")
ALIKE = st.recursive(
    JSON, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner)
)
"""Values that have a completion's keys where they should not be."""


def body(content: Any, **usage: Any) -> bytes:
    message = {"role": "assistant", "content": content}
    whole = {"choices": [{"message": message, "finish_reason": "length"}], "usage": usage}
    return json.dumps(whole).encode()


def test_a_completion_is_read_whole() -> None:
    reply = read_reply(body("[f()]", prompt_tokens=7, completion_tokens=3))
    assert reply == Reply("[f()]", cut_off=True, tokens_in=7, tokens_out=3)


@given(st.binary() | ALIKE.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_read(content: bytes) -> None:
    reply = read_reply(content)
    assert all(isinstance(part, str) for part in (reply.text, reply.thought, reply.problem))
    assert reply.tokens_in >= 0
    assert len(reply.problem) < 1500


@given(JSON, JSON)
def test_any_content_and_any_usage_are_read(content: Any, tokens: Any) -> None:
    reply = read_reply(body(content, prompt_tokens=tokens, completion_tokens=tokens))
    assert reply.problem == ""
    assert reply.text == (content if isinstance(content, str) else "")
    assert 0 <= reply.tokens_in == reply.tokens_out < 2**31


@given(LETTERS | JSON.map(json.dumps), st.sampled_from(["judge", "correct", "evaluate"]))
def test_any_text_is_an_answer_that_files_can_hold_or_none(text: str, stage: str) -> None:
    try:
        answer = read_answer(stage, text)
    except ValueError:
        return
    json.dumps(answer, ensure_ascii=False).encode()


TOOL = {"name": "tide", "parameters": {"harbour": {"type": "str"}, "more": {"type": "any"}}}


@given(LETTERS | st.dictionaries(st.sampled_from(["harbour", "more"]), JSON).map(json.dumps))
def test_any_correction_is_kept_so_that_it_can_be_written_or_is_not_kept(arguments: str) -> None:
    user = {"role": "user", "content": "Tide?"}
    row = Sample("x", (user,), (TOOL,), (Call("tide", {"harbour": "Urk", "more": 1}),))
    correction = {"calls": [{"name": "tide", "arguments": arguments}], "reason": ""}
    answers = {"correct": correction, "evaluate": {"reason": "", "verdict": "accept"}}
    steps, verdict = cleaned(row, load_prompts()), "wrong"
    question = next(steps)
    try:
        while True:
            answer = answers.get(question.stage, {"reason": "", "verdict": verdict})
            verdict = "right"  # of whatever comes after the row's answer
            question = steps.send(answer)
    except StopIteration as end:
        result = end.value
    json.dumps([dict(call.arguments) for call in result.sample.calls], ensure_ascii=False).encode()
    if result.outcome in KEPT:
        assert to_row(result.sample, 0)["reward_model"]["ground_truth"]
        render(result.sample.calls)


@pytest.mark.parametrize(
    ("key", "masked"), [("sk-0123456789", "the key ***"), ("EMPTY", "the key EMPTY")]
)
def test_a_key_is_masked_and_a_servers_placeholder_is_not(key: str, masked: str) -> None:
    reply = Reply(f"the key {key}", thought=f"the key {key}", problem=f"the key {key}")
    assert reply.masked(Endpoint("m", api_key=key)) == Reply(masked, thought=masked, problem=masked)
