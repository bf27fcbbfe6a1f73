"""The files and folders that a run names: whether they are there, and what verl expects in them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

COLUMNS = ("data_source", "reward_model")
"""What every row needs beside its prompt (verl/experimental/reward_loop/reward_manager)."""
JSON_FILES = (".json", ".jsonl")
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "tiktoken.model",
)
FREE_FORM = frozenset(
    ("tools", "functions", "parameters", "tool_calls", "arguments", "ground_truth")
)
"""Fields whose keys differ from row to row."""


FIXED_FORM = frozenset(("reward_model", "extra_info"))
"""verl's columns of structs, in which an absent key and a null are read alike."""
MESSAGE = frozenset(("role", "content"))
"""What messages are known by, in which they are read alike too."""


class InputError(ValueError):
    """A file or folder that a run cannot use; the message says which, and how to fix it."""


def check_rows(name: str, option: str, prompt_key: str = "prompt") -> None:
    """A file of rows as verl's dataset reads it (verl/utils/dataset/rl_dataset.py:170).

    Raises:
        InputError: see there.
    """
    path = Path(name).expanduser()
    if not path.is_file():
        raise InputError(
            f"{option}={name} is not there: make it with python -m egpo_verl.preprocess, "
            "whose --help lists the sources."
        )
    if path.suffix in JSON_FILES:
        return
    if path.suffix != ".parquet":
        raise InputError(f"{option}={name}: verl reads .parquet, .json and .jsonl only.")
    try:
        with pq.ParquetFile(path) as file:
            names, rows = file.schema_arrow.names, file.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{option}={name} is not a parquet file ({error}).") from None
    if prompt_key not in names:
        raise InputError(
            f"{option}={name} lacks the column {prompt_key}, which data.prompt_key names; it has "
            f"{', '.join(names)}."
        )
    if missing := [column for column in COLUMNS if column not in names]:
        raise InputError(
            f"{option}={name} lacks the column {', '.join(missing)}: make it with "
            "python -m egpo_verl.preprocess."
        )
    if rows == 0:
        raise InputError(f"{option}={name} holds no rows.")


def merged_structs(rows: pa.RecordBatch) -> list[str]:
    """The Arrow structs whose keys differ by row: `extra_info.tools`, outermost ones only.

    They are known by their names, or by a key that is null in some of the rows only. Arrow gives
    every row the keys of all rows and fills those that a row lacks with null, so that a tool shows
    parameters that belong to others.
    """
    columns = zip(rows.schema.names, rows.columns, strict=True)
    return [path for name, values in columns for path in _structs(name, values, name)]


def _structs(name: str, values: pa.Array, path: str) -> Iterator[str]:
    while pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        values = values.flatten()
    if not pa.types.is_struct(values.type):
        return
    keys = [values.type.field(number).name for number in range(values.type.num_fields)]
    members = values.filter(values.is_valid()).flatten()
    is_filled = any(0 < member.null_count < len(member) for member in members)
    has_fixed_form = path in FIXED_FORM or set(keys) >= MESSAGE
    if name in FREE_FORM or (is_filled and not has_fixed_form):
        yield path
        return
    for key, member in zip(keys, members, strict=True):
        yield from _structs(key, member, f"{path}.{key}")


def check_model(name: str | None, option: str = "actor_rollout_ref.model.path") -> None:
    """A local folder with a model and a tokenizer, or a name that may be a hub's.

    Raises:
        InputError: see there.
    """
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


def check_writable(name: str, option: str) -> None:
    """A folder that can be written to, or made.

    Raises:
        InputError: see there.
    """
    path = Path(name).expanduser().absolute()
    nearest = next(parent for parent in (path, *path.parents) if parent.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise InputError(
            f"{option}={name} cannot be written: {nearest} is "
            f"{'read-only' if nearest.is_dir() else 'a file'}."
        )
