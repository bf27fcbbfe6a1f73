"""How far each run of a study is."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean

from rich.table import Table

from egpo_verl.cli import table
from egpo_verl.lab.run_folder import FAILED, RunFolder
from egpo_verl.lab.schedule import folders_of, start_folder
from egpo_verl.lab.study import Study

SECONDS = "timing_s/step"
COLUMNS = ("run", "state", "step", "s/step", "score", "starts")


def status_table(study: Study) -> Table:
    """One row a run."""
    folders = [start_folder(study), *folders_of(study)]
    return table(study.name, COLUMNS, map(_row, folders))


def failures(study: Study) -> Iterable[str]:
    """A sentence on each run that failed."""
    for folder in [start_folder(study), *folders_of(study)]:
        if folder.state() == FAILED:
            yield (
                f"{folder.name} failed at step {folder.last_step()}: {folder.last_problem()}; "
                f"see {folder.console}"
            )


def _row(folder: RunFolder) -> tuple[str, ...]:
    run = folder.log()
    seconds = run.series(SECONDS)[1] if run else []
    scores = run.series("critic/score/mean")[1] if run else []
    return (
        folder.name,
        folder.state(),
        f"{folder.last_step()}/{folder.steps}" if folder.steps else "",
        f"{fmean(seconds):.1f}" if seconds else "",
        f"{scores[-1]:.3f}" if scores else "",
        str(len(folder.run_json().get("starts", []))),
    )
