"""The examples in the docstrings run."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "reward",
        "calls.forms",
        "calls.matching",
        "calls.thought",
        "calls.tools",
        "calls.traces",
        "envs.misfit",
        "envs.script",
    ],
)
def test_examples_run(module: str) -> None:
    result = doctest.testmod(import_module(f"egpo_verl.{module}"))
    assert result.attempted > 0
    assert result.failed == 0
