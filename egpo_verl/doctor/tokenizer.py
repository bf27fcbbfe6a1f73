"""A model's tokenizer: tags that can be found and are not stripped, ids that end and pad."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from egpo_verl import hub
from egpo_verl.calls.thought import THINK_CLOSE, THINK_OPEN
from egpo_verl.doctor.finding import Finding, fail, ok
from egpo_verl.doctor.template import TRIAL, Refused, prompt_text
from egpo_verl.errors import UserError

TAGS = (THINK_OPEN, THINK_CLOSE)
RESPONSE = f"{THINK_OPEN}They ask.{THINK_CLOSE}[f(a='b')]"
ANSWER = "I see."


def load_tokenizer(name: str) -> Any:
    """The tokenizer of a folder or a hub's name. Raises UserError, OSError, ValueError, ..."""
    from transformers import AutoTokenizer

    return hub.load(AutoTokenizer.from_pretrained, name)


def check_tokenizer(tokenizer: Any, name: str) -> Iterator[Finding]:
    """Tags that can be found and are not stripped, and ids that end and pad a response."""
    from egpo_verl.cot.vocabulary import vocabulary_of

    try:
        vocabulary_of(tokenizer)
    except ValueError as error:
        yield fail("thought tags", str(error), "use another tokenizer")
    else:
        yield _check_tags(tokenizer)
    yield from _check_end(tokenizer, name)


def _check_tags(tokenizer: Any) -> Finding:
    """verl decodes with skip_special_tokens=True before the reward sees a response."""
    ids = tokenizer(RESPONSE, add_special_tokens=False)["input_ids"]
    seen = tokenizer.decode(ids, skip_special_tokens=True)
    if seen.strip() != RESPONSE:
        return fail(
            "thought tags",
            f"verl would show the reward {seen!r} for {RESPONSE!r}",
            'set "special": false for these tokens in tokenizer.json and tokenizer_config.json',
        )
    pieces = [len(tokenizer(tag, add_special_tokens=False)["input_ids"]) for tag in TAGS]
    return ok("thought tags", f"can be found in token ids ({pieces[0]} and {pieces[1]} tokens)")


def _check_end(tokenizer: Any, name: str) -> Iterator[Finding]:
    check = "end of turn"
    if tokenizer.eos_token_id is None:
        yield fail(check, "the tokenizer has no eos_token", "set it to what ends a turn")
        return
    ends = {tokenizer.eos_token_id, *_generation_ends(name)}
    stops = ", ".join(tokenizer.convert_ids_to_tokens(sorted(ends)))
    written = _end_of_turn(tokenizer) if tokenizer.chat_template else set()
    if written and not written & ends:
        token = ", ".join(tokenizer.convert_ids_to_tokens(sorted(written)))
        yield fail(
            check,
            f"the template ends a turn with {token}, but sampling stops only at {stops}",
            "set eos_token_id to it in generation_config.json and eos_token in the tokenizer",
        )
    elif tokenizer.pad_token_id is None:
        yield ok(check, f"{stops}; no pad_token, so verl pads with it")
    else:
        yield ok(check, f"{stops}; padding is {tokenizer.pad_token}")
    size = _embeddings(name)
    highest = max(tokenizer.get_vocab().values())
    if size is not None and highest >= size:
        yield fail(
            "vocabulary",
            f"the tokenizer has ids up to {highest}, but the model only {size} embeddings",
            "use the model's own tokenizer, or resize_token_embeddings and save the model",
        )


def _end_of_turn(tokenizer: Any) -> set[int]:
    """The control tokens that the template writes behind an assistant's last words."""
    try:
        text = prompt_text(
            tokenizer, [*TRIAL, {"role": "assistant", "content": ANSWER}], ends=False
        )
    except Refused:
        return set()
    behind = text.rpartition(ANSWER)[2]
    ids = tokenizer(behind, add_special_tokens=False)["input_ids"]
    return set(ids) & {i for i, t in tokenizer.added_tokens_decoder.items() if t.special}


def _generation_ends(name: str) -> set[int]:
    from transformers import GenerationConfig

    try:
        ends = hub.load(GenerationConfig.from_pretrained, name).eos_token_id
    except (UserError, OSError):
        return set()
    return set(ends) if isinstance(ends, list) else set() if ends is None else {ends}


def _embeddings(name: str) -> int | None:
    """How many ids the model has room for; None where it has no configuration that can be read."""
    from transformers import AutoConfig

    try:
        config = hub.load(AutoConfig.from_pretrained, name).get_text_config()
    except (UserError, OSError, ValueError, KeyError):
        return None
    size: int | None = getattr(config, "vocab_size", None)
    return size
