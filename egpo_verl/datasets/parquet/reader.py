"""A parquet file opened, or one sentence that says why not."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from egpo_verl.errors import UserError


def open_parquet(path: Path) -> pq.ParquetFile:
    """The file at `path`; UserError where none is or it is not parquet."""
    try:
        return pq.ParquetFile(path)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist.") from None
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split()).rstrip(" .")
        raise UserError(f"{path} is not a parquet file: {reason}.") from error
