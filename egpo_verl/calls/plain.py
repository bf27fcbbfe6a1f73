"""A text without what hides a call in it from a reader, though a person sees it.

Signs that are not seen, typographic quotes, full-width brackets, escapes of Unicode and of
Markdown, marks and the end of an element between a name and its brackets, a method that calls a
function, and JSON as it is written by hand: without quotes around keys, or with `=>`.
"""

from __future__ import annotations

import re

from egpo_verl.calls.values import nfc

_UNSEEN = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]+")
_QUOTES = {"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'"}
_WIDE_CALL = re.compile(r"（(?=\s*(?:[^\W\d]\w*\s*[=＝]|[\"']))")
_ESCAPED = re.compile(r"\\u00([0-7][0-9a-fA-F])")
_MARKDOWN = re.compile(r"\\(?=[_*`=)]|(?<=\w\\)\()")
# A look behind comes after the first sign, which is what is searched for.
_MARKED = re.compile(r"[*\"'`](?<=\w.)(?<!`(?=``))(?:[*\"']|`(?!``)){0,3}(?=\()")
_ELEMENT = re.compile(r"</(?:b|i|em|strong|code|tt)>(?=\()")
_METHOD = re.compile(r"(?:\.(?<=\w\.)|->(?<=\w->))(?:a?invoke|a?run|a?call|execute|__call__)(?=\()")
_VALUE = r"(?=\s*(?:[\"'{\[\d-]|true\b|false\b|null\b))"
_BARE_KEY = re.compile(rf"(?<=[{{,])\s*([^\W\d]\w*)\s*(?::|=>){_VALUE}", re.IGNORECASE)
_ARROW = re.compile(r"(?<=[\"'])\s*=>")


def plain(text: str) -> str:
    r"""`text` as its reader would type it plainly.

    >>> plain(r"**get\_time**(zone=“UTC”)"), plain('{name => "f"}'), plain('f.invoke({"a": 1})')
    ('**get_time(zone="UTC")', '{"name": "f"}', 'f({"a": 1})')
    """
    if not text.isascii():
        text = _UNSEEN.sub("", nfc(text))
        for quote, plain_quote in _QUOTES.items():
            text = text.replace(quote, plain_quote)
        if _WIDE_CALL.search(text):
            text = _WIDE_CALL.sub("(", text).replace("）", ")").replace("＝", "=")
    if "\\" in text:
        text = _MARKDOWN.sub("", text)
        if "\\u00" in text:
            text = _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), text)
    if "(" in text:
        if "</" in text:
            text = _ELEMENT.sub("", text)
        text = _METHOD.sub("", _MARKED.sub("", text))
    if "{" in text:
        text = _ARROW.sub(":", _BARE_KEY.sub(r'"\1":', text))
    return text
