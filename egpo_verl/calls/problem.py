"""Why a response is no thought and calls, or why its calls do not fit the functions offered."""

from __future__ import annotations

from enum import Enum


class Problem(str, Enum):
    """A reason in a few words; being a `str`, it can be logged or counted as it is."""

    NO_TEXT = "the response is no text"
    NO_THOUGHT = "the response does not open with a thought"
    TEXT_BEFORE_THOUGHT = "there is text before the thought"
    OPEN_THOUGHT = "the thought is never closed"
    SECOND_THOUGHT = "a thought is opened or closed a second time"
    EMPTY_THOUGHT = "the thought is blank"
    EMPTY_ANSWER = "nothing follows the thought"

    TOO_LONG = "the answer is longer than the bound"
    TOO_DEEP = "values are nested deeper than the bound"
    TOO_MANY = "more values or calls than the bound"
    NO_CALL_LIST = "there is no list of calls"
    TEXT_BESIDE_CALLS = "there is text beside the calls"
    SYNTAX = "the calls break the syntax of their form"
    BAD_NAME = "a name cannot be spelled in this form"
    BAD_SHAPE = "a call has other keys than its form"
    POSITIONAL = "an argument is given by position or by unpacking"
    NOT_LITERAL = "a value is not a literal"
    BAD_NUMBER = "a number is not finite, too long or misspelt"
    DUPLICATE = "the same argument or key is given twice"

    UNKNOWN_FUNCTION = "a function is called that is not offered"
    MISSING_ARGUMENT = "a required argument is missing"
    UNKNOWN_ARGUMENT = "an argument is given that the function does not declare"
    WRONG_VALUE = "a value does not fit its declared type"

    __str__ = str.__str__


class Unreadable(Exception):
    """Raised inside readers to leave them at the first problem; it never leaves this package."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem
