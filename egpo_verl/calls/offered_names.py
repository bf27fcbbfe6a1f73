"""Whether a text calls one of the functions offered, wherever it stands in it.

One pass over the text finds the words with something behind them that calls; only those are looked
up among the functions, so the time is linear in the text and hardly depends on their number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from egpo_verl.calls.json_keys import ARGUMENTS_KEY, NAME_KEY, TYPED
from egpo_verl.calls.mentions import Mentions, opens_line
from egpo_verl.calls.tools import ToolSet
from egpo_verl.calls.words import WORD, WORD_START

# What may stand behind a name that is called.
_BEHIND = r"""(?=[\s({\[/>'"`*:])(?=
    (?P<bracket>\()
    | (?P<spaced>\s+\((?=\s*(?:[^\W\d]\w*\s*=(?!=)|(?P<quote>["']))))
    | ["']?(?:\s*:)?\s*(?:\[ARGS\]\s*)?\{\s*(?P<object>\}|["'](?P<key>\w+)["']\s*:)
    | (?P<lines>[`*]*[ \t]*\r?\n[ \t*]*(?:arguments|args|parameters|input)\b[ \t*]*:)
    | (?P<tag>\s*/?>|\s+\w+=)
    )"""
_SITE = re.compile(WORD + _BEHIND, re.IGNORECASE | re.VERBOSE)
_SITE_OF_SIGN = re.compile(r"[^\w\s({\['\"`*:/>]" + _BEHIND, re.IGNORECASE | re.VERBOSE)
_LAST = re.compile(rf"(?:{WORD}|\W)\Z")
_START = re.compile(WORD_START)
_NAMESPACE = re.compile(r"\b(?:functions?|tools?|apis?|default_api)\.\Z")
_LONGEST_NAMESPACE = len(" default_api.")
_NAMED = re.compile(rf"{NAME_KEY}\\?[\"']([^\"'\\]*)")
_ONLY_NAMED = re.compile(rf"\{{\s*{NAME_KEY}\\?[\"']([^\"'\\]*)\\?[\"']\s*\}}")
_NAMED_TAG = re.compile(r"<(?:function|tool|call|action|api)\s+name\s*=\s*[\"']([^\"'\n]*)")
_ELEMENT = re.compile(
    r"\s*(?:<\?xml[^<>]*>\s*)?<([\w.-]+)\s*"
    r"(?:/>|>\s*(?:</|<([\w.-]+)[\s/>])|([\w.-]+)\s*=)"
)
_SHORTEST_TAG = 3


def calls_offered(text: str, tools: ToolSet) -> bool:
    """Whether `text` calls a function of `tools`, in Python's way, as JSON or as a tag."""
    mentions = Mentions(text)
    for site, name in _sites(text, tools.names):
        if _is_called(site, name, tools, mentions):
            return True
    names = frozenset(tools.names)
    has_arguments = ARGUMENTS_KEY.search(text) or TYPED.search(text)
    named = _NAMED if has_arguments else _ONLY_NAMED
    return any(
        match[1] in names for pattern in (named, _NAMED_TAG) for match in pattern.finditer(text)
    )


def is_element(text: str, tools: ToolSet) -> bool:
    """Whether `text` starts as an element that calls a function: its first member is an argument.

    >>> tools = ToolSet({"weather": {"name": "weather", "parameters": {"city": "str"}}})
    >>> is_element("<weather><city>Paris</city></weather>", tools)
    True
    >>> is_element("<weather><temperature>20</temperature></weather>", tools)
    False
    """
    element = _ELEMENT.match(text)
    if element is None:
        return False
    name, child, attribute = element.groups()
    if _NAMED_TAG.match(text, element.start(1) - 1):
        return True
    signature, member = tools.signature(name), child or attribute
    if signature is None:
        return False
    return member is None or member in signature.schema.get("properties", ())


def _sites(text: str, names: tuple[str, ...]) -> Iterator[tuple[re.Match[str], str]]:
    """Where a name stands as words of its own before what may call it, and the name."""
    by_last, has_signs = _by_last_word(names)
    for pattern in (_SITE, _SITE_OF_SIGN) if has_signs else (_SITE,):
        for site in pattern.finditer(text):
            for name in by_last.get(site[0], ()):
                start = site.end() - len(name)
                if start >= 0 and text.startswith(name, start) and _START.match(text, start):
                    yield site, name


@lru_cache(maxsize=256)
def _by_last_word(names: tuple[str, ...]) -> tuple[Mapping[str, list[str]], bool]:
    """Names by their last word, or their last sign; whether any ends in a sign."""
    by_last: dict[str, list[str]] = {}
    for name in names:
        last = _LAST.search(name)
        by_last.setdefault(last[0] if last else name, []).append(name)
    return by_last, any(re.match(r"\W", last) for last in by_last)


def _is_called(site: re.Match[str], name: str, tools: ToolSet, mentions: Mentions) -> bool:
    """Whether a name at a place is called by what stands behind it."""
    text, start = site.string, site.end() - len(name)
    if site["tag"]:
        return text[start - 1 : start] == "<" and len(name) >= _SHORTEST_TAG
    if text[start - 1 : start] == ".":
        namespace = _NAMESPACE.search(text, max(0, start - _LONGEST_NAMESPACE), start)
        if namespace is None:
            return False  # a member of something else, as in `re.search('a')`
        start = namespace.start()
    if site["lines"]:
        return True
    signature = tools.signature(name)
    schema = signature.schema if signature else {}
    if site["object"]:
        return site["key"] is None or site["key"] in schema.get("properties", ())
    if site["quote"] and name.isalpha():  # a word, and a quote in brackets
        return opens_line(text, start)
    inside = site.end("spaced" if site["spaced"] else "bracket")
    return not mentions.is_mention(start, inside, schema)
