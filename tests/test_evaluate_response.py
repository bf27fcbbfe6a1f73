"""What a scorer is given of a response, and whether the response followed the template."""

from __future__ import annotations

import pytest

from egpo_verl.calls import Reason
from egpo_verl.evaluate.response import in_python, split_response

RESPONSES = {
    "template followed": ("<think>so</think>[f(a=1)]", "so", "[f(a=1)]", None),
    "blanks around": (" <think>\nso\n</think>\n\n[f()]\n", "so", "[f()]", None),
    "no thought": ("[f(a=1)]", "", "[f(a=1)]", Reason.NO_THOUGHT),
    "thought never closed": ("<think>so [f(a=1)]", "so [f(a=1)]", "", Reason.OPEN_THOUGHT),
    "two thoughts": (
        "<think>a</think>[g()]<think>b</think>[f()]",
        "a</think>[g()]<think>b",
        "[f()]",
        Reason.SECOND_THOUGHT,
    ),
    "text before": ("Well. <think>a</think>[f()]", "Well. <think>a", "[f()]", "before"),
    "nothing after": ("<think>a</think>", "a", "", Reason.EMPTY_ANSWER),
    "nothing": ("", "", "", Reason.NO_THOUGHT),
}


@pytest.mark.parametrize("name", RESPONSES)
def test_a_response_is_taken_apart(name: str) -> None:
    response, thought, answer, problem = RESPONSES[name]
    parts = split_response(response)
    assert (parts.thought, parts.answer) == (thought, answer)
    expected = Reason.TEXT_BEFORE_THOUGHT if problem == "before" else problem
    assert parts.problem is expected


@pytest.mark.parametrize(
    ("form", "answer", "python"),
    [
        ("python", "[f(a= 1)] and more", "[f(a= 1)] and more"),
        ("answer_tag", "<answer>[f(a=1)]</answer>", "[f(a=1)]"),
        (
            "hermes",
            '<tool_call>\n{"name": "f", "arguments": {"a": null, "b": [true]}}\n</tool_call>',
            "[f(a=None, b=[True])]",
        ),
        ("json", '[{"name": "f.g", "arguments": {}}]', "[f.g()]"),
        ("llama", '{"name": "f", "parameters": {"a": "x"}}', "[f(a='x')]"),
        ("hermes", "I cannot do that.", "I cannot do that."),
        ("json", '[{"name": "not a name", "arguments": {}}]', None),
    ],
)
def test_calls_of_every_form_reach_the_scorer_in_python(
    form: str, answer: str, python: str | None
) -> None:
    assert in_python(answer, form) == (answer if python is None else python)


def test_a_form_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="none of"):
        in_python("[]", "xml")
