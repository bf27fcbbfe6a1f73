"""Every reason why a response earns nothing: its number, the stage at which it fails, its words."""

from __future__ import annotations

from enum import IntEnum


class Stage(IntEnum):
    """What a response passes one after the other; a reason names the stage that was not passed."""

    FORMAT = 0
    """One thought, closed, and then calls alone."""
    PARSE = 1
    """The calls can be read."""
    SCHEMA = 2
    """They fit the functions offered."""
    MATCH = 3
    """They are the calls expected."""
    DONE = 4


PASSED = {
    stage: tuple(float(stage > other) for other in Stage if other is not Stage.DONE)
    for stage in Stage
}
"""Stage of a reason -> 1.0 for each of the four stages that was passed, 0.0 for the others."""


class Reason(IntEnum):
    """The first reason of failure. Numbers are stable: add, never renumber.

    >>> Reason.TOO_DEEP, Reason.TOO_DEEP.stage.name, Reason.TOO_DEEP.words
    (<Reason.TOO_DEEP: 29>, 'PARSE', 'values are nested deeper than the bound')
    """

    stage: Stage
    words: str

    def __new__(cls, number: int, stage: Stage = Stage.DONE, words: str = "") -> Reason:
        member = int.__new__(cls, number)
        member._value_ = number
        member.stage = stage
        member.words = words
        return member

    OK = 0, Stage.DONE, "right"

    NO_THOUGHT = 1, Stage.FORMAT, "the response does not open with a thought"
    TEXT_BEFORE_THOUGHT = 2, Stage.FORMAT, "there is text before the thought"
    OPEN_THOUGHT = (
        3,
        Stage.FORMAT,
        "the thought is never closed, perhaps cut off at the length limit",
    )
    SECOND_THOUGHT = 4, Stage.FORMAT, "a thought is opened or closed a second time"
    EMPTY_THOUGHT = 5, Stage.FORMAT, "the thought is blank"
    EMPTY_ANSWER = 6, Stage.FORMAT, "nothing follows the thought"
    TEXT_BESIDE_CALLS = 7, Stage.FORMAT, "there is text beside the calls, or they have another form"
    NO_TEXT = 8, Stage.FORMAT, "the response is no text"

    NO_CALL_LIST = 20, Stage.PARSE, "there is no list of calls"
    SYNTAX = 21, Stage.PARSE, "the calls break the syntax of their form"
    BAD_NAME = 22, Stage.PARSE, "a name cannot be spelled in this form"
    BAD_SHAPE = 23, Stage.PARSE, "a call has other keys than its form"
    POSITIONAL = 24, Stage.PARSE, "an argument is passed by position or by unpacking"
    NOT_LITERAL = 25, Stage.PARSE, "a value is not a literal"
    BAD_NUMBER = 26, Stage.PARSE, "a number is not finite, too long or misspelt"
    DUPLICATE = 27, Stage.PARSE, "the same argument or key is written twice"
    TOO_LONG = 28, Stage.PARSE, "the answer is longer than the bound"
    TOO_DEEP = 29, Stage.PARSE, "values are nested deeper than the bound"
    TOO_MANY = 30, Stage.PARSE, "more values or calls than the bound"

    UNKNOWN_FUNCTION = 40, Stage.SCHEMA, "a function is called that is not offered"
    MISSING_ARGUMENT = 41, Stage.SCHEMA, "a required argument is missing"
    UNKNOWN_ARGUMENT = 42, Stage.SCHEMA, "an argument is passed that the function does not declare"
    WRONG_VALUE = 43, Stage.SCHEMA, "a value does not fit its declared type"

    CALL_NOT_WANTED = 60, Stage.MATCH, "a call, or an attempt at one, where none is expected"
    NO_CALL_MADE = 61, Stage.MATCH, "an empty list where calls are expected"
    WRONG_COUNT = 62, Stage.MATCH, "more or fewer calls than expected"
    WRONG_FUNCTION = 63, Stage.MATCH, "other functions than those expected"
    WRONG_ARGUMENT = 64, Stage.MATCH, "the functions expected, with other arguments"

    # Of live episodes (docs/environments.md).
    WRONG_STATE = 80, Stage.MATCH, "after a user turn the world is not as the reference leaves it"
    RESULT_NOT_SEEN = 81, Stage.MATCH, "a result that the reference saw was never asked for"
    TOO_MANY_MESSAGES = 82, Stage.MATCH, "a user turn did not end within its limit of messages"
    NO_ROOM = 83, Stage.MATCH, "the episode's next prompt is longer than the limit for prompts"
    TOOL_HUNG = 84, Stage.MATCH, "a tool hung past its time limit, or ended the world's process"


def describe(number: int) -> str:
    """What a logged `reason` means; that of another version is named by its number."""
    return Reason(number).words if number in _NUMBERS else f"reason {number}"


def label(number: int) -> str:
    """Its name in small letters, for legends: `wrong argument`."""
    if number not in _NUMBERS:
        return f"reason {number}"
    return Reason(number).name.lower().replace("_", " ")


_NUMBERS = frozenset(map(int, Reason))


class Unreadable(Exception):
    """Raised inside readers to leave them at the first problem; it never leaves this package."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.words)
        self.reason = reason
