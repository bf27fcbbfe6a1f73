"""Whether a text calls one of the functions offered, wherever it stands in it.

Prose speaks of functions too: `weather()`, `weather(city)`, `weather(...)` name one and its
parameters, and do not call it unless they stand alone on their line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from egpo_verl.calls.tools import ToolSet
from egpo_verl.calls.whole_answer import ARGUMENTS_KEY, NAME_KEY

# What may stand behind a name that is called. A blank before the bracket is also how prose goes on,
# so that there must be a keyword or a quote in it.
_BEHIND = re.compile(
    r"(?P<bracket>\(|\s+\((?=\s*(?:[^\W\d]\w*\s*=(?!=)|[\"'])))"
    r"|(?P<object>\s*(?:\[ARGS\]\s*)?\{\s*[\"'])"
    r"|(?P<tag>\s*/?>|\s+\w+=)"
    r"|(?P<quote>[\"'])"
)
_MARKS = frozenset("({[/>'\"")
_NAMED = re.compile(rf"{NAME_KEY}[\"']\Z")
_LONGEST_KEY = 40
_LONGEST_MENTION = 200
_NO_ARGUMENTS = frozenset({"", "...", "…", "s", "es", "ies"})
_ALONE = " \t\r\xa0;`"


def calls_offered(text: str, tools: ToolSet) -> bool:
    """Whether `text` calls a function of `tools`, in Python's way, as JSON or as a tag."""
    is_named = False
    for name, at in _places(text, tools):
        end = at + len(name)
        behind = _BEHIND.match(text, end)
        kind = behind.lastgroup if behind else None
        if behind is None or kind is None:
            continue
        if kind == "bracket" and not _is_mention(text, at, behind.end(), name, tools):
            return True
        if kind == "object" or (kind == "tag" and text[at - 1 : at] == "<" and len(name) > 2):
            return True
        if kind == "quote":
            is_named |= _NAMED.search(text[max(0, at - _LONGEST_KEY) : at]) is not None
    return is_named and ARGUMENTS_KEY.search(text) is not None


def _places(text: str, tools: ToolSet) -> Iterator[tuple[str, int]]:
    """Each name that stands in `text` as a word of its own before a mark or a blank, and where."""
    for name in tools.names:
        at = text.find(name)
        while at >= 0:
            end = at + len(name)
            behind = text[end : end + 1]
            if (behind in _MARKS or behind.isspace()) and not _is_word(text[at - 1 : at]):
                yield name, at
            at = text.find(name, end)


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _is_mention(text: str, at: int, inside: int, name: str, tools: ToolSet) -> bool:
    """Whether a name with brackets is only spoken of: nothing in them, or names of parameters."""
    end = text.find(")", inside, inside + _LONGEST_MENTION)
    if end < 0 or text[at - 1 : at] == "[":
        return False
    line = text.rfind("\n", 0, at) + 1, text.find("\n", end)
    around = text[line[0] : at] + text[end + 1 : line[1] if line[1] >= 0 else None]
    if not around.strip(_ALONE):
        return False
    content = text[inside:end].strip()
    if content in _NO_ARGUMENTS:
        return True
    signature = tools.signature(name)
    parameters = signature.schema.get("properties", {}) if signature else {}
    return "=" not in content and all(
        part.partition(":")[0].strip() in parameters for part in content.split(",")
    )
