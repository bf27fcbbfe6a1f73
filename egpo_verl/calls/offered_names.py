"""Whether a text calls one of the functions offered, wherever it stands in it.

Prose speaks of functions too: `weather()`, `weather(city)`, `weather(city=...)` name one and its
parameters, and do not call it unless they stand alone on their line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from egpo_verl.calls.tools import ToolSet
from egpo_verl.calls.whole_answer import ARGUMENTS_KEY, NAME_KEY

# What may stand behind a name that is called.
_BEHIND = re.compile(
    r"(?P<bracket>\()"
    r"|(?P<keyword>\s+\((?=\s*[^\W\d]\w*\s*=(?!=)))"
    r"|(?P<quoted>\s+\((?=\s*[\"']))"
    r"|[\"']?(?:\s*:)?\s*(?:\[ARGS\]\s*)?\{\s*(?P<object>\}|[\"'](?P<key>\w+)[\"']\s*:)"
    r"|(?P<lines>[`*]*[ \t]*\r?\n[ \t*]*(?:arguments|args|parameters|input)\b[ \t*]*:)"
    r"|(?P<tag>\s*/?>|\s+\w+=)",
    re.IGNORECASE,
)
_MARKS = frozenset("({[/>'\"`*:")
_NAMESPACE = re.compile(r"(?:\b(?:functions?|tools?|apis?|default_api)\.|(?<!\.))\Z")
_NAMED = re.compile(rf"{NAME_KEY}\\?[\"']([^\"'\\]*)")
_LONGEST_BEFORE = 40
_LONGEST_MENTION = 200
_NO_ARGUMENTS = frozenset({"", "...", "…", "s", "es", "ies"})
_PLACEHOLDER = re.compile(r"[\"']?(?:\.\.\.|…|<[^<>]*>)[\"']?")
_ALONE = " \t\r\xa0;`"


def calls_offered(text: str, tools: ToolSet) -> bool:
    """Whether `text` calls a function of `tools`, in Python's way, as JSON or as a tag."""
    for name, at in _places(text, tools):
        behind = _BEHIND.match(text, at + len(name))
        if behind is not None and _is_called(text, at, name, behind, tools):
            return True
    if ARGUMENTS_KEY.search(text) is None:
        return False
    names = set(tools.names)
    return any(named[1] in names for named in _NAMED.finditer(text))


def _places(text: str, tools: ToolSet) -> Iterator[tuple[str, int]]:
    """Each name that stands in `text` as a word of its own before a mark or a blank, and where."""
    for name in tools.names:
        at = text.find(name)
        while at >= 0:
            end = at + len(name)
            behind, before = text[end : end + 1], text[at - 1 : at]
            if (behind in _MARKS or behind.isspace()) and not (before.isalnum() or before == "_"):
                yield name, at
            at = text.find(name, end)


def _is_called(text: str, at: int, name: str, behind: re.Match[str], tools: ToolSet) -> bool:
    """Whether a name at a place is called by what stands behind it."""
    if behind["tag"]:
        return text[at - 1 : at] == "<" and len(name) > 2
    if not _NAMESPACE.search(text[max(0, at - _LONGEST_BEFORE) : at]):
        return False  # a member of something else, as in `re.search('a')`
    if behind["lines"]:
        return True
    if behind["object"]:
        return behind["key"] is None or behind["key"] in _parameters(name, tools)
    if behind["quoted"] and name.isalpha():  # a word, and a quote in brackets
        return not text[text.rfind("\n", 0, at) + 1 : at].strip(_ALONE)
    return not _is_mention(text, at, behind.end(), name, tools)


def _is_mention(text: str, at: int, inside: int, name: str, tools: ToolSet) -> bool:
    """Whether a name with brackets is only spoken of: nothing in them, or names of parameters."""
    end = text.find(")", inside, inside + _LONGEST_MENTION)
    if end < 0 or text[at - 1 : at] == "[":
        return False
    start, stop = text.rfind("\n", 0, at) + 1, text.find("\n", end)
    around = text[start:at] + text[end + 1 : stop if stop >= 0 else None]
    if not around.strip(_ALONE):
        return False
    content = text[inside:end].strip()
    if content in _NO_ARGUMENTS:
        return True
    parameters = _parameters(name, tools)
    return all(_names_a_parameter(part, parameters) for part in content.split(","))


def _names_a_parameter(part: str, parameters: Collection[str]) -> bool:
    """`city`, `city: str` or `city=<city>`."""
    name, given, value = part.partition("=")
    if given and not _PLACEHOLDER.fullmatch(value.strip()):
        return False
    return name.partition(":")[0].strip() in parameters


def _parameters(name: str, tools: ToolSet) -> Collection[str]:
    signature = tools.signature(name)
    parameters: Collection[str] = signature.schema.get("properties", {}) if signature else ()
    return parameters
