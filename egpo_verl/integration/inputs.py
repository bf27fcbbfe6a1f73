"""Whether the files that a run names are there and usable, said before anything starts."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from egpo_verl.errors import UserError

COLUMNS = ("prompt", "data_source", "reward_model")
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "tiktoken.model",
)


class InputError(UserError):
    """A file or folder that a run cannot use; the message says which, and how to mend it."""


def check_inputs(config: Any) -> None:
    """Check data files, model folder and the folders to write to of verl's configuration.

    What is not on this machine (a hub name, `hdfs://...`) is left to verl.

    Raises:
        InputError: see there.
    """
    for key in ("train_files", "val_files"):
        for name in _names(config.data.get(key)):
            check_rows(name, f"data.{key}")
    check_model(config.actor_rollout_ref.model.path)
    for key in ("default_local_dir", "rollout_data_dir", "validation_data_dir"):
        check_writable(config.trainer.get(key), f"trainer.{key}")


def check_rows(name: str, option: str) -> None:
    """A parquet file of rows as verl reads them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if "://" in name or not name.endswith(".parquet"):
        return
    path = Path(name).expanduser()
    if not path.is_file():
        raise InputError(
            f"{option}={name} is not there: make it with python -m egpo_verl.preprocess, "
            "whose --help lists the sources."
        )
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{option}={name} is not a parquet file ({error}).") from None
    missing = [column for column in COLUMNS if column not in file.schema_arrow.names]
    if missing:
        raise InputError(
            f"{option}={name} lacks the column {', '.join(missing)}: make it with "
            "python -m egpo_verl.preprocess."
        )
    if file.metadata.num_rows == 0:
        raise InputError(f"{option}={name} holds no rows.")


def check_model(name: str | None, option: str = "actor_rollout_ref.model.path") -> None:
    """A local folder with a model and a tokenizer, or a name that may be a hub's."""
    if not name:
        raise InputError(f"{option} is not set: give a model folder or a hub name.")
    if "://" in name:
        return
    path = Path(name).expanduser()
    if not path.is_dir():
        if path.is_absolute() or name.startswith((".", "~")) or name.count("/") != 1:
            raise InputError(f"{option}={name} is no folder.")
        return
    if not (path / "config.json").is_file():
        raise InputError(f"{option}={name} holds no config.json: it is not a Hugging Face model.")
    if not any((path / file).is_file() for file in TOKENIZER_FILES):
        raise InputError(
            f"{option}={name} holds no tokenizer: save the model's own there with "
            f"tokenizer.save_pretrained({str(path)!r})."
        )


def check_writable(name: str | None, option: str) -> None:
    """A folder that can be written to, or made."""
    if not name or "://" in name:
        return
    path = Path(name).expanduser().absolute()
    nearest = next(parent for parent in (path, *path.parents) if parent.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise InputError(
            f"{option}={name} cannot be written: {nearest} is "
            f"{'read-only' if nearest.is_dir() else 'a file'}."
        )


def _names(given: Any) -> Iterable[str]:
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)
