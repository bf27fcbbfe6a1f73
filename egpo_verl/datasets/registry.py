"""Every source by its name."""

from __future__ import annotations

from egpo_verl.datasets.adapters import (
    acebench,
    api_bank,
    api_bank_test,
    apigen_mt,
    bfcl,
    funreason_mt,
    glaive,
    hermes,
    openai_chat,
    seal_tools,
    tool_n1,
    toolace,
    toolrl,
    xlam,
)
from egpo_verl.datasets.source import Source

_ADAPTERS = (
    xlam,
    toolace,
    toolrl,
    glaive,
    hermes,
    seal_tools,
    apigen_mt,
    funreason_mt,
    api_bank,
    tool_n1,
    openai_chat,
    bfcl,
    acebench,
    api_bank_test,
)
SOURCES: dict[str, Source] = {adapter.SOURCE.name: adapter.SOURCE for adapter in _ADAPTERS}
"""Datasets read from a file; `toolworld`, which is made and not read, is not among them."""
