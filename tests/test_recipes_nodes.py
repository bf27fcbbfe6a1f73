"""Several nodes: what `run_multinode.sh` and `run_slurm.sh` start, with Ray and SLURM replaced."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"

# Each writes its name and arguments down; Ray's cluster grows by one node whenever it is asked.
STAND_IN = """#!/bin/bash
echo "$(basename "$0") $*" >>"{log}"
case "$*" in
    *count_gpus.py*) asked=$(grep -c count_gpus.py "{log}"); echo $((asked * 8)) ;;
esac
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder of stand-ins; `log` beside it is what they were asked."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("ray", "python3", "sleep", "srun"):
        (folder / name).write_text(STAND_IN.format(log=tmp_path / "log"))
        (folder / name).chmod(0o755)
    (folder / "scontrol").write_text("#!/bin/sh\nprintf 'node7\\nnode8\\n'\n")
    (folder / "scontrol").chmod(0o755)
    return folder


def run(
    programs: Path, script: str, *arguments: str, code: int = 0, **environment: str
) -> tuple[list[str], str]:
    """What a script asked of the programs, and what it said."""
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    variables: Mapping[str, str] = {**os.environ, **environment, "PATH": path}
    ran = subprocess.run(
        ["bash", str(EXAMPLES / script), *arguments],
        cwd=programs.parent,
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == code, ran.stderr
    log = programs.parent / "log"
    return (log.read_text().splitlines() if log.exists() else []), ran.stderr


def test_the_head_waits_for_all_gpus_and_trains_on_them(programs: Path) -> None:
    commands, _ = run(
        programs,
        "run_multinode.sh",
        "run_qwen3_4b_fsdp.sh",
        "trainer.save_freq=5",
        NNODES="3",
        NODE_RANK="0",
        HEAD="10.0.0.1",
    )
    assert commands[0] == "ray start --head --node-ip-address 10.0.0.1 --port 6379 --num-gpus 8"
    assert [line for line in commands if "count_gpus.py" in line][1:] != [], (
        "it asked until 24 came"
    )
    training, stop = commands[-2:]
    assert training.startswith("python3 -m verl.trainer.main_ppo +egpo=paper")
    assert "trainer.nnodes=3 trainer.n_gpus_per_node=8" in training
    assert training.endswith("trainer.save_freq=5")
    assert stop == "ray stop"


def test_the_head_gives_up_when_gpus_stay_away(programs: Path) -> None:
    settings = {"NNODES": "2", "NODE_RANK": "0", "HEAD": "10.0.0.1", "WAIT_SECONDS": "0"}
    commands, errors = run(programs, "run_multinode.sh", "run_qwen3_4b_fsdp.sh", code=2, **settings)
    assert "egpo_verl: 8 of 16 GPUs came in 0 s; see ray status." in errors
    assert not any("main_ppo" in line for line in commands)
    assert commands[-1] == "ray stop"


def test_the_others_lend_their_gpus(programs: Path) -> None:
    settings = {"NNODES": "2", "NODE_RANK": "1", "HEAD": "10.0.0.1", "NGPUS_PER_NODE": "4"}
    commands, _ = run(programs, "run_multinode.sh", "run_qwen3_4b_fsdp.sh", **settings)
    assert commands[-1] == "ray start --block --address 10.0.0.1:6379 --num-gpus 4"
    assert not any("main_ppo" in line for line in commands)


@pytest.mark.parametrize("missing", ["HEAD", "NODE_RANK"])
def test_what_is_missing_is_named(programs: Path, missing: str) -> None:
    settings = {"NODE_RANK": "0", "HEAD": "10.0.0.1"}
    del settings[missing]
    commands, errors = run(programs, "run_multinode.sh", "run_qwen3_4b_fsdp.sh", code=1, **settings)
    assert f"{missing}: " in errors
    assert commands == []


def test_slurm_starts_one_task_on_each_node(programs: Path) -> None:
    commands, _ = run(
        programs,
        "run_slurm.sh",
        "run_qwen3_32b_fsdp.sh",
        "trainer.save_freq=5",
        SLURM_SUBMIT_DIR=str(EXAMPLES.parent),
        SLURM_JOB_NODELIST="node[7-8]",
        SLURM_NNODES="2",
    )
    (task,) = commands
    assert task.startswith(
        "srun --kill-on-bad-exit=1 --ntasks=2 --ntasks-per-node=1 bash -c NODE_RANK=$SLURM_PROCID"
    )
    assert task.endswith("examples/run_multinode.sh run_qwen3_32b_fsdp.sh trainer.save_freq=5")
