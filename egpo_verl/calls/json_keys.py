"""The keys by which JSON is known for a call, escaped inside a string too."""

from __future__ import annotations

import re

NAME_KEY = r"\\?[\"'](?:name|function|api|tool|tool_name|recipient_name|action)\\?[\"']\s*:\s*"
NAMED = re.compile(NAME_KEY)
TYPED = re.compile(r"[\"']type[\"']\s*:\s*[\"'](?:function|tool_use|tool_call)[\"']")
ARGUMENTS_KEY = re.compile(
    r"\\?[\"'](?:arguments|parameters|args|kwargs|(?:tool_|action_)?input)\\?[\"']\s*:"
)
ENVELOPE = re.compile(
    r"\\?[\"'](?:function|tool)_calls?\\?[\"']\s*:\s*(?:\[\s*\\?[{\"']|\{\s*\\?[\"'])"
)
"""A key that holds calls, and the start of one."""
