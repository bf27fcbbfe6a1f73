"""Where a word ends, in languages that write blanks between words and in those that do not."""

from __future__ import annotations

import re
from functools import cache

# Thai, Japanese, Chinese, Korean: `天气weather(` has the word `weather`.
_UNSPACED = "\u0e00-\u0e7f\u3041-\u30fa\u30fc-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff"
_UNSPACED += "\U00020000-\U0003ffff"
_SPACED = rf"[^\W{_UNSPACED}]"
_UNSPACED = f"[{_UNSPACED}]"

WORD = rf"(?:(?<!{_SPACED}){_SPACED}+(?!{_SPACED})|(?<!{_UNSPACED}){_UNSPACED}+(?!{_UNSPACED}))"
"""Pattern of a whole word."""
ASCII_WORD = rf"(?<!{_SPACED})[a-zA-Z0-9_]+(?!{_SPACED})"
"""Pattern of a whole word of ASCII, which takes less time."""


def last_word(text: str) -> str:
    """The word that `text` ends with, or the sign.

    >>> last_word("Market Trends API"), last_word("天气weather"), last_word("C++")
    ('API', 'weather', '+')
    """
    last = _last().search(text)
    return last[0] if last else text


def is_word_start(text: str, at: int) -> bool:
    """Whether a place is not inside a word."""
    return _start().match(text, at) is not None


# Compiled when a text is first looked at, since many programs never do.
@cache
def _last() -> re.Pattern[str]:
    return re.compile(rf"{WORD}\Z|\W\Z")


@cache
def _start() -> re.Pattern[str]:
    return re.compile(
        rf"(?:(?<!{_SPACED})|(?!{_SPACED}))(?:(?<!{_UNSPACED})|(?!{_UNSPACED}))",
    )
