"""Whether a text calls one of the functions offered, wherever it stands in it.

One pass over the text finds the words with something behind them that calls; only those are looked
up among the functions, so the time is linear in the text and hardly depends on their number.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache, lru_cache
from itertools import chain

from egpo_verl.calls.bounds import MAX_MENTIONS
from egpo_verl.calls.json_keys import ARGUMENTS_KEY, NAME_KEY, TYPED
from egpo_verl.calls.mentions import Mentions, opens_line
from egpo_verl.calls.tools import ToolSet
from egpo_verl.calls.words import ASCII_WORD, WORD, is_word_start, last_word

# What may stand behind a name that is called.
_BEHIND = r"""(?=
    (?P<bracket>\()
    | (?=\s*(?:["'`*:({\[\n]|with\b|using\b))(?:
        (?P<spaced>\s+\((?=\s*(?:[^\W\d]\w*\s*=(?!=)|(?P<quote>["']))))
        | ["'`*]{0,3}(?:\s+(?:with|using)(?:\s+[^\W\d]\w*){0,4})?(?:\s*:)?\s*(?:\[ARGS\]\s*)?`?
            \{\s*(?P<object>\}|["'](?P<key>\w+)["']\s*:)
        | (?P<lines>[`*]*[ \t]*\r?\n[ \t*]*(?i:arguments|args|parameters|input)\b[ \t*]*:)
    ))"""
_WORD_IN_ASCII = r"\b\w+\b"  # the same, and faster
_SIGN = r"[^\w\s({\['\"`*:]"
_TAG = re.compile(r"<([\w.-]{3,})(?:\s*/?>|\s+\w+=)")
_NAMESPACE = re.compile(r"\b(?:functions?|tools?|apis?|default_api)\.")
_LONGEST_NAMESPACE = len(" default_api.")
_NAMED = re.compile(rf"{NAME_KEY}\\?[\"']([^\"'\\]*)")
_ONLY_NAMED = re.compile(rf"\{{\s*{NAME_KEY}\\?[\"']([^\"'\\]*)\\?[\"']\s*\}}")
_NAMED_TAG = re.compile(r"<(?:function|tool|call|action|api)\s+name\s*=\s*[\"']([^\"'\n]*)")
_ELEMENT = re.compile(
    r"\s*(?:<\?xml[^<>]*>\s*)?<([\w.-]+)\s*"
    r"(?:/>|>\s*(?:</|<([\w.-]+)[\s/>])|([\w.-]+)\s*=)"
)


def calls_offered(text: str, tools: ToolSet) -> bool:
    """Whether `text` calls a function of `tools`, in Python's way, as JSON or as a tag."""
    if _has_called_site(text, tools):
        return True
    patterns = [_NAMED_TAG, _TAG] if "<" in text else []
    if ":" in text and ('"' in text or "'" in text):
        has_arguments = ARGUMENTS_KEY.search(text) or TYPED.search(text)
        patterns.append(_NAMED if has_arguments else _ONLY_NAMED)
    names = frozenset(tools.names) if patterns else ()
    return any(match[1] in names for pattern in patterns for match in pattern.finditer(text))


def is_offered(name: str, tools: ToolSet) -> bool:
    """Whether a function is offered by a name, perhaps behind a namespace as `functions.`."""
    namespace = _NAMESPACE.match(name)
    return any(
        tools.specification(one) is not None
        for one in (name, name[namespace.end() :] if namespace else name)
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


def _has_called_site(text: str, tools: ToolSet) -> bool:
    """Whether a name stands somewhere as words of its own and is called by what is behind it."""
    by_last, mentions = _by_last_word(tools.names), Mentions(text)
    named = 0
    for site in _sites(text, by_last):
        word = site[0]
        for name in by_last.get(word, ()):
            if name != word and not _stands_before(text, site.end(), name):
                continue
            named += 1
            if named > MAX_MENTIONS or _is_called(site, name, tools, mentions):
                return True
    return False


def _sites(text: str, words: Collection[str]) -> Iterator[re.Match[str]]:
    """The words, or signs, of a text with something behind them that calls, if not all of them then
    those that may be one of `words`."""
    if text.isascii():
        kinds = [_WORD_IN_ASCII]
    else:
        kinds = [ASCII_WORD if all(map(str.isascii, words)) else WORD]
    if any(re.match(r"\W", word) for word in words):
        kinds.append(_SIGN)
    return chain.from_iterable(_site(kind).finditer(text) for kind in kinds)


@cache
def _site(kind: str) -> re.Pattern[str]:
    """A word, or sign, with something behind it that calls; many programs never look for one."""
    return re.compile(kind + _BEHIND, re.VERBOSE)


@lru_cache(maxsize=256)
def _by_last_word(names: tuple[str, ...]) -> Mapping[str, list[str]]:
    by_last: dict[str, list[str]] = {}
    for name in names:
        by_last.setdefault(last_word(name), []).append(name)
    return by_last


def _stands_before(text: str, end: int, name: str) -> bool:
    """Whether a name stands before a place as words of its own."""
    start = end - len(name)
    return start >= 0 and text.startswith(name, start) and is_word_start(text, start)


def _is_called(site: re.Match[str], name: str, tools: ToolSet, mentions: Mentions) -> bool:
    """Whether a name at a place is called by what stands behind it."""
    text, end = site.string, site.end()
    start = end - len(name)
    if text[start - 1 : start] == ".":
        namespace = _NAMESPACE.search(text, max(0, start - _LONGEST_NAMESPACE), start)
        if namespace is None or namespace.end() < start:
            return False  # a member of something else, as in `re.search('a')`
        start = namespace.start()
    behind = site.lastgroup
    if behind == "lines":
        return True
    signature = tools.signature(name)
    schema = signature.schema if signature else {}
    if behind == "bracket":
        return not mentions.hold(start, end + 1, schema)
    if behind == "spaced":
        if site["quote"] and name.isalpha():  # a word, and a quote in brackets
            return opens_line(text, start)
        return not mentions.hold(start, site.end(behind), schema)
    return site["key"] is None or site["key"] in schema.get("properties", ())
