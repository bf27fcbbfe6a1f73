"""What EGPO cannot train with is refused before the first rollout, with the cure."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
import verl
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf

from egpo_verl.integration.preflight import ConfigError, check_config, check_trl, load_in_workers


def composed(*overrides: str) -> Any:
    """verl's real configuration, as `main_ppo` composes it."""
    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose("ppo_trainer", overrides=["+egpo=paper", *overrides])


def test_the_papers_configuration_passes() -> None:
    check_config(composed())
    check_config(composed("+machine=cpu"))


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["trainer.use_v1=False"], r"set trainer\.use_v1=True"),
        (
            ["algorithm.rollout_correction.bypass_mode=True"],
            r"set algorithm\.rollout_correction\.bypass_mode=False",
        ),
        (["algorithm.egpo.alpha=1"], r"algorithm\.egpo\.alpha=1 must be a finite number > 1"),
        (["algorithm.egpo.lam=-0.4"], r"algorithm\.egpo\.lam=-0\.4 must be a finite number >= 0"),
        (["+algorithm.egpo.alhpa=3"], r"alhpa is not an option of EGPO; did you mean 'alpha'"),
        (["algorithm.egpo.cot_scope=thoughts"], "must be one of thought, response"),
    ],
)
def test_what_cannot_work_is_refused_with_the_cure(overrides: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        check_config(composed(*overrides))


def test_an_untested_verl_is_refused_by_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verl, "__version__", "0.10.0")
    with pytest.raises(ConfigError, match=r"verl 0\.10\.0 is installed.*pip install verl==0\.9\.1"):
        check_config(composed())


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"trl/__init__.py": "class AutoModelForCausalLMWithValueHead: ..."},
        {
            "trl/__init__.py": "",
            "trl/experimental/__init__.py": "",
            "trl/experimental/ppo.py": "class AutoModelForCausalLMWithValueHead: ...",
        },
        {"trl/__init__.py": "GRPOTrainer = 1", "trl/experimental/__init__.py": ""},
    ],
    ids=["absent", "old", "experimental", "too new"],
)
def test_a_trl_that_verl_cannot_import_from_is_refused(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: Any
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for name in [name for name in sys.modules if name.partition(".")[0] == "trl"]:
        monkeypatch.delitem(sys.modules, name)
    others = [folder for folder in sys.path if not (Path(folder) / "trl").exists()]
    monkeypatch.setattr(sys, "path", [str(tmp_path), *others])
    try:
        if request.node.callspec.id == "too new":
            with pytest.raises(ConfigError, match="pip uninstall trl"):
                check_trl()
        else:
            check_trl()
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "trl"]:
            del sys.modules[name]


def test_workers_are_told_to_import_the_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    path = "ray_kwargs.ray_init.runtime_env.env_vars.VERL_USE_EXTERNAL_MODULES"
    monkeypatch.delenv("VERL_USE_EXTERNAL_MODULES", raising=False)
    config = composed("+machine=cpu")
    load_in_workers(config)
    assert OmegaConf.select(config, path) == "egpo_verl"
    assert OmegaConf.select(config, "ray_kwargs.ray_init.runtime_env.env_vars.VERL_PLATFORM")

    monkeypatch.setenv("VERL_USE_EXTERNAL_MODULES", "mine")
    config = composed()
    load_in_workers(config)
    assert OmegaConf.select(config, path) == "mine,egpo_verl"

    monkeypatch.setenv("VERL_USE_EXTERNAL_MODULES", "egpo_verl,mine")
    config = composed()
    load_in_workers(config)
    assert OmegaConf.select(config, path) is None, "what the user says is inherited"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["algorithm.egpo.alpha=0.5"], "algorithm.egpo.alpha=0.5 must be"),
        (["trainer.use_v1=False"], "set trainer.use_v1=True"),
        (["actor_rollout_ref.model.path=/no/such/model"], "/no/such/model is no folder"),
    ],
)
def test_the_command_line_ends_with_one_sentence_and_code_2(
    tmp_path: Path, overrides: list[str], says: str
) -> None:
    ran = main_ppo(tmp_path, *inputs(tmp_path), *overrides)
    assert ran.returncode == 2, ran.stderr
    assert "Traceback" not in ran.stderr
    (line,) = [line for line in ran.stderr.splitlines() if line.startswith("egpo_verl: ")]
    assert says in line


def inputs(folder: Path) -> tuple[str, ...]:
    """Files that pass the checks, so that only what a test changes can be refused."""
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    return (
        "data.train_files=[]",
        "data.val_files=[]",
        f"actor_rollout_ref.model.path={folder}",
    )


def main_ppo(
    folder: Path | str, *overrides: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "verl.trainer.main_ppo", "+egpo=paper", "+machine=cpu"]
    return subprocess.run(
        [*command, *overrides],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
def test_a_cluster_whose_workers_lack_the_plugin_is_refused(
    tmp_path: Path,
) -> None:
    """A Ray cluster in whose processes `egpo_verl` cannot be imported."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'egpo_verl':\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Blocked())\n"
    )
    port = free_port()
    start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
    options = [f"--port={port}", "--num-cpus=2", "--include-dashboard=false"]
    common = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    # Ray's sockets need a shorter path than pytest's folders have.
    folder = tempfile.mkdtemp(prefix="egpo-")
    cluster = subprocess.Popen(
        [*start, *options, f"--temp-dir={folder}"],
        env={**common, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port, cluster)
        address = f"ray_kwargs.ray_init.address=127.0.0.1:{port}"
        ran = main_ppo(folder, *inputs(tmp_path), address, environment=common)
        assert ran.returncode == 2, ran.stderr
        assert re.search(
            r"egpo_verl: .*cannot load egpo_verl.*install it on every node", ran.stderr
        )
    finally:
        cluster.terminate()
        cluster.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.3)
    pytest.fail("the Ray cluster of this test did not start")
