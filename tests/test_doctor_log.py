"""`doctor --log` counts why rollouts failed and names what ended a run, from verl's lines."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from egpo_verl.doctor.__main__ import main

REWARD = Path(__file__).with_name("fault_reward.py")
Doctor = Callable[[str], tuple[int, str]]
Train = Callable[..., "subprocess.CompletedProcess[str]"]

WORKER = "\x1b[36m(AgentLoopWorkerTQ pid={pid})\x1b[0m "
RAISED = """ERROR:2026-11-28 17:54:07,987:Error in _run_prompt for uid=97acf47a
Traceback (most recent call last):
  File "verl/experimental/agent_loop/agent_loop.py", line 1026, in _compute_score
    result = await selected_reward_loop_worker_handle.compute_score.remote(data)
ray.exceptions.RayTaskError(LookupError): \x1b[36mray::RewardLoopWorker.compute_score()\x1b[39m
    raise LookupError("the reward's table lacks this row")
LookupError: the reward's table lacks this row
"""
DIED = """ERROR:2026-11-28 17:58:25,685:Error in _run_prompt for uid=6b45161d
Traceback (most recent call last):
ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.
\tclass_name: RewardLoopWorker
\tactor_id: 38e61eb86c7b6d9081255d7601000000
\tpid: 27267
The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR
INFO:2026-11-28 17:58:26,001:ValueErrors of later lines are others'
"""
ENDED = """Traceback (most recent call last):
  File "verl/trainer/main_ppo.py", line 93, in run_ppo
ray.exceptions.RayTaskError(RuntimeError): ray::TaskRunnerV1.run() (pid=22328)
RuntimeError: Sync replay buffer selected terminal groups with no materializable trajectories.

Set the environment variable HYDRA_FULL_ERROR=1 for a complete stack trace.
"""
STEP = "\x1b[36m(TaskRunnerV1 pid=7)\x1b[0m step:{step} - actor/entropy:0.18\n"


def by_worker(text: str, pid: int = 1) -> str:
    """The lines as Ray prints what a worker wrote."""
    return "".join(WORKER.format(pid=pid) + line for line in text.splitlines(keepends=True))


@pytest.fixture
def doctor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Doctor:
    """`doctor(log)` gives the exit code and what was printed."""
    monkeypatch.setenv("COLUMNS", "250")

    def run(log: str) -> tuple[int, str]:
        file = tmp_path / "train.log"
        file.write_text(log, encoding="utf-8")
        code = main(["--log", str(file)])
        assert file.read_text(encoding="utf-8") == log
        return code, capsys.readouterr().out

    return run


def test_a_healthy_log(doctor: Doctor) -> None:
    code, printed = doctor(STEP.format(step=1) + STEP.format(step=2))
    assert code == 0
    assert "the log reaches step 2 and shows no exception of the driver" in printed
    assert "To fix" not in printed


def test_failed_rollouts_are_counted_by_their_last_exception(doctor: Doctor) -> None:
    code, printed = doctor(by_worker(RAISED * 3) + by_worker(DIED, pid=2) + STEP.format(step=1))
    assert code == 1, "a worker died"
    assert "3 x LookupError: the reward's table lacks this row" in printed
    assert "the trace (first in line 7) tells where" in printed
    assert "1 x ray.exceptions.ActorDiedError" in printed
    assert "the worker that was asked had died" in printed


def test_failures_of_several_workers_do_not_mix(doctor: Doctor) -> None:
    one, other = by_worker(RAISED).splitlines(True), by_worker(DIED, pid=2).splitlines(True)
    mixed = "".join(line for pair in zip(one, other, strict=False) for line in pair)
    printed = doctor(mixed + other[-1])[1]
    assert "1 x LookupError" in printed
    assert "1 x ray.exceptions.ActorDiedError" in printed


def test_lines_that_ray_shortens_count_as_many(doctor: Doctor) -> None:
    lines = by_worker(RAISED).splitlines()
    shortened = "\n".join(f"{line}\x1b[32m [repeated 15x across cluster]\x1b[0m" for line in lines)
    assert "16 x LookupError: the reward's table lacks this row\n" in "\n".join(
        line.rstrip() for line in doctor(by_worker(RAISED, pid=2) + shortened)[1].splitlines()
    )


def test_a_dead_worker_is_named_once(doctor: Doctor) -> None:
    code, printed = doctor(by_worker(DIED * 4))
    assert code == 1
    assert "died: 1 reward worker" in printed
    assert "dmesg" in printed


def test_the_end_of_a_run_and_its_cause(doctor: Doctor) -> None:
    code, printed = doctor(STEP.format(step=4) + by_worker(RAISED) + ENDED)
    assert code == 1
    assert "the log reaches step 4 and ends with RuntimeError: Sync replay buffer" in printed
    assert "all rollouts of a step failed" in printed


def test_a_run_that_was_started_again_into_the_same_log(doctor: Doctor) -> None:
    again = "ray init kwargs: {'num_cpus': 16}\n" + STEP.format(step=5)
    printed = doctor(STEP.format(step=4) + ENDED + again)[1]
    assert "reaches step 5 and shows no exception" in printed


@pytest.mark.parametrize(
    ("line", "fix"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", "gpu_memory"),
        ("3 worker(s) were killed due to the node running low on memory.", "more memory"),
        ("OSError: [Errno 28] No space left on device", "default_local_dir"),
        ("RuntimeError: PytorchStreamReader failed finding central directory", "--run DIR"),
        ("ValueError: Unknown advantage estimator simply: egpo", "on every node"),
        (
            "ValueError: num_samples should be a positive integer value, but got num_samples=0",
            "raise",
        ),
        ("Prompt of 900 tokens exceeds rollout.prompt_length=512; left-truncating.", "raise data."),
        (" 'max_actor_ckpt_to_keep': 1,", "max_actor_ckpt_to_keep=2"),
        ("ValueError: something that nobody knows", "the trace above that line"),
    ],
)
def test_known_lines_come_with_their_fix(doctor: Doctor, line: str, fix: str) -> None:
    printed = doctor(f"first\n{line}\n")[1]
    assert fix in printed.partition("To fix:")[2]


def test_a_log_that_is_not_there_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--log", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_bytes_that_are_no_text_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"\xff\xfe\x00" * 100 + b"\nstep:1 - a:1\n")
    assert main(["--log", str(tmp_path / "log")]) == 0


@pytest.mark.slow
def test_a_real_run_whose_reward_raises(train: Train, tmp_path: Path, doctor: Doctor) -> None:
    function = "reward.custom_reward_function"
    kwargs = f"+{function}.reward_kwargs"
    ran = train(tmp_path, f"{function}.path={REWARD}", f"{kwargs}.fault=break", f"{kwargs}.step=2")
    assert ran.returncode != 0
    code, printed = doctor(ran.stdout)
    assert code == 1
    assert "16 x LookupError: the reward's table lacks this row" in printed
    assert "the log reaches step 1 and ends with" in printed
