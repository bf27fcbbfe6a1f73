"""`doctor --run` says which checkpoints are whole, what verl will do, and how to repair it.

It writes nothing; what it says is compared with torch, verl's functions and a real training.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from egpo_verl.compare.run_log import Run
from egpo_verl.doctor.__main__ import main

TRACKER = "latest_checkpointed_iteration.txt"
ACTOR_FILES = (
    "actor/model_world_size_1_rank_0.pt",
    "actor/optim_world_size_1_rank_0.pt",
    "actor/extra_state_world_size_1_rank_0.pt",
)
Doctor = Callable[..., tuple[int, str]]
Train = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """`doctor(folder, *options)` gives the exit code and what was printed."""
    monkeypatch.setenv("COLUMNS", "250")

    def run(folder: Path, *options: str) -> tuple[int, str]:
        before = content(folder)
        code = main(["--run", str(folder), *options])
        printed = capsys.readouterr()
        assert content(folder) == before, "the doctor only reads"
        return code, printed.out + printed.err

    return run


def content(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*")
    }


def save(root: Path, *steps: int, processes: int = 1, parts: tuple[str, ...] = ACTOR_FILES) -> Path:
    """Checkpoints as verl 0.9.1 leaves them, the last one recorded."""
    for step in steps:
        folder = root / f"global_step_{step}"
        (folder / "actor" / "huggingface").mkdir(parents=True)
        for part in parts:
            for rank in range(processes):
                name = part.replace("size_1_rank_0", f"size_{processes}_rank_{rank}")
                torch.save({"weight": torch.randn(500)}, folder / name)
        (folder / "actor" / "fsdp_config.json").write_text(f'{{"world_size": {processes}}}')
        (folder / "actor" / "huggingface" / "config.json").write_text("{}")
        torch.save({"step": step}, folder / "data.pt")
        (root / TRACKER).write_text(str(step))
    return root


def cut(file: Path, share: float = 0.5) -> None:
    """What a process killed while it writes leaves."""
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])


def row(printed: str, check: str) -> str:
    """The row of the table on one check."""
    return next(
        line.rstrip() for line in printed.splitlines() if line[4:].strip().startswith(check)
    )


def commands(printed: str) -> list[str]:
    """The repairs, as they are printed for a shell."""
    starts = tuple(f"{' ' * 6}{name} " for name in ("rm", "echo"))
    return [line.strip() for line in printed.splitlines() if line.startswith(starts)]


def resumed_by_verl(root: Path) -> int | None:
    """The step that verl's function gives; None where it starts anew."""
    from verl.utils.checkpoint.checkpoint_manager import find_latest_ckpt_path

    path = find_latest_ckpt_path(str(root))
    return None if path is None else int(path.rpartition("_")[2])


def test_whole_checkpoints_are_one_row(tmp_path: Path, doctor: Doctor) -> None:
    code, printed = doctor(save(tmp_path, 10, 20, 30))
    assert code == 0
    assert "3 checkpoints, each whole" in row(printed, "steps 10 to 30")
    assert row(printed, "resume").endswith("the same command goes on from step 30")
    assert "free; one checkpoint takes" in row(printed, "disk")
    assert "To fix" not in printed


@pytest.mark.parametrize("below", ["", "checkpoints", "checkpoints/project/experiment"])
def test_the_folder_of_the_run_serves_as_well(tmp_path: Path, doctor: Doctor, below: str) -> None:
    (tmp_path / below).mkdir(parents=True, exist_ok=True)
    save(tmp_path / below, 10)
    assert "goes on from step 10" in doctor(tmp_path)[1]
    assert "goes on from step 10" in doctor(tmp_path / below / "global_step_10")[1]


def test_of_several_runs_one_must_be_named(tmp_path: Path, doctor: Doctor) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        save(tmp_path / name, 10)
    code, printed = doctor(tmp_path)
    assert code == 2
    assert len(printed.splitlines()) == 1
    assert f"give one of {tmp_path / 'a'}, {tmp_path / 'b'}" in printed


def test_a_run_that_has_saved_nothing(tmp_path: Path, doctor: Doctor) -> None:
    code, printed = doctor(tmp_path)
    assert (code, "starts at step 1" in printed) == (0, True)
    code, printed = doctor(tmp_path / "new")
    assert (code, "is not there" in row(printed, "checkpoints")) == (0, True)
    (tmp_path / "file").write_text("")
    code, printed = doctor(tmp_path / "file" / "below")
    assert (code, "cannot be written" in row(printed, "folder")) == (1, True)


def test_a_save_that_was_killed_is_named_file_by_file(tmp_path: Path, doctor: Doctor) -> None:
    save(tmp_path, 10, 20)
    half = tmp_path / "global_step_30" / "actor"
    shutil.copytree(tmp_path / "global_step_20" / "actor", half)
    cut(half / "optim_world_size_1_rank_0.pt")
    (half / "extra_state_world_size_1_rank_0.pt").unlink()
    code, printed = doctor(tmp_path)
    assert code == 0, "verl resumes by itself"
    assert "not finished" in row(printed, "step 30")
    assert re.search(r"optim_\S+ is cut off at [\d.]+ kB \([\d.]+ kB in step 10\)", printed)
    assert "extra_state_world_size_1_rank_0.pt is missing" in printed
    assert "goes on from step 20" in row(printed, "resume")
    assert commands(printed) == [f"rm -r {tmp_path}/global_step_30"]


@pytest.mark.parametrize("part", [*ACTOR_FILES, "data.pt"])
@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (cut, "is cut off"),
        (lambda file: file.write_bytes(b""), "is empty"),
        (lambda file: file.write_bytes(bytes(4000)), "does not begin as a file of torch does"),
    ],
)
def test_a_damaged_checkpoint_that_is_recorded(
    tmp_path: Path, doctor: Doctor, part: str, harm: Callable[[Path], None], says: str
) -> None:
    file = save(tmp_path, 10, 20) / "global_step_20" / part
    harm(file)
    code, printed = doctor(tmp_path)
    assert code == 1
    assert f"{part} {says}" in printed
    assert "verl will fail to load step 20" in row(printed, "resume")
    with pytest.raises((RuntimeError, EOFError, OSError, ValueError)):
        torch.load(file, weights_only=True)
    subprocess.run(commands(printed)[-1], shell=True, check=True)
    assert (doctor(tmp_path)[0], resumed_by_verl(tmp_path)) == (0, 10)


@pytest.mark.parametrize("part", ACTOR_FILES)
def test_a_file_that_is_gone(tmp_path: Path, doctor: Doctor, part: str) -> None:
    (save(tmp_path, 10, 20) / "global_step_20" / part).unlink()
    code, printed = doctor(tmp_path)
    assert (code, f"{part} is missing" in printed) == (1, True)
    assert f"echo 10 > {tmp_path}/{TRACKER}" in commands(printed)


@pytest.mark.parametrize("text", ["", "\x00\x00", "x", "20 or so"])
def test_a_record_that_was_not_written_out(tmp_path: Path, doctor: Doctor, text: str) -> None:
    (save(tmp_path, 3, 20, 10) / TRACKER).write_text(text)
    with pytest.raises(ValueError, match="invalid literal for int"):
        resumed_by_verl(tmp_path)
    code, printed = doctor(tmp_path)
    assert code == 1
    assert "verl will end with a ValueError" in row(printed, "resume")
    (command,) = commands(printed)
    subprocess.run(command, shell=True, check=True)
    assert (doctor(tmp_path)[0], resumed_by_verl(tmp_path)) == (0, 20)


@pytest.mark.parametrize("harm", [Path.unlink, lambda file: file.write_text("40")])
def test_a_record_without_which_verl_would_start_anew(
    tmp_path: Path, doctor: Doctor, harm: Callable[[Path], None]
) -> None:
    harm(save(tmp_path, 10, 20) / TRACKER)
    assert resumed_by_verl(tmp_path) is None
    code, printed = doctor(tmp_path)
    assert (code, "verl will start at step 1" in row(printed, "resume")) == (1, True)
    (command,) = commands(printed)
    subprocess.run(command, shell=True, check=True)
    assert (doctor(tmp_path)[0], resumed_by_verl(tmp_path)) == (0, 20)


def test_a_whole_checkpoint_after_the_recorded_one(tmp_path: Path, doctor: Doctor) -> None:
    (save(tmp_path, 10, 20) / TRACKER).write_text("10\n")
    code, printed = doctor(tmp_path)
    assert (code, "goes on from step 10" in row(printed, "resume")) == (0, True)
    assert commands(printed) == [f"echo 20 > {tmp_path}/{TRACKER}"]


def test_a_path_with_blanks_is_quoted(tmp_path: Path, doctor: Doctor) -> None:
    root = tmp_path / "my run; rm"
    root.mkdir()
    (save(root, 10) / TRACKER).unlink()
    (command,) = commands(doctor(root)[1])
    subprocess.run(command, shell=True, check=True)
    assert resumed_by_verl(root) == 10


def test_no_checkpoint_that_can_be_loaded(tmp_path: Path, doctor: Doctor) -> None:
    cut(save(tmp_path, 10) / "global_step_10" / "data.pt")
    code, printed = doctor(tmp_path)
    assert (code, "no checkpoint here can be loaded" in row(printed, "resume")) == (1, True)
    assert "trainer.resume_mode=disable" in printed
    assert "python -m verl.model_merger merge --backend fsdp" in printed, "the weights are whole"
    assert commands(printed) == [], "nothing that removes the last weights"
    cut(tmp_path / "global_step_10" / "actor" / "model_world_size_1_rank_0.pt")
    assert "model_merger" not in doctor(tmp_path)[1]


def test_another_number_of_processes(tmp_path: Path, doctor: Doctor) -> None:
    save(tmp_path, 10, processes=2)
    assert "for 2 processes" in row(doctor(tmp_path, "--processes", "2")[1], "step 10")
    code, printed = doctor(tmp_path, "--processes", "1")
    assert (code, "2 processes saved it, and 1 would look" in row(printed, "resume")) == (1, True)
    assert "verl.model_merger" in printed
    assert "rm -r" not in printed, "nothing is wrong with it"


def test_a_step_that_was_saved_again_by_fewer_processes(tmp_path: Path, doctor: Doctor) -> None:
    save(tmp_path, 10, processes=2)
    cut(tmp_path / "global_step_10" / "actor" / "optim_world_size_2_rank_1.pt")
    again = save(tmp_path / "again", 10)
    shutil.copytree(again / "global_step_10", tmp_path / "global_step_10", dirs_exist_ok=True)
    shutil.rmtree(again)
    code, printed = doctor(tmp_path)
    assert (code, "for 1 process" in row(printed, "step 10")) == (0, True)


def test_files_that_other_machines_keep(tmp_path: Path, doctor: Doctor) -> None:
    actor = save(tmp_path, 10, 20, processes=4) / "global_step_20" / "actor"
    for part in ("model", "optim", "extra_state"):
        for rank in (2, 3):
            (actor / f"{part}_world_size_4_rank_{rank}.pt").unlink()
    code, printed = doctor(tmp_path)
    assert code == 0
    assert "the files of rank 2 to 3 of 4 are not here" in printed
    cut(actor / "model_world_size_4_rank_1.pt")
    assert doctor(tmp_path)[0] == 1


def test_a_first_save_that_was_killed_needs_all_its_files(tmp_path: Path, doctor: Doctor) -> None:
    actor = save(tmp_path, 10, processes=2) / "global_step_10" / "actor"
    (tmp_path / TRACKER).unlink()
    (actor.parent / "data.pt").unlink()
    (actor / "model_world_size_2_rank_1.pt").unlink()
    code, printed = doctor(tmp_path)
    assert "actor/model_world_size_2_rank_1.pt is missing" in printed
    assert (code, "verl will start at step 1" in row(printed, "resume")) == (0, True)


def test_a_part_that_a_run_leaves_out(tmp_path: Path, doctor: Doctor) -> None:
    code, printed = doctor(save(tmp_path, 10, 20, parts=(ACTOR_FILES[0], ACTOR_FILES[2])))
    assert code == 0
    assert "checkpoint.load_contents=[model,extra]" in printed


def test_a_lost_place_in_the_data(tmp_path: Path, doctor: Doctor) -> None:
    """verl resumes all the same, from the first row (trainer_base.py:898)."""
    (save(tmp_path, 10) / "global_step_10" / "data.pt").unlink()
    code, printed = doctor(tmp_path)
    assert (code, "goes on from step 10" in row(printed, "resume")) == (0, True)
    assert "data.pt is missing: a resumed run starts at the first row of the data" in printed


def test_one_checkpoint_to_keep_and_a_kill_before_the_record(
    tmp_path: Path, doctor: Doctor
) -> None:
    """verl has removed step 10 and not yet recorded step 20, whose weights are all there."""
    save(tmp_path, 10, 20)
    shutil.rmtree(tmp_path / "global_step_10" / "actor")
    (tmp_path / "global_step_20" / "data.pt").unlink()
    (tmp_path / TRACKER).write_text("10")
    code, printed = doctor(tmp_path)
    assert code == 1
    assert "verl will fail to load step 10" in row(printed, "resume")
    assert f"echo 20 > {tmp_path}/{TRACKER}" in commands(printed)
    assert "trainer.max_actor_ckpt_to_keep=1" in row(printed, "keeping one")
    assert "set trainer.max_actor_ckpt_to_keep=2" in printed


def test_checkpoints_of_megatron(tmp_path: Path, doctor: Doctor) -> None:
    folder = tmp_path / "global_step_10"
    shards = folder / "actor" / "optimizer" / "dist_ckpt"
    shards.mkdir(parents=True)
    (shards / "__0_0.distcp").write_bytes(b"\x00" * 100)
    (shards / ".metadata").write_bytes(b"\x80")
    weights = folder / "actor" / "model" / "huggingface" / "model.safetensors"
    weights.parent.mkdir(parents=True)
    header = json.dumps({"w": {"dtype": "U8", "shape": [9], "data_offsets": [0, 9]}}).encode()
    weights.write_bytes(len(header).to_bytes(8, "little") + header + bytes(9))
    torch.save({}, folder / "data.pt")
    (tmp_path / TRACKER).write_text("10")
    assert doctor(tmp_path)[0] == 0
    cut(weights, 0.9)
    (shards / ".metadata").unlink()
    code, printed = doctor(tmp_path)
    assert code == 1
    assert "actor/model/huggingface/model.safetensors is cut off" in printed
    assert "actor/optimizer/dist_ckpt was not finished" in printed


def test_a_disk_without_room_for_the_next(
    tmp_path: Path, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 10, 20)
    usage = shutil.disk_usage(tmp_path)._replace(free=5000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    code, printed = doctor(tmp_path)
    assert (code, "the next save will fail half way" in row(printed, "disk")) == (0, True)
    assert commands(printed) == [f"rm -r {tmp_path}/global_step_10"]
    cut(tmp_path / "global_step_20" / "data.pt")
    printed = doctor(tmp_path)[1]
    assert f"rm -r {tmp_path}/global_step_10" not in commands(printed), "the only whole one"


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99, 0.9999, 1.0])
@pytest.mark.parametrize("tensors", [1, 40])
def test_torch_loads_exactly_the_files_that_are_called_whole(
    tmp_path: Path, doctor: Doctor, share: float, tensors: int
) -> None:
    file = save(tmp_path, 10) / "global_step_10" / "actor" / "model_world_size_1_rank_0.pt"
    torch.save({str(number): torch.randn(3000) for number in range(tensors)}, file)
    cut(file, share)
    try:
        torch.load(file, weights_only=True)
        loads = True
    except (RuntimeError, EOFError, OSError):
        loads = False
    assert (doctor(tmp_path)[0] == 0) == loads == (share == 1.0)


@pytest.mark.parametrize(
    "options",
    [
        ["--processes", "2"],
        ["--run", ".", "--processes", "0"],
        ["--run", ".", "--model", "a/b"],
        ["--log", "train.log", "--data", "a.parquet"],
    ],
)
def test_options_that_do_not_belong_together_are_one_sentence(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.slow
def test_a_real_run_goes_on_after_the_printed_repair(
    undisturbed: tuple[Run, Path, str], train: Train, tmp_path: Path, doctor: Doctor
) -> None:
    root = tmp_path / "checkpoints"
    shutil.copytree(undisturbed[1] / "checkpoints", root)
    assert doctor(tmp_path)[0] == 0
    cut(root / "global_step_3" / ACTOR_FILES[1])
    code, printed = doctor(tmp_path)
    assert (code, "verl will fail to load step 3" in printed) == (1, True)
    failed = train(tmp_path)
    assert failed.returncode != 0
    for command in commands(printed):
        subprocess.run(command, shell=True, check=True)
    resumed = train(tmp_path)
    assert resumed.returncode == 0, resumed.stdout[-3000:]
    assert "setting global step to 2" in resumed.stdout
    code, printed = doctor(tmp_path)
    assert (code, "each whole" in row(printed, "steps 1 to 3")) == (0, True)


@pytest.mark.slow
def test_the_weights_of_a_damaged_checkpoint_can_be_merged(
    undisturbed: tuple[Run, Path, str], tmp_path: Path, doctor: Doctor
) -> None:
    shutil.copytree(undisturbed[1] / "checkpoints" / "global_step_3", tmp_path / "global_step_3")
    (tmp_path / TRACKER).write_text("3")
    cut(tmp_path / "global_step_3" / ACTOR_FILES[1])
    printed = doctor(tmp_path)[1]
    command = next(line.strip() for line in printed.splitlines() if "verl.model_merger" in line)
    words = [sys.executable, *command.split()[1:]]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert (tmp_path / "model_of_step_3" / "model.safetensors").is_file()
