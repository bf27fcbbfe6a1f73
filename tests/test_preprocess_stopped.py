"""A job that is stopped in the middle leaves nothing, and says so in one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from egpo_verl.datasets.jobs.convert import convert_chunks
from egpo_verl.datasets.jobs.convert_sample import RowConfig
from egpo_verl.datasets.jobs.job import convert_file
from egpo_verl.datasets.jobs.output import Output
from egpo_verl.datasets.reading.files import Rows
from egpo_verl.datasets.registry import SOURCES
from egpo_verl.datasets.selection.assign import SplitConfig
from egpo_verl.errors import UserError

pytestmark = pytest.mark.slow
ROWS = 20_000


def source_file(folder: Path) -> Path:
    tools = json.dumps([{"name": "f", "parameters": {"a": {"type": "int"}}}])
    lines = (
        {"query": f"Row {n}", "tools": tools, "answers": '[{"name": "f", "arguments": {"a": 1}}]'}
        for n in range(ROWS)
    )
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_stopped_job_leaves_nothing(tmp_path: Path, number: int, processes: str) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "egpo_verl.preprocess", "xlam", "--num_proc", processes]
    command += ["--local_dataset_path", str(source_file(tmp_path)), "--local_save_dir", str(out)]
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell's background jobs ignore Ctrl-C, and so would their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as job:
        while not list(out.rglob("*.arrow")):
            assert job.poll() is None
            time.sleep(0.01)
        # As a terminal sends Ctrl-C: to the workers too. A `kill` goes to the parent alone.
        os.killpg(job.pid, number) if number == signal.SIGINT else job.terminate()
        _, err = job.communicate(timeout=60)
    assert job.returncode == 130
    assert err == "interrupted; nothing was written.\n"
    assert not out.exists()


def test_a_worker_that_is_killed_is_one_sentence(tmp_path: Path) -> None:
    rows = Rows(source_file(tmp_path))
    chunks = convert_chunks(SOURCES["xlam"], rows, RowConfig(), tmp_path, 2)
    next(chunks)
    me = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text("ascii").split()
    workers = [pid for pid in me if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(int(workers[0]), signal.SIGKILL)
    with pytest.raises(UserError, match="use fewer --num_proc"):
        list(chunks)


def test_a_job_that_breaks_off_leaves_no_file_and_no_process(tmp_path: Path) -> None:
    rows, out = Rows(source_file(tmp_path)), tmp_path / "out"
    before = psutil.Process().children()

    def interrupted(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        convert_file(SOURCES["xlam"], rows, Output(out), RowConfig(), SplitConfig(), 2, interrupted)
    # The traceback, and with it every frame of the job, is still held here.
    assert raised.tb is not None
    assert not out.exists()
    left = set(psutil.Process().children()).difference(before)
    assert not [child for child in left if any("spawn_main" in word for word in child.cmdline())]
