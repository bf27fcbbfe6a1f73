"""One checkpoint of verl, and what can be done with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from egpo_verl.doctor.shards import weights_are_whole

DATA = "data.pt"


@dataclass(frozen=True)
class Checkpoint:
    """One `global_step_N`.

    `size` is in bytes. `processes` are the numbers of processes that it can be loaded by, or was
    saved by where it cannot; empty for engines other than FSDP. `problems` keep it from being
    loaded, a line each; `notes` are what to know of one that can be.
    """

    step: int
    folder: Path
    size: int
    processes: tuple[int, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_finished(self) -> bool:
        """Whether verl came to write the place in the data, the last thing but the record."""
        return (self.folder / DATA).exists()

    @property
    def is_cleared(self) -> bool:
        """Whether verl removed the weights again, as `trainer.max_actor_ckpt_to_keep` asks."""
        return self.is_finished and is_empty(self.folder / "actor")

    @property
    def can_be_merged(self) -> bool:
        """Whether `verl.model_merger` finds all it needs of an FSDP engine's weights."""
        actor = self.folder / "actor"
        needed = (actor / "fsdp_config.json", actor / "huggingface" / "config.json")
        return all(file.is_file() for file in needed) and weights_are_whole(actor)

    def loads(self, processes: int | None) -> bool:
        """Whether a run of so many processes can resume from it; None for as many as saved it."""
        fits = processes is None or not self.processes or processes in self.processes
        return not self.problems and fits


def removal(checkpoint: Checkpoint) -> str:
    """The command that removes it."""
    return f"rm -r {quote(str(checkpoint.folder))}"


def is_empty(folder: Path) -> bool:
    """Whether there is nothing in the folder, or no folder."""
    return not folder.is_dir() or not any(folder.iterdir())
