"""One sample made a row: checked, repaired, renamed, rendered, measured."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from egpo_verl.datasets.checks.check import check
from egpo_verl.datasets.checks.contamination import benchmarks_in
from egpo_verl.datasets.checks.duplicates import signature
from egpo_verl.datasets.checks.keys import beginnings, row_digest, steps
from egpo_verl.datasets.checks.length import LengthLimit
from egpo_verl.datasets.jobs.chunk import RowInfo
from egpo_verl.datasets.parquet.rows import build_row, spell_names
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.tools.features import features_by_name
from egpo_verl.datasets.unusable import Unusable


@dataclass(frozen=True)
class RowConfig:
    """How each row is made and checked.

    Attributes:
        call_form: a name of `egpo_verl.calls.FORMS`.
        think_in_prompt: the chat template opens `<think>` itself, for every prompt.
        limit: measures prompts, drops the long ones, and sees which of them the template ends in
            `<think>`; None to do none of that.
        benchmarks: files whose questions and tools must not be trained on.
        signatures: compute what near duplicates are found by.
        max_turns: longest dialogue, in messages; None for any.
    """

    call_form: str = "python"
    think_in_prompt: bool = False
    limit: LengthLimit | None = None
    benchmarks: tuple[Path, ...] = ()
    signatures: bool = False
    max_turns: int | None = None


class Converted(NamedTuple):
    """A row, what the job needs to know of it, and the `beginnings` of its dialogue if asked."""

    row: dict[str, Any]
    info: RowInfo
    dialogue: array[int] | None


def convert_sample(
    index: int, sample: Sample, config: RowConfig, with_dialogue: bool = True
) -> Converted:
    """A sample checked, repaired and made a row; raises `Unusable`."""
    if config.max_turns is not None and len(sample.messages) > config.max_turns:
        raise Unusable("too_many_turns", f"{len(sample.messages)} messages")
    if config.benchmarks:
        benchmarks_in(config.benchmarks).check(sample)
    checked = check(sample)
    digests = steps(checked.sample.messages, checked.sample.calls, checked.sample.tools)
    dialogue = None
    if with_dialogue:
        is_same = not (sample.dialogue or checked.repairs)
        dialogue = digests if is_same else beginnings(sample)
    spelled, way_back = spell_names(checked.sample, config.call_form)
    row = build_row(spelled, way_back, index, "train", config.call_form, config.think_in_prompt)
    measured = config.limit.measured(row["prompt"]) if config.limit else None
    if measured and measured.opened:
        row["extra_info"]["think_in_prompt"] = True
    offered = features_by_name(spelled.tools)
    called = [call.name for call in spelled.calls]
    earlier = [call.name for message in spelled.messages for call in message.get("calls", ())]
    info = RowInfo(
        source_row=index,
        calls=len(spelled.calls),
        messages=len(spelled.messages),
        tokens=measured.tokens if measured else None,
        turn=turn_of(sample),
        repairs=checked.repairs,
        renamed=bool(way_back.functions or way_back.parameters),
        unchecked=tuple(
            [part for name, one in offered.items() if name in called for part in one.unchecked]
        ),
        invalid=tuple(
            [(name, one.invalid_part) for name, one in offered.items() if one.invalid_part]
        ),
        offered=tuple(offered),
        called=(*called, *earlier),
        digest=row_digest(checked.sample, digests[-1]),
        signature=signature(sample) if config.signatures else None,
    )
    return Converted(row, info, dialogue)


def turn_of(sample: Sample) -> int | None:
    """The assistant's turn that answers the sample; None where it is no part of a dialogue."""
    turn = sample.extra.get("turn")
    return turn if isinstance(turn, int) else None
