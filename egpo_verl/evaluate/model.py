"""From what a user names to a folder that loads: a model, or a checkpoint that verl saved."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from egpo_verl.cli import write_aside
from egpo_verl.errors import UserError

WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
SHARDS = "model_world_size_*_rank_*.pt"
PROBE = 1 << 20
"""Bytes at both ends of a file of weights that go into its digest."""
HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True)
class Model:
    """A model that loads.

    Attributes:
        source: folder or hub name for `from_pretrained`.
        label: short name for tables.
        digest: changes with the weights; empty for a hub name.
    """

    source: str
    label: str
    digest: str


def resolve(name: str, cache: Path) -> Model:
    """The model behind a folder, a verl checkpoint or a hub name.

    Args:
        cache: folder for models merged from a checkpoint's shards; each is merged once.

    Raises:
        UserError: there is nothing that loads, or the shards cannot be merged.
    """
    folder = Path(name)
    if not folder.is_dir():
        if folder.is_absolute() or name.startswith(".") or not HUB_NAME.fullmatch(name):
            raise UserError(f"--model {name} is no folder; name a model's folder or its hub name.")
        return Model(name, name, "")
    if _loads(folder):
        return Model(str(folder), _label(folder), digest_of(folder, WEIGHTS))
    actor = folder / "actor" if (folder / "actor").is_dir() else folder
    if _loads(actor / "huggingface"):
        model = actor / "huggingface"
        return Model(str(model), _label(folder), digest_of(model, WEIGHTS))
    if not any(actor.glob(SHARDS)) or not (actor / "huggingface" / "config.json").is_file():
        raise UserError(
            f"--model {name} has neither weights with a config.json nor the FSDP shards of a verl "
            "checkpoint; merge a Megatron checkpoint with `python -m verl.model_merger` first."
        )
    digest = digest_of(actor, (SHARDS,))
    return Model(str(_merged(actor, cache / digest)), _label(folder), digest)


def digest_of(folder: Path, patterns: tuple[str, ...]) -> str:
    """12 hexadecimal digits from names, sizes and both ends of the files of weights."""
    state = hashlib.sha256()
    for path in sorted(path for pattern in patterns for path in folder.glob(pattern)):
        size = path.stat().st_size
        state.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            state.update(file.read(PROBE))
            file.seek(max(0, size - PROBE))
            state.update(file.read(PROBE))
    return state.hexdigest()[:12]


def _loads(folder: Path) -> bool:
    weights = any(any(folder.glob(pattern)) for pattern in WEIGHTS)
    return weights and (folder / "config.json").is_file()


def _label(folder: Path) -> str:
    """The last two parts that tell one from another, such as `run/global_step_40`."""
    parts = [part for part in folder.absolute().parts if part not in ("actor", "checkpoints")]
    return "/".join(parts[-2:])


def _merged(actor: Path, target: Path) -> Path:
    """The FSDP shards of `actor` as a Hugging Face folder, by verl's merger."""
    if _loads(target):
        return target
    with write_aside(target.parent, option="--output_dir") as aside:
        # A folder inside, which comes to its place by one rename: half a model would load too.
        merged = aside / target.name
        # A process of its own: the merger prints, and holds all shards in memory until it ends.
        done = subprocess.run(
            [
                *(sys.executable, "-m", "verl.model_merger", "merge", "--backend", "fsdp"),
                *("--local_dir", str(actor), "--target_dir", str(merged)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not _loads(merged):
            last = (done.stderr.strip().splitlines() or ["it wrote no weights"])[-1]
            raise UserError(f"verl.model_merger cannot merge the shards in {actor}: {last}")
    return target
