"""Words that announce a call, as models say them in English: `I'll call ...`, `Let me see: ...`."""

from __future__ import annotations

import re

_SPEAKER = r"I(?:['’]|\s+wi)ll|I(?:['’]|\s+a)m|let\s+me|let['’]s|let\s+us"
_ADVERBS = r"(?:now|just|first|then|also|next|be|going\s+to|go\s+ahead\s+and)"
_CALL = r"(?:call|run|use|invoke|execute)"
_CALLING = r"(?:calling|running|using|invoking|executing)"
_LABEL = (
    r"(?:sure|ok|okay|yes|alright|certainly|of\s+course|done|here|here\s+you\s+go|here\s+it\s+is|"
    r"(?:the\s+)?(?:function|tool)(?:\s+call)?|call|action|answer|output|response|result|next|now|"
    rf"first|then|{_CALLING})"
)
_ANNOUNCEMENT = re.compile(
    rf"""(?:
        \b(?=[IiLl])(?:{_SPEAKER})\s+(?:{_ADVERBS}\s+)*(?:{_CALL}|{_CALLING})\s+
            (?:the\s+)?(?:(?:function|tool|api)\s+)?
        | ^[ \t>*_#-]*{_CALLING}\s+
        | ^[ \t>*_#-]*{_LABEL}(?:[,.!]\s+{_LABEL})?[*_]*\s*:[*_]*\s*(?:[-*•]\s+)?
    )[`'"*]*""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)

_GAP = r"[*_]*\s{1,4}[`'\"*]{0,4}\Z"
_SENTENCE_BEFORE = re.compile(rf"[^\W\d]{{2}}[.!?…。！]{_GAP}")
_COLON_BEFORE = re.compile(rf":{_GAP}")
_SPOKEN_BEFORE = re.compile(rf"\b(?:{_SPEAKER})\b[^.:!?\n()]*:{_GAP}", re.IGNORECASE)
_NEAR, _FAR = 14, 80


def announced_places(text: str) -> frozenset[int]:
    """Where in `text` a call is announced right before.

    >>> announced_places("I'll call now()."), announced_places("Use now().")
    (frozenset({10}), frozenset())
    """
    return frozenset(match.end() for match in _ANNOUNCEMENT.finditer(text))


def stands_apart(text: str, start: int) -> bool:
    """Whether a sentence ends right before `start`, or says that something is done now.

    The point of `2.` or `e.g.` ends no sentence.

    >>> stands_apart("OK. `now()`", 5), stands_apart("Let me see: now()", 12)
    (True, True)
    >>> stands_apart("e.g. now()", 5), stands_apart("There is one: now()", 14)
    (False, False)
    """
    before = text[max(0, start - _NEAR) : start]
    if _COLON_BEFORE.search(before):
        return _SPOKEN_BEFORE.search(text[max(0, start - _FAR) : start]) is not None
    return _SENTENCE_BEFORE.search(before) is not None
