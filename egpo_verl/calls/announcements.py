"""Words that announce a call, as models say them in English: `I'll call ...`, `Sure: ...`."""

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
        \b(?:{_SPEAKER})\s+(?:{_ADVERBS}\s+)*(?:{_CALL}|{_CALLING})\s+
            (?:the\s+)?(?:(?:function|tool|api)\s+)?
        | ^[ \t>*_#-]*{_CALLING}\s+
        | ^[ \t>*_#-]*{_LABEL}(?:[,.!]\s+{_LABEL})?[*_]*\s*:[*_]*\s*(?:[-*•]\s+)?
    )[`'"*]*""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)


def announced_places(text: str) -> frozenset[int]:
    """Where in `text` a call is announced right before.

    >>> announced_places("I'll call now()."), announced_places("Use now().")
    (frozenset({10}), frozenset())
    """
    return frozenset(match.end() for match in _ANNOUNCEMENT.finditer(text))
