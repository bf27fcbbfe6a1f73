"""Every source by its name."""

from __future__ import annotations

from egpo_verl.datasets.adapters import xlam
from egpo_verl.datasets.source import Source

SOURCES: dict[str, Source] = {source.name: source for source in (xlam.SOURCE,)}
"""Datasets read from a file; `toolworld`, which is made and not read, is not among them."""
