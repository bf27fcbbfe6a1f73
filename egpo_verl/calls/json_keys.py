"""The keys by which JSON is known for a call, escaped inside a string too."""

from __future__ import annotations

import re

ARGUMENT_KEYS = ("arguments", "parameters", "args", "kwargs", "input", "tool_input", "action_input")
"""Keys that hold the arguments of a call."""
NAME_KEY = r"\\?[\"'](?:name|function|api|tool|tool_name|recipient_name|action)\\?[\"']\s*:\s*"
NAMED = re.compile(NAME_KEY)
TYPED = re.compile(r"[\"']type[\"']\s*:\s*[\"'](?:function|tool_use|tool_call)[\"']")
ARGUMENTS_KEY = re.compile(rf"\\?[\"'](?:{'|'.join(ARGUMENT_KEYS)})\\?[\"']\s*:")
ENVELOPE = re.compile(
    r"\\?[\"'](?:function|tool)_calls?\\?[\"']\s*:\s*(?:\[\s*\\?[{\"']|\{\s*\\?[\"'])"
)
"""A key that holds calls, and the start of one."""
