"""A run that is killed, starved of disk or fed nonsense says so and goes on where it stopped.

One run is broken off in its second step in every way there is, each time by the fault itself (a
SIGKILL, the kernel's "no space left on device"), and started again by the same command. What it
logs from there on is what an undisturbed run logs. The plugin removes nothing and rewrites nothing.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from egpo_verl.compare.run_log import Run, read_run

pytestmark = pytest.mark.slow

KILLED = ("driver", "rollout", "update", "checkpoint")
RAY_AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""They give up on a Ray that died with its driver after about a minute."""
REWARD = Path(__file__).with_name("fault_reward.py")
METRICS = (
    "actor/entropy",
    "actor/grad_norm",
    "actor/kl_loss",
    "actor/pg_loss",
    "critic/score/mean",
    "egpo/bonus",
    "egpo/cot_entropy",
    "egpo/cot_tokens",
    "response_length/mean",
    "prompt_length/mean",
)
TRACKER = "latest_checkpointed_iteration.txt"
Train = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("disturbed")


@pytest.fixture(scope="module")
def consoles(train: Train, folder: Path) -> dict[str, str]:
    """What each start of the run said, by the fault that ended it."""
    texts = {}
    for fault in KILLED:
        environment = {"VERL_USE_EXTERNAL_MODULES": "fault_probe", "FAULT": fault}
        texts[fault] = broken(train(folder, FAULT_STEP="2", **environment))
        texts[f"left by {fault}"] = " ".join(left_running(folder, RAY_AGENTS))
    texts["disk"] = on_a_full_disk(train, folder)
    texts["reward"] = broken(
        train(
            folder,
            *reward("nan", step=4),
            "trainer.total_training_steps=5",
        )
    )
    return texts


def broken(ran: subprocess.CompletedProcess[str]) -> str:
    assert ran.returncode != 0, ran.stdout[-6000:]
    return ran.stdout


def reward(fault: str, step: int) -> list[str]:
    function = "reward.custom_reward_function"
    return [
        f"{function}.path={REWARD}",
        f"+{function}.reward_kwargs.fault={fault}",
        f"+{function}.reward_kwargs.step={step}",
    ]


def on_a_full_disk(train: Train, folder: Path) -> str:
    """/dev/full takes a file's name and, as a full disk does, none of its bytes."""
    checkpoint = folder / "checkpoints" / "global_step_2" / "actor"
    file = checkpoint / "optim_world_size_1_rank_0.pt"
    checkpoint.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.symlink_to("/dev/full")
    (checkpoint / "mine.txt").write_text("a file that somebody else put there")
    console = broken(train(folder))
    assert (checkpoint / "mine.txt").is_file()
    assert next(checkpoint.glob("model_*.pt")).stat().st_size > 0, "what verl wrote is left"
    file.unlink()
    return console


def log_of(folder: Path, start: int) -> Run:
    return read_run(folder / f"steps-{start}.jsonl")


def the_end(console: str) -> str:
    """The last lines that a person sees."""
    return "\n".join(console.strip().splitlines()[-8:])


def test_each_start_goes_on_from_the_checkpoint_that_verl_recorded(
    consoles: dict[str, str], folder: Path
) -> None:
    steps = [log_of(folder, start).series("actor/grad_norm")[0] for start in (0, 5)]
    assert steps == [[1], [2, 3]]
    assert (folder / "checkpoints" / TRACKER).read_text() == "3"


def test_the_resumed_run_is_the_undisturbed_one(
    consoles: dict[str, str], folder: Path, undisturbed: tuple[Run, Path, str]
) -> None:
    resumed = read_run(folder)
    for metric in METRICS:
        expected = undisturbed[0].series(metric)[1]
        assert resumed.series(metric)[1][:3] == expected, metric
    assert max(undisturbed[0].series("actor/grad_norm")[1]) > 1e-3, "the steps teach something"


def test_a_failed_save_says_how_much_room_there_is_and_what_can_be_resumed(
    consoles: dict[str, str], folder: Path
) -> None:
    end = the_end(consoles["disk"])
    assert "SaveFailed: saving the checkpoint of step 2" in end
    assert re.search(r"[\d.]+ GB are free there", end)
    assert "the last checkpoint that verl recorded is of step 1" in end
    assert "Nothing was removed: python -m egpo_verl.doctor --run" in end


def test_a_reward_that_is_no_number_is_refused_by_row(consoles: dict[str, str]) -> None:
    assert re.search(
        r"The reward of 16 of 16 responses is not finite.*"
        r"It is the answer to row \d+ of data_source=toolworld",
        the_end(consoles["reward"]),
    )


def test_nothing_is_left_running(consoles: dict[str, str], folder: Path) -> None:
    assert {fault: consoles[f"left by {fault}"] for fault in KILLED} == dict.fromkeys(KILLED, "")
    assert not left_running(folder)


def left_running(folder: Path, others: Sequence[str] = ()) -> list[str]:
    """The run's processes, but for `others`, that are still there after a minute."""
    deadline = time.monotonic() + 60
    while (left := running_in(folder, others)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return left


def running_in(folder: Path, others: Sequence[str]) -> list[str]:
    running = []
    for process in psutil.process_iter(["cwd", "name", "status"]):
        here = process.info["cwd"] == str(folder)
        known = process.info["name"].startswith(tuple(others))
        if here and not known and process.info["status"] != psutil.STATUS_ZOMBIE:
            running.append(process.info["name"])
    return running
