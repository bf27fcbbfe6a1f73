"""Where a word ends, in languages that write blanks between words and in those that do not."""

from __future__ import annotations

# Thai, Japanese, Chinese, Korean: `天气weather(` has the word `weather`.
_UNSPACED = "\u0e00-\u0e7f\u3041-\u30fa\u30fc-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff"
_UNSPACED += "\U00020000-\U0003ffff"
_SPACED = rf"[^\W{_UNSPACED}]"
_UNSPACED = f"[{_UNSPACED}]"

WORD = rf"(?:(?<!{_SPACED}){_SPACED}+(?!{_SPACED})|(?<!{_UNSPACED}){_UNSPACED}+(?!{_UNSPACED}))"
"""Pattern of a whole word."""

WORD_START = rf"(?:(?<!{_SPACED})|(?!{_SPACED}))(?:(?<!{_UNSPACED})|(?!{_UNSPACED}))"
"""Pattern of a place that is not inside a word."""
