"""Rows of a dataset by its name on the Hugging Face hub, streamed by the library `datasets`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from egpo_verl import hub
from egpo_verl.datasets.reading.files import Rows
from egpo_verl.datasets.sample import StructRow
from egpo_verl.errors import UserError


@dataclass
class HubRows(Rows):
    """The training split of the dataset that `path` names, in one configuration of it."""

    config: str | None = None
    """None where the dataset has only one."""

    def __iter__(self) -> Iterator[Any]:
        try:
            datasets = import_module("datasets")
        except ImportError as error:
            raise UserError(
                "a dataset of the hub needs the library `datasets`; install it with "
                "`pip install 'egpo-verl[data]'`, or give --local_dataset_path."
            ) from error
        if not self.path.exists():  # the library takes a folder for a name
            hub.must_answer("download the dataset's file and give --local_dataset_path")
        try:
            rows = datasets.load_dataset(str(self.path), self.config, split="train", streaming=True)
            splits = rows.info.splits
            total = splits["train"].num_examples if splits and "train" in splits else 0
            for number, row in enumerate(rows):
                self.fraction = min(1.0, (number + 1) / total) if total else 0.0
                yield StructRow(row)  # Arrow has been at it, whatever the file was
        except (OSError, ValueError) as error:
            reason = str(error).strip().split("\n")[0].rstrip(".")
            raise UserError(
                f"{self.path} cannot be read from the hub: {reason}; "
                "download its file and give --local_dataset_path."
            ) from error
        self.fraction = 1.0
