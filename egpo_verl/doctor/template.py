"""A model's chat template, as far as reward and estimator rest on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from egpo_verl.calls.thought import THINK_CLOSE, THINK_OPEN, left_open
from egpo_verl.doctor.finding import Finding, fail, ok, warn

TRIAL: tuple[Mapping[str, str], ...] = (
    {"role": "system", "content": "s"},
    {"role": "user", "content": "u"},
)
THOUGHT = "a thought of an earlier turn"
EARLIER: tuple[Mapping[str, str], ...] = (
    *TRIAL,
    {"role": "assistant", "content": f"{THINK_OPEN}{THOUGHT}{THINK_CLOSE}[f(a=1)]"},
    {"role": "tool", "content": "1"},
    {"role": "user", "content": "And then?"},
)


class Refused(ValueError):
    """A chat template refuses a dialogue; the message is the template's."""


def prompt_text(tokenizer: Any, messages: Sequence[Mapping[str, Any]], ends: bool = True) -> str:
    """The dialogue's text under the chat template, with the generation prompt if `ends`.

    Raises:
        Refused: the template takes no such dialogue.
    """
    from jinja2 import TemplateError

    dialogue = [dict(message) for message in messages]
    try:
        text = tokenizer.apply_chat_template(dialogue, add_generation_prompt=ends, tokenize=False)
    except (TemplateError, TypeError) as error:
        raise Refused(str(error)) from error
    return str(text)


def check_template(tokenizer: Any) -> Iterator[Finding]:
    """Whether there is a template, what it takes, and what it does with `<think>`."""
    check = "chat template"
    if not tokenizer.chat_template:
        yield fail(
            check,
            "there is none, so verl cannot write a prompt",
            "use the instruct model, or set actor_rollout_ref.model.custom_chat_template",
        )
        return
    try:
        text = prompt_text(tokenizer, TRIAL)
    except Refused as error:
        fix = "use a template that takes a system message (.model.custom_chat_template)"
        yield fail(check, f"refuses a system message: {error}", fix)
        return
    if left_open(text):
        yield warn(
            check,
            f"opens {THINK_OPEN} in the prompt, so that responses start inside the thought",
            "preprocess with --tokenizer of this model (or --think_in_prompt), so that rows say so",
        )
    elif THINK_CLOSE in text:
        yield warn(
            check,
            "writes an empty thought into the prompt, as if the model had thought already",
            "leave thinking switched on (for Qwen3, no enable_thinking=False)",
        )
    else:
        yield ok(check, f"leaves {THINK_OPEN} to the model")
    yield _check_history(tokenizer)


def _check_history(tokenizer: Any) -> Finding:
    try:
        text = prompt_text(tokenizer, EARLIER)
    except Refused as error:
        return warn(
            "dialogues",
            f"the template refuses turns of tools: {error}",
            "leave rows of several turns out (--max_turns 2), or use another template",
        )
    if THOUGHT in text:
        return ok("dialogues", "several turns are taken; earlier thoughts stay in the prompt")
    return ok(
        "dialogues",
        "several turns are taken; earlier thoughts are left out, which only agent loops notice",
    )
