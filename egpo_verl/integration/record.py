"""What a training records for `python -m egpo_verl.inspect`: some whole groups of each step.

`algorithm.egpo.record_dir=FOLDER` writes `FOLDER/<step>.parquet`, one row a response, with the text
and the entropy of every token, which tokens are thought, and what EGPO made of them. A step of
several updates (`separate_async`) has more, `<step>-<update>.parquet`. A thread builds and
writes it beside the training; a file is there whole or not at all.
"""

from __future__ import annotations

import copy
import json
import logging
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from egpo_verl.advantage import EgpoOptions, OptionError
from egpo_verl.inspect.schema import OPTIONS
from egpo_verl.integration.batch import Batch
from egpo_verl.integration.record_table import Recorded, Responses, responses_table, write

TOKEN_FIELDS = ("responses", "response_mask", "rm_scores")
"""A tensor of its own length for each row."""
ROW_FIELDS = ("raw_prompt", "reward_model", "data_source", "ability", "extra_info")
"""An object for each row; a data set may lack any of them."""

log = logging.getLogger("verl.egpo")
_writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="egpo-record")


@dataclass(frozen=True)
class RecordOptions:
    """`algorithm.egpo.record_dir` and `algorithm.egpo.record_groups`.

    Attributes:
        folder: where files are written; None, the default, records nothing.
        groups: how many prompts of a step are recorded, each with all of its responses.
    """

    folder: Path | None = None
    groups: int = 8

    @classmethod
    def of(cls, algorithm: Mapping[str, Any]) -> RecordOptions:
        """From verl's `algorithm` node.

        Raises:
            OptionError: a folder that is no text, or a number of groups below 1.
        """
        values = algorithm.get("egpo") or {}
        folder, groups = values.get("record_dir"), values.get("record_groups", cls.groups)
        if folder is not None and not (isinstance(folder, str) and folder):
            raise OptionError(f"algorithm.egpo.record_dir={folder!r} must be the name of a folder.")
        if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1:
            raise OptionError(
                f"algorithm.egpo.record_groups={groups!r} must be a whole number above 0."
            )
        return cls(Path(folder).expanduser() if folder else None, groups)


def whole_groups(labels: Sequence[Any], real: torch.Tensor, options: RecordOptions) -> list[int]:
    """The rows of the first `options.groups` groups by label, without verl's padding.

    verl's labels are random, so these are a random sample of a step's prompts.
    """
    there = {str(label) for label, is_real in zip(labels, real.tolist(), strict=True) if is_real}
    chosen = set(sorted(there)[: options.groups])
    is_real = real.tolist()
    return [row for row, label in enumerate(labels) if str(label) in chosen and is_real[row]]


def save(
    trainer: Any, batch: Batch, rows: list[int], responses: Responses, options: RecordOptions
) -> None:
    """Hand some rows of `batch` to the writer; a file that cannot be written is one warning.

    The last step's file is waited for, since nothing else keeps the process until it is there.
    """
    if batch.advantage is None or batch.thought is None or options.folder is None:
        raise ValueError("only a batch with its advantage can be recorded, into a folder")
    recorded = Recorded.of(batch.entropy, batch.thought, batch.advantage, rows)
    update = getattr(trainer, "local_trigger_step", 0)
    name = f"{trainer.global_steps}-{update}" if update else f"{trainer.global_steps}"
    path = options.folder / f"{name}.parquet"
    settings = EgpoOptions.from_mapping(trainer.config.algorithm.get("egpo"))
    metadata = {OPTIONS: json.dumps(asdict(settings))}
    future = _writer.submit(
        _build,
        trainer.global_steps,
        responses,
        recorded,
        _copied(trainer.tokenizer),
        metadata,
        path,
    )
    if trainer.global_steps >= _last_step(trainer):
        future.result()


def _last_step(trainer: Any) -> float:
    """The name differs between verl's trainers."""
    steps = getattr(trainer, "total_training_steps", None)
    return float(steps or getattr(trainer, "total_train_steps", None) or math.inf)


@lru_cache(maxsize=1)
def _copied(tokenizer: Any) -> Any:
    """A tokenizer of the writer's own: a fast one must not serve two threads at once."""
    return copy.deepcopy(tokenizer)


def _build(
    step: int,
    responses: Responses,
    recorded: Recorded,
    tokenizer: Any,
    metadata: dict[bytes, str],
    path: Path,
) -> None:
    try:
        table = responses_table(step, responses, recorded, tokenizer)
        write(table.replace_schema_metadata(metadata), path)
    except Exception as error:
        # A record is for people to look at; no training ends for it.
        log.warning("egpo_verl: the responses of step %d were not recorded: %r", step, error)
