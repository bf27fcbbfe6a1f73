"""A prompt under a model's tokenizer and chat template: its length, as verl will measure it, and
whether the template leaves a thought open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from egpo_verl import hub
from egpo_verl.calls.thought import left_open
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.errors import UserError

TRIAL = ({"role": "system", "content": "s"}, {"role": "user", "content": "u"})


class Measured(NamedTuple):
    """A prompt's tokens, the generation prompt included, and whether it ends in `<think>`.

    A template may open the thought after some roles only: DeepSeek-R1's does after a user's turn,
    not after a tool's.
    """

    tokens: int
    opened: bool


@dataclass(frozen=True)
class LengthLimit:
    """A tokenizer by its folder or hub name, and the longest prompt in tokens (None: any)."""

    tokenizer: str
    longest: int | None = None

    def measured(self, prompt: Sequence[Mapping[str, str]]) -> Measured:
        """The prompt with the generation prompt; `Unusable` beyond `longest` tokens."""
        text = rendered(self.tokenizer, prompt)
        tokens = len(load_tokenizer(self.tokenizer)(text, add_special_tokens=False)["input_ids"])
        if self.longest is not None and tokens > self.longest:
            raise Unusable("too_long", f"{tokens} tokens")
        return Measured(tokens, left_open(text))

    def check(self) -> None:
        """UserError where no prompt of ours can be measured."""
        try:
            rendered(self.tokenizer, TRIAL)
        except Unusable as error:
            raise UserError(
                f"the chat template of --tokenizer {self.tokenizer} takes no system message "
                f"({error.detail}); use a model whose template does."
            ) from error


def rendered(tokenizer: str, prompt: Sequence[Mapping[str, str]]) -> str:
    """The prompt's text under the chat template of `tokenizer`; `Unusable` if it refuses."""
    model_tokenizer = load_tokenizer(tokenizer)
    from jinja2 import TemplateError  # comes with transformers' chat templates

    try:
        text = model_tokenizer.apply_chat_template(
            list(prompt), add_generation_prompt=True, tokenize=False
        )
    except TemplateError as error:
        raise Unusable("bad_dialogue", f"the chat template refuses it: {error}") from error
    return str(text)


@lru_cache(maxsize=2)
def load_tokenizer(name: str) -> Any:
    """A tokenizer with a chat template; UserError where there is none, or no transformers."""
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise UserError(
            "--tokenizer needs transformers; install it with `pip install 'egpo-verl[data]'`."
        ) from error
    try:
        tokenizer = hub.load(AutoTokenizer.from_pretrained, name)
    except UserError as error:
        raise UserError(f"--tokenizer {error}") from error
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(f"--tokenizer {name} has no tokenizer that loads: {reason}") from error
    if not tokenizer.chat_template:
        raise UserError(f"--tokenizer {name} has no chat template; use an instruct model's folder.")
    return tokenizer
