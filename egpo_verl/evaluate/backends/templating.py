"""A chat as the tokens that the model reads, by the model's chat template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from egpo_verl.calls.thought import THINK_OPEN, left_open
from egpo_verl.errors import UserError
from egpo_verl.evaluate.chat import Chat


@dataclass(frozen=True)
class Templated:
    """A prompt.

    Attributes:
        key: of the chat.
        token_ids: with the generation prompt.
        opened: `<think>` where the template ends inside an open thought, else empty.
    """

    key: str
    token_ids: tuple[int, ...]
    opened: str


def templated(tokenizer: Any, chat: Chat) -> Templated:
    """Apply the chat template of a transformers tokenizer.

    Raises:
        UserError: there is no template, or it refuses the messages.
    """
    from jinja2 import TemplateError  # comes with transformers' chat templates

    if not tokenizer.chat_template:
        raise UserError("the model's tokenizer has no chat template; use an instruct model.")
    try:
        text = tokenizer.apply_chat_template(
            list(chat.messages), add_generation_prompt=True, tokenize=False
        )
    except TemplateError as error:
        raise UserError(f"the model's chat template refuses {chat.key}: {error}") from error
    # Too long a prompt is ours to note, so the tokenizer need not warn of it.
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return Templated(chat.key, tuple(ids), THINK_OPEN if left_open(text) else "")
