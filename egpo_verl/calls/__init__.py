"""The language of function calls: types, forms, parsing, rendering, matching."""

from egpo_verl.calls.call import Call
from egpo_verl.calls.forms import FORMS, Parsed, parse, render
from egpo_verl.calls.problem import Problem

__all__ = ["FORMS", "Call", "Parsed", "Problem", "parse", "render"]
