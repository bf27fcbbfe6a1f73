"""Code in an answer: what of it is more than the calls in it.

A block of code that explains is a program: it defines, loops, imports and goes on with what it
gets. A block with nothing but calls, perhaps behind a comment, an import or the assignment of a
value, is an attempt to make them.
"""

from __future__ import annotations

import re

_FENCE = "```"
_LANGUAGE = re.compile(r"[\w+-]*[ \t]*\n")
_COMMENT = re.compile(r"(?:^|(?<=[ \t]))(?:#|//).*$|<!--[^<>]*-->", re.MULTILINE)
_IMPORT = re.compile(r"^[ \t]*(?:import|from)[ \t]+\w[\w., \t]*$", re.MULTILINE)
_ASSIGNMENT = re.compile(r"^[ \t]*[^\W\d]\w*[ \t]*=(?!=)[^()\n]*$", re.MULTILINE)


def prose_and_blocks(text: str) -> tuple[str, list[str]]:
    """The text without its code blocks, and the code of each of these."""
    pieces = text.split(_FENCE)
    return " ".join(pieces[::2]), [_code(block) for block in pieces[1::2] if block.strip()]


def without_comments(code: str) -> str:
    """`code` without comments."""
    if "#" not in code and "//" not in code and "<!--" not in code:
        return code
    return _COMMENT.sub("", code)


def imports(code: str) -> bool:
    """Whether a line of `code` imports something."""
    return _IMPORT.search(code) is not None


def without_preparation(code: str) -> str:
    """`code` without lines that import something or give a name a value."""
    if "import" in code or "from" in code:
        code = _IMPORT.sub("", code)
    return _ASSIGNMENT.sub("", code) if "=" in code else code


def _code(block: str) -> str:
    language = _LANGUAGE.match(block)
    return block[language.end() :] if language else block
