"""The template: one thought at the start, closed, then the answer."""

from __future__ import annotations

import pytest

from egpo_verl.calls import Problem, answer_of

OPENED_BY_THE_RESPONSE = [
    ("<think>a</think>b", "b"),
    (" \t\r\n<think> a </think> \t\r\nb \n c \t\r\n", "b \n c"),
    ("<think>a</think>\xa0b\xa0", "\xa0b\xa0"),
    ("<think>[f(a=1)]</think>b", "b"),
    ("", Problem.NO_THOUGHT),
    ("b", Problem.NO_THOUGHT),
    ("a</think>b", Problem.NO_THOUGHT),
    ("<Think>a</Think>b", Problem.NO_THOUGHT),
    ("b<think>a</think>", Problem.TEXT_BEFORE_THOUGHT),
    ("\xa0<think>a</think>b", Problem.TEXT_BEFORE_THOUGHT),
    ("</think><think>a", Problem.TEXT_BEFORE_THOUGHT),
    ("<think>", Problem.OPEN_THOUGHT),
    ("<think>a", Problem.OPEN_THOUGHT),
    ("<think>a<think>b", Problem.OPEN_THOUGHT),
    ("<think>a<think>b</think>c", Problem.SECOND_THOUGHT),
    ("<think>a</think>b</think>", Problem.SECOND_THOUGHT),
    ("<think>a</think>b</think>c</think>", Problem.SECOND_THOUGHT),
    ("<think>a</think>b<think>", Problem.SECOND_THOUGHT),
    ("<think>a</think><think>b</think>c", Problem.SECOND_THOUGHT),
    ("<think></think>b", Problem.EMPTY_THOUGHT),
    ("<think> \n\xa0\u3000</think>b", Problem.EMPTY_THOUGHT),
    ("\n <think></think>b", Problem.EMPTY_THOUGHT),
    ("<think>a</think>", Problem.EMPTY_ANSWER),
    ("<think>a</think> \t\r\n", Problem.EMPTY_ANSWER),
]
OPENED_BY_THE_PROMPT = [
    ("a</think>b", "b"),
    (" a </think>\nb\n", "b"),
    ("", Problem.OPEN_THOUGHT),
    ("a", Problem.OPEN_THOUGHT),
    ("<think>", Problem.OPEN_THOUGHT),
    ("<think>a</think>b", Problem.SECOND_THOUGHT),
    ("a</think>b<think>", Problem.SECOND_THOUGHT),
    ("a</think>b</think>", Problem.SECOND_THOUGHT),
    ("</think>b", Problem.EMPTY_THOUGHT),
    (" </think>b", Problem.EMPTY_THOUGHT),
    ("a</think>", Problem.EMPTY_ANSWER),
]


@pytest.mark.parametrize(("response", "answer"), OPENED_BY_THE_RESPONSE)
def test_a_thought_opened_by_the_response(response: str, answer: str | Problem) -> None:
    assert answer_of(response) == answer_of(response, think_in_prompt=False) == answer


@pytest.mark.parametrize(("response", "answer"), OPENED_BY_THE_PROMPT)
def test_a_thought_opened_by_the_prompt(response: str, answer: str | Problem) -> None:
    assert answer_of(response, think_in_prompt=True) == answer
