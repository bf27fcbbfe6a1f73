"""The template: one thought at the start, closed, then the answer."""

from __future__ import annotations

from egpo_verl.calls.problem import Problem

_OPEN, _CLOSE = "<think>", "</think>"
_BLANKS = " \t\r\n"


def answer_of(response: str, think_in_prompt: bool = False) -> str | Problem:
    """What follows the thought of `response`, or how `response` breaks the template.

    Blanks may stand around the thought and the answer. The tags count wherever they stand, in the
    thought and in the answer too, so that no second thought can hide in a string.

    >>> answer_of("<think>Paris, then.</think> [weather(city='Paris')]")
    "[weather(city='Paris')]"

    Args:
        response: the whole decoded response.
        think_in_prompt: whether the chat template has opened the thought at the prompt's end.
    """
    start = 0
    if not think_in_prompt:
        start = response.find(_OPEN)
        if start < 0:
            return Problem.NO_THOUGHT
        if start > 0 and response[:start].strip(_BLANKS):
            return Problem.TEXT_BEFORE_THOUGHT
        start += len(_OPEN)
    end = response.find(_CLOSE, start)
    if end < 0:
        return Problem.OPEN_THOUGHT
    if response.find(_OPEN, start) >= 0 or response.find(_CLOSE, end + 1) >= 0:
        return Problem.SECOND_THOUGHT
    if not response[start:end].strip():
        return Problem.EMPTY_THOUGHT
    return response[end + len(_CLOSE) :].strip(_BLANKS) or Problem.EMPTY_ANSWER
