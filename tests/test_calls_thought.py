"""The template: one thought at the start, closed, then the answer."""

from __future__ import annotations

import pytest

from egpo_verl.calls import Reason, answer_of

OPENED_BY_THE_RESPONSE = [
    ("<think>a</think>b", "b"),
    (" \t\r\n<think> a </think> \t\r\nb \n c \t\r\n", "b \n c"),
    ("<think>a</think>\xa0b\xa0", "\xa0b\xa0"),
    ("<think>[f(a=1)]</think>b", "b"),
    ("", Reason.NO_THOUGHT),
    ("b", Reason.NO_THOUGHT),
    ("a</think>b", Reason.NO_THOUGHT),
    ("<Think>a</Think>b", Reason.NO_THOUGHT),
    ("b<think>a</think>", Reason.TEXT_BEFORE_THOUGHT),
    ("\xa0<think>a</think>b", Reason.TEXT_BEFORE_THOUGHT),
    ("</think><think>a", Reason.TEXT_BEFORE_THOUGHT),
    ("<think>", Reason.OPEN_THOUGHT),
    ("<think>a", Reason.OPEN_THOUGHT),
    ("<think>a<think>b", Reason.OPEN_THOUGHT),
    ("<think>a<think>b</think>c", Reason.SECOND_THOUGHT),
    ("<think>a</think>b</think>", Reason.SECOND_THOUGHT),
    ("<think>a</think>b</think>c</think>", Reason.SECOND_THOUGHT),
    ("<think>a</think>b<think>", Reason.SECOND_THOUGHT),
    ("<think>a</think><think>b</think>c", Reason.SECOND_THOUGHT),
    ("<think></think>b", Reason.EMPTY_THOUGHT),
    ("<think> \n\xa0\u3000</think>b", Reason.EMPTY_THOUGHT),
    ("\n <think></think>b", Reason.EMPTY_THOUGHT),
    ("<think>a</think>", Reason.EMPTY_ANSWER),
    ("<think>a</think> \t\r\n", Reason.EMPTY_ANSWER),
]
OPENED_BY_THE_PROMPT = [
    ("a</think>b", "b"),
    (" a </think>\nb\n", "b"),
    ("", Reason.OPEN_THOUGHT),
    ("a", Reason.OPEN_THOUGHT),
    ("<think>", Reason.OPEN_THOUGHT),
    ("<think>a</think>b", Reason.SECOND_THOUGHT),
    ("a</think>b<think>", Reason.SECOND_THOUGHT),
    ("a</think>b</think>", Reason.SECOND_THOUGHT),
    ("</think>b", Reason.EMPTY_THOUGHT),
    (" </think>b", Reason.EMPTY_THOUGHT),
    ("a</think>", Reason.EMPTY_ANSWER),
]


@pytest.mark.parametrize(("response", "answer"), OPENED_BY_THE_RESPONSE)
def test_a_thought_opened_by_the_response(response: str, answer: str | Reason) -> None:
    assert answer_of(response) == answer_of(response, think_in_prompt=False) == answer


@pytest.mark.parametrize(("response", "answer"), OPENED_BY_THE_PROMPT)
def test_a_thought_opened_by_the_prompt(response: str, answer: str | Reason) -> None:
    assert answer_of(response, think_in_prompt=True) == answer
