"""The template: one thought at the start, closed, then the answer."""

from __future__ import annotations

from egpo_verl.calls.reasons import Reason

THINK_OPEN, THINK_CLOSE = "<think>", "</think>"
_BLANKS = " \t\r\n"


def answer_of(response: str, think_in_prompt: bool = False) -> str | Reason:
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
        start = response.find(THINK_OPEN)
        if start < 0:
            return Reason.NO_THOUGHT
        if start > 0 and response[:start].strip(_BLANKS):
            return Reason.TEXT_BEFORE_THOUGHT
        start += len(THINK_OPEN)
    end = response.find(THINK_CLOSE, start)
    if end < 0:
        return Reason.OPEN_THOUGHT
    if response.find(THINK_OPEN, start) >= 0 or response.find(THINK_CLOSE, end + 1) >= 0:
        return Reason.SECOND_THOUGHT
    if not response[start:end].strip():
        return Reason.EMPTY_THOUGHT
    return response[end + len(THINK_CLOSE) :].strip(_BLANKS) or Reason.EMPTY_ANSWER


def after_thought(text: str) -> str:
    """What follows the last closing tag, whatever stands before it; all of it without a tag."""
    return text.rpartition(THINK_CLOSE)[2].strip()


def split_thought(text: str) -> tuple[str, str]:
    """The thought, and the answer with the blanks around it, of a text that may break the template.

    The answer follows the last closing tag, or stands before a thought that none closes.

    >>> split_thought("<think>Paris, then.</think> [weather(city='Paris')]")
    ('Paris, then.', " [weather(city='Paris')]")
    """
    thought, closed, answer = text.rpartition(THINK_CLOSE)
    if not closed:
        answer, _, thought = text.partition(THINK_OPEN)
    return thought.strip().removeprefix(THINK_OPEN).strip(), answer


def left_open(prompt: str) -> bool:
    """Whether a response to this prompt starts inside a thought that its template has opened."""
    return prompt.rstrip().endswith(THINK_OPEN)
