"""A script that evaluates a model's text sees no secret, no network, no file of ours to change."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from egpo_verl.errors import UserError
from egpo_verl.evaluate import scorer_run
from egpo_verl.evaluate.scorer_env import Spec, ensure
from egpo_verl.evaluate.scorer_run import Finished, run

Run = Callable[[str], Finished]


@pytest.fixture(params=["namespace", "audit hook alone"])
def sandboxed(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    if request.param == "audit hook alone":
        # What this machine permits is asked once a process.
        monkeypatch.setattr(scorer_run, "without_network", lambda: ())

    def start(code: str) -> Finished:
        script = tmp_path / "script.py"
        script.write_text(code, encoding="utf-8")
        folder = tmp_path / "work"
        folder.mkdir(exist_ok=True)
        return run(Path(sys.executable), script, ["word"], folder, seconds=20, memory=2 << 30)

    return start


def test_it_runs_in_its_folder_with_its_arguments(sandboxed: Run, tmp_path: Path) -> None:
    done = sandboxed(
        "import os, sys\n"
        "open('out.txt', 'w').write('written')\n"
        "os.rename('out.txt', 'kept.txt')\n"
        "print(sys.argv[1:], __name__)\n"
    )
    assert done.output == "['word'] __main__\n"
    assert (tmp_path / "work" / "kept.txt").read_text() == "written"


def test_secrets_stay_outside(sandboxed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-9f3")
    monkeypatch.setenv("SOMETHING_ELSE", "sk-9f3")
    done = sandboxed("import os\nprint(dict(os.environ))\nprint(os.path.expanduser('~'))")
    assert "sk-9f3" not in done.output
    assert str(Path.home()) not in done.output.splitlines()[-1]


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_there_is_no_network(sandboxed: Run, listening: int) -> None:
    code = f"import socket\nsocket.create_connection(('127.0.0.1', {listening}), 5)"
    with pytest.raises(UserError, match=r"no network|Network is unreachable|refused|not allowed"):
        sandboxed(code)


def test_the_namespace_alone_has_no_network(listening: int) -> None:
    words = scorer_run.without_network()
    if not words:
        pytest.skip("this machine permits no network namespace")
    code = f"import socket; socket.create_connection(('127.0.0.1', {listening}), 5)"
    connect = [sys.executable, "-c", code]
    assert subprocess.run(connect, check=False).returncode == 0
    cut_off = subprocess.run([*words, *connect], capture_output=True, text=True, check=False)
    assert "Network is unreachable" in cut_off.stderr


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.system('true')",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.fork()",
        "import os; os.kill(os.getppid(), 0)",
        "import os; os.execv('/bin/true', ['true'])",
        "open('{outside}', 'w')",
        "open('{outside}', 'a')",
        "import os; os.open('{outside}', os.O_RDWR)",
        "import os; os.remove('{outside}')",
        "import os; os.rename('{outside}', 'here')",
        "import os; os.rename('script_made', '{outside}')",
        "import os; os.symlink('{outside}', '{outside}.link')",
        "import os; os.symlink('{outside}', 'link'); open('link', 'w')",
        "import shutil; shutil.rmtree('{folder}')",
        "import os; os.mkdir('{outside}.folder')",
    ],
)
def test_what_a_text_could_do_is_refused(sandboxed: Run, tmp_path: Path, code: str) -> None:
    folder = tmp_path / "precious"
    folder.mkdir()
    outside = folder / "file"
    outside.write_text("precious")
    with pytest.raises(UserError, match=r"Refused"):
        sandboxed(code.format(outside=outside, folder=folder))
    assert [path.name for path in folder.iterdir()] == ["file"]
    assert outside.read_text() == "precious"


def test_too_much_memory_ends_it(sandboxed: Run) -> None:
    with pytest.raises(UserError, match="MemoryError"):
        sandboxed("x = bytearray(4 << 30)")


def test_too_much_time_ends_it(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import time\ntime.sleep(60)", encoding="utf-8")
    with pytest.raises(UserError, match="stopped after 1 seconds"):
        run(Path(sys.executable), script, [], tmp_path / "work", seconds=1)


@pytest.mark.slow
def test_an_environment_that_cannot_be_made_is_one_sentence_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for _ in range(2):
        with pytest.raises(UserError, match=r"No matching distribution .*; it needs Python's"):
            ensure(Spec("none", ("no-such-package==1",)), tmp_path / "env", Console(quiet=True))


def test_a_foreign_folder_is_never_made_an_environment(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(UserError, match="not an environment of ours"):
        ensure(Spec("none", ("no-such-package==1",)), tmp_path, Console(quiet=True))
    assert (tmp_path / "thesis.txt").read_text() == "precious"
