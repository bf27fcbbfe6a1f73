"""What `pip install egpo-verl` brings: built as front ends build it, installed, and used."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
TOP_LEVEL = {"egpo_verl", "hydra_plugins"}
LEFT_BEHIND = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "build", "dist", "outputs", "runs", "*.log"
)
BUILD = "import sys, setuptools.build_meta as b; getattr(b, 'build_' + sys.argv[1])(sys.argv[2])"


class Built(NamedTuple):
    """Two files of a release, and the tree that they were made from."""

    sdist: Path
    wheel: Path
    tree: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("build")
    tree = folder / "tree"
    shutil.copytree(ROOT, tree, ignore=LEFT_BEHIND)
    return Built(build("sdist", tree, folder), build("wheel", tree, folder / "direct"), tree)


def build(kind: str, tree: Path, into: Path) -> Path:
    """What `python -m build --no-isolation` calls."""
    into.mkdir(exist_ok=True)
    before = set(into.iterdir())
    run([sys.executable, "-c", BUILD, kind, str(into)], tree)
    (made,) = set(into.iterdir()) - before
    return made


def run(command: list[str], folder: Path) -> str:
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def contents(wheel: Path) -> dict[str, str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


@pytest.mark.slow
def test_the_wheel_holds_the_package_whole_and_nothing_else(built: Built) -> None:
    names = {name for name in contents(built.wheel) if ".dist-info/" not in name}
    expected = {
        path.relative_to(built.tree).as_posix()
        for top in TOP_LEVEL
        for path in (built.tree / top).rglob("*")
        if path.is_file()
    }
    assert names == expected


@pytest.mark.slow
def test_the_sdist_builds_the_same_wheel(built: Built, tmp_path: Path) -> None:
    with tarfile.open(built.sdist) as archive:
        if sys.version_info >= (3, 12):
            archive.extractall(tmp_path, filter="data")
        else:
            archive.extractall(tmp_path)
    (unpacked,) = tmp_path.iterdir()
    top = {path.name for path in unpacked.iterdir()}
    assert {"README.md", "LICENSE", "CHANGELOG.md"} < top
    assert not top & {"tests", "examples", "recipe", "docs", "data", "benchmarks", "fuzz"}
    assert contents(build("wheel", unpacked, tmp_path / "again")) == contents(built.wheel)


@pytest.mark.slow
def test_the_metadata_says_what_the_project_is(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        lines = archive.read(name).decode().splitlines()
    version = (ROOT / "egpo_verl" / "VERSION").read_text().strip()
    assert f"Version: {version}" in lines
    assert "License-Expression: Apache-2.0" in lines
    assert "Description-Content-Type: text/markdown" in lines
    assert (ROOT / "README.md").read_text().splitlines()[0] in lines


USE = """
import sys
import egpo_verl
from egpo_verl.reward import compute_score
answer = "<think>They ask for Paris.</think>[weather(city='Paris')]"
wanted = '[{"name": "weather", "arguments": {"city": "Paris"}}]'
print(compute_score("demo", answer, wanted)["score"])
print(sorted({"torch", "verl", "transformers", "ray"} & set(sys.modules)))
print(egpo_verl.__file__)
"""


@pytest.mark.slow
def test_it_serves_in_a_clean_environment_without_a_checkout(built: Built, tmp_path: Path) -> None:
    """The base requirements alone: the reward, the data tools and the doctor."""
    environment, empty = tmp_path / "venv", tmp_path / "empty"
    empty.mkdir()
    run([sys.executable, "-m", "venv", str(environment)], tmp_path)
    python = str(environment / "bin" / "python")
    run([python, "-m", "pip", "install", "--quiet", str(built.wheel)], tmp_path)

    score, heavy, place = run([python, "-c", USE], empty).splitlines()
    assert (score, heavy) == ("1.0", "[]")
    assert Path(place).is_relative_to(environment)

    preprocess = [python, "-m", "egpo_verl.preprocess"]
    assert "toolworld" in run([*preprocess, "--help"], empty)
    made = ["--local_save_dir", "toolworld", "--num_train", "20", "--num_test", "5"]
    run([*preprocess, "toolworld", *made], empty)
    assert (empty / "toolworld" / "train.parquet").is_file()

    command = [python, "-m", "egpo_verl.doctor", "--data", "toolworld/train.parquet", "--no-ray"]
    doctor = subprocess.run(command, cwd=empty, capture_output=True, text=True, timeout=120)
    assert doctor.returncode == 1, doctor.stderr
    assert "verl is not installed" in doctor.stdout
    assert "egpo-verl[gpu]" in doctor.stdout
    assert "Traceback" not in doctor.stdout + doctor.stderr


WORKER = """
import sys
import verl
from transformers import AutoModelForCausalLM
from verl.plugin.platform import get_platform
from verl.trainer.ppo.core_algos import get_adv_estimator_fn
from verl.utils.import_utils import load_extern_object
score = load_extern_object("pkg://egpo_verl.reward", "compute_score")
print(sys.modules[score.__module__].__file__)
print(get_adv_estimator_fn("egpo").__module__, get_platform().device_name)
print(AutoModelForCausalLM.from_pretrained(sys.argv[1]).num_parameters() > 0)
"""


@pytest.mark.slow
def test_from_the_wheel_a_run_is_composed_and_a_worker_loads_as_from_the_checkout(
    built: Built, tmp_path: Path
) -> None:
    """verl and the rest are this environment's; of the package there is only the wheel."""
    environment, empty = tmp_path / "venv", tmp_path / "empty"
    empty.mkdir()
    run([sys.executable, "-m", "venv", str(environment)], tmp_path)
    python = str(environment / "bin" / "python")
    run([python, "-m", "pip", "install", "--quiet", "--no-deps", str(built.wheel)], tmp_path)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    installed = Path(run([python, "-c", ask], empty).strip())
    # A plain line of a .pth file adds a folder, but not what the folder's own .pth files add: an
    # editable checkout stays out of reach.
    (installed / "verl.pth").write_text(sysconfig.get_path("purelib") + "\n")

    job = ["-m", "verl.trainer.main_ppo", "+egpo=paper", "+machine=cpu", "--cfg", "job"]
    assert run([python, *job], empty) == run([sys.executable, *job], empty)
    model = installed / "egpo_verl" / "toolworld" / "model"
    worker = run(["env", "VERL_PLATFORM=cpu", python, "-c", WORKER, str(model)], empty)
    reward, estimator, loaded = worker.splitlines()[-3:]
    assert Path(reward).is_relative_to(installed)
    assert (estimator.split(".")[0], estimator.split()[1]) == ("egpo_verl", "cpu")
    assert loaded == "True"
