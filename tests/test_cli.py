"""What all command lines share: exit codes, progress, files that are whole or not there."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from egpo_verl.cli import LINE_EVERY, progress, run, write_file_aside
from egpo_verl.errors import UserError


def test_the_exit_code_says_how_a_command_ended(capsys: pytest.CaptureFixture[str]) -> None:
    def wrong() -> None:
        raise UserError("no [rows] in it; name another file.")

    def unreadable() -> None:
        Path("no_such_file").read_text()

    def stopped() -> None:
        raise KeyboardInterrupt

    assert run(lambda: None) == 0
    assert run(lambda: 1) == 1
    assert run(wrong) == 2
    assert capsys.readouterr().err == "no [rows] in it; name another file.\n"
    assert run(unreadable) == 2
    assert capsys.readouterr().err == "no_such_file: No such file or directory.\n"
    assert run(stopped, "interrupted; run it again.") == 130
    assert capsys.readouterr().err == "interrupted; run it again.\n"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "report.md"
    with write_file_aside(file) as part:
        part.write_text("one")
    with pytest.raises(ValueError, match="broken"):
        break_off(file)
    assert file.read_text() == "one"
    assert list(tmp_path.iterdir()) == [file]


def break_off(file: Path) -> None:
    with write_file_aside(file) as part:
        part.write_text("tw")
        raise ValueError("broken")


def test_what_a_killed_job_left_aside_is_gone_after_the_next(tmp_path: Path) -> None:
    file = tmp_path / "report.md"
    killed = (
        "import os, sys; from pathlib import Path; from egpo_verl.cli import write_file_aside\n"
        "with write_file_aside(Path(sys.argv[1])) as part:\n"
        "    part.write_text('half'); os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", killed, str(file)], check=False)
    assert not file.exists()
    with write_file_aside(file) as part:
        part.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]
    assert file.read_text() == "whole"


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match=r"no/a\.md cannot be written \(No such file or directory\)"),
        write_file_aside(tmp_path / "no" / "a.md") as part,
    ):
        part.write_text("lost")


def test_progress_is_a_line_now_and_then_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    with progress("Judging", 1200) as report:
        for done in range(0, 1201, 100):
            report(done, "$0.10")
            clock[0] += LINE_EVERY / 4
    lines = capsys.readouterr().err.splitlines()
    starts = [line.partition(" of ")[0] for line in lines]
    assert starts == ["Judging: 400", "Judging: 800", "Judging: 1,200"]
    assert all(line.endswith("$0.10") for line in lines)


def test_progress_of_a_part_is_in_percent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    with progress("Reading a.json", 1.0) as report:
        clock[0] += LINE_EVERY
        report(0.25)
    assert capsys.readouterr().err.startswith("Reading a.json: 25 %")
