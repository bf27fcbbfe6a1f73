"""The one type between a dataset's file and verl's parquet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from egpo_verl.calls.call import Call

Message = Mapping[str, Any]
Tool = Mapping[str, Any]


class StructRow(dict[str, Any]):
    """A row of a file that stores structs: keys that it has not may be there, as null."""


@dataclass(frozen=True)
class Sample:
    """A dialogue that ends with the user's or a tool's turn, and the calls that answer it.

    Attributes:
        source: name of the dataset, verl's `data_source`.
        messages: `{"role", "content"}` in order, without the system prompt that we add; an
            earlier turn of the assistant that called functions has them as `"calls"`, a tuple
            of `Call`, so that they are written in the form that the row asks for.
        tools: the functions offered, each in the dialect of its dataset.
        calls: the reference; empty where no call is expected.
        extra: facts about the row that travel in `extra_info` (difficulty, original id, ...).
        reference: where other values serve as well, the JSON object with alternatives that
            `egpo_verl.calls.Reference` reads; `calls` is then one of the right answers.
        dialogue: all messages of the dialogue that the sample is one turn of, also those after it;
            empty where its row has no other turns.
    """

    source: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]
    calls: tuple[Call, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)
    reference: Mapping[str, Any] | None = None
    dialogue: tuple[Message, ...] = ()
