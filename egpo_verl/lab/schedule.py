"""Which run is next: several at once, seed by seed, until each is done or has failed."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from egpo_verl.cli import say
from egpo_verl.errors import UserError
from egpo_verl.lab.child import Child, end, record_end, start
from egpo_verl.lab.command import START, arm_overrides
from egpo_verl.lab.identity import TRAIN_DIGEST, train_digest
from egpo_verl.lab.run_folder import TRAIN, RunFolder
from egpo_verl.lab.study import Study
from egpo_verl.lab.summary import REST, Pace, Show, line, work

PAUSE, SUMMARY_EVERY = 0.5, 5.0
"""Seconds between two looks at the processes, and at their logs."""


def folders_of(study: Study) -> list[RunFolder]:
    """The runs of a study: all arms with the first seed, then all with the second, ..."""
    root = Path(study.folder)
    return [RunFolder(root, arm, seed, study.steps) for seed in study.seeds for arm in study.arms]


def start_folder(study: Study) -> RunFolder:
    """Of the measurement before any training."""
    return RunFolder(Path(study.folder), START, 0, 0)


def check_folders(study: Study) -> None:
    """Raises:
    UserError: a run was made under the same name with other overrides or rows of its own.
    """
    for folder in folders_of(study):
        overrides = folder.run_json().get("arm_overrides")
        if overrides is not None and overrides != arm_overrides(study, folder.arm):
            raise UserError(
                f"{folder.path} was made with other overrides than arm {folder.arm} has: give the "
                "arm another name."
            )
        digest = folder.run_json().get(TRAIN_DIGEST)
        if digest and train_digest(study, folder.arm).get(TRAIN_DIGEST, digest) != digest:
            raise UserError(
                f"{folder.path} was trained on other rows than {study.arms[folder.arm].train} has "
                "now: give the arm another name."
            )


class Schedule:
    """The runs of a study that are waiting, running and failed."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.folders = [start_folder(study), *folders_of(study)]
        self.waiting = deque(folder for folder in self.folders if not folder.is_done())
        self.running: list[Child] = []
        self.crashes: Counter[str] = Counter()
        self.failed: list[RunFolder] = []
        self.trained = self.folders[1:]
        self.steps = {folder.name: folder.last_step() for folder in self.folders}
        waiting = {folder.name for folder in self.waiting}
        self.done = {folder.name for folder in self.folders if folder.name not in waiting}
        self.next_summary = 0.0
        self.pace = Pace(self._work())

    def run(self) -> list[RunFolder]:
        """Start and watch until nothing is left; the runs that failed."""
        with line() as show, self._ending():
            while self.waiting or self.running:
                self._reap()
                self._fill()
                self._summarize(show)
                time.sleep(PAUSE)
        return self.failed

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """Whatever happens, no process is left behind and each end is written down."""
        try:
            yield
        finally:
            end(self.running)
            for child in self.running:
                record_end(self.study, child, stopped=True)

    def _reap(self) -> None:
        for child in [child for child in self.running if child.ended()]:
            self.running.remove(child)
            end([child])
            succeeded = record_end(self.study, child)
            if succeeded and child.phase == TRAIN:
                self.waiting.appendleft(child.folder)
            elif succeeded:
                self.done.add(child.folder.name)
                say(f"{child.folder.name}: done")
            else:
                self._crashed(child)

    def _crashed(self, child: Child) -> None:
        folder = child.folder
        self.crashes[folder.name] += 1
        words = f"{folder.name} crashed at step {folder.last_step()}: {folder.last_problem()}"
        if self.crashes[folder.name] > self.study.retries:
            self.failed.append(folder)
            say(f"{words}; see {folder.console}")
        else:
            self.waiting.appendleft(folder)
            say(f"{words}; started again")

    def _fill(self) -> None:
        for slot in self._free_slots():
            for folder in list(self.waiting):
                child = self._started(folder, slot)
                if child is not None:
                    self.running.append(child)
                    break

    def _started(self, folder: RunFolder, slot: int) -> Child | None:
        """Start a run, unless another process holds it, or has done it meanwhile."""
        child = start(self.study, folder, slot)
        # Nothing more is read of a folder that another process may be at work in.
        is_done = child is None and folder.is_done()
        if is_done:
            self.done.add(folder.name)
        if child is not None or is_done:
            self.waiting.remove(folder)
        return child

    def _free_slots(self) -> Sequence[int]:
        """Those that neither this process nor an earlier one's orphan uses."""
        taken = {child.slot for child in self.running}
        taken |= {folder.slot() for folder in self.waiting if folder.is_locked()}
        return [slot for slot in range(self.study.parallel) if slot not in taken]

    def _summarize(self, show: Show) -> None:
        if time.monotonic() < self.next_summary:
            return
        self.next_summary = time.monotonic() + SUMMARY_EVERY
        self.steps |= {child.folder.name: child.folder.last_step() for child in self.running}
        runs = len(self.trained)
        done = sum(folder.name in self.done for folder in self.trained)
        at_work = [f"{child.folder.name} {self._place(child)}" for child in self.running]
        parts = [
            f"{self.study.name}: {done} of {runs} runs done",
            f"{len(self.failed)} failed" if self.failed else "",
            ", ".join(at_work) or "waiting for another process",
            self.pace.left(self._work(), runs * (1 + REST)),
        ]
        show("; ".join(filter(None, parts)))

    def _work(self) -> float:
        """How much is done, in trainings."""
        return sum(
            work(self.steps[folder.name], self.study.steps, folder.name in self.done)
            for folder in self.trained
        )

    def _place(self, child: Child) -> str:
        if child.phase != TRAIN:
            return "is measured"
        return f"{self.steps[child.folder.name]}/{self.study.steps}"
