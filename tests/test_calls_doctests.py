"""The examples in the docstrings run."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "reward",
        "calls.announcements",
        "calls.forms",
        "calls.matching",
        "calls.offered_names",
        "calls.plain",
        "calls.records",
        "calls.signatures",
        "calls.thought",
        "calls.tools",
        "calls.traces",
        "calls.whole_answer",
        "calls.words",
        "envs.misfit",
        "envs.script",
    ],
)
def test_examples_run(module: str) -> None:
    result = doctest.testmod(import_module(f"egpo_verl.{module}"))
    assert result.attempted > 0
    assert result.failed == 0
