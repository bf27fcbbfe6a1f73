"""The language of function calls: types, forms, parsing, rendering, matching."""

from egpo_verl.calls.call import Call
from egpo_verl.calls.forms import FORMS, Parsed, parse, render
from egpo_verl.calls.matching import match
from egpo_verl.calls.reasons import Reason
from egpo_verl.calls.reference import Reference
from egpo_verl.calls.thought import answer_of
from egpo_verl.calls.tools import ToolSet
from egpo_verl.calls.traces import contains_call

__all__ = [
    "FORMS",
    "Call",
    "Parsed",
    "Reason",
    "Reference",
    "ToolSet",
    "answer_of",
    "contains_call",
    "match",
    "parse",
    "render",
]
