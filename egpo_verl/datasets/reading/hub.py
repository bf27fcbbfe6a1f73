"""Rows of a dataset by its name on the Hugging Face hub, streamed by its own library."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from egpo_verl.datasets.reading.files import Rows
from egpo_verl.datasets.sample import StructRow
from egpo_verl.errors import UserError

HUB = "https://huggingface.co"
PATIENCE = 5
"""Seconds to wait for the hub's first answer; its library tries for half a minute."""


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
            _must_answer(os.environ.get("HF_ENDPOINT", HUB))
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


def _must_answer(address: str) -> None:
    """Raises `UserError` where nobody answers at the address; any answer will do."""
    # Every process of a job would take their time, and few jobs read from the hub.
    import ssl
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    try:
        urlopen(Request(address, method="HEAD"), timeout=PATIENCE).close()
    except HTTPError:
        return
    except OSError as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            return  # somebody does; which certificates to trust is the library's to say
        raise UserError(
            f"the hub does not answer at {address} ({reason}); download the dataset's file and "
            "give --local_dataset_path, or name a mirror in HF_ENDPOINT."
        ) from error
