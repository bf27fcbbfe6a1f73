"""The run scripts of `examples`, as verl would see them: composed, validated, and run by nobody."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from egpo_verl import preprocess
from egpo_verl.errors import UserError
from egpo_verl.sizing.scripts import commands, training_overrides

EXAMPLES = Path(__file__).parent.parent / "examples"
RECIPES = sorted([*EXAMPLES.glob("run_*_fsdp.sh"), *EXAMPLES.glob("run_*_megatron.sh")])
SHELL = sorted([*EXAMPLES.glob("*.sh"), *EXAMPLES.parent.glob("recipe/egpo/*.sh")])

every_recipe = pytest.mark.parametrize("script", RECIPES, ids=lambda script: script.stem)


ConfigOf = Callable[..., Any]


@pytest.fixture(scope="session")
def config_of(composed: Callable[..., Any]) -> ConfigOf:
    """`config_of(script, *arguments, **environment)` gives what it trains with, for all tests."""

    @cache
    def config(script: Path, *arguments: str, **environment: str) -> Any:
        return composed(*training_overrides(script, *arguments, **environment))

    return config


@pytest.fixture(scope="session")
def paper(composed: Callable[..., Any]) -> Any:
    """The paper's group on verl's configuration."""
    return composed("+egpo=paper")


def recipe(name: str) -> Path:
    return EXAMPLES / f"run_{name}.sh"


@pytest.mark.parametrize("script", SHELL, ids=lambda script: script.name)
def test_bash_can_read_it(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="apt-get install shellcheck")
def test_shellcheck_has_nothing_to_say() -> None:
    options = ["-x", "--source-path=SCRIPTDIR", f"--source-path={EXAMPLES.parent}"]
    ran = subprocess.run(["shellcheck", *options, *map(str, SHELL)], capture_output=True, text=True)
    assert ran.stdout == ""


@pytest.mark.filterwarnings("ignore:Disabled critic")
@every_recipe
def test_verl_accepts_the_whole_configuration(
    config_of: ConfigOf, validate: Callable[[Any], None], script: Path
) -> None:
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import omega_conf_to_dataclass

    config = config_of(script)
    validate(config)
    for part in ("actor", "rollout"):
        omega_conf_to_dataclass(config.actor_rollout_ref[part])
    assert not need_critic(config)
    assert need_reference_policy(config)


@every_recipe
def test_a_recipe_keeps_the_papers_algorithm(config_of: ConfigOf, paper: Any, script: Path) -> None:
    """What a recipe may change is its model, lengths, batch and hardware."""
    config = config_of(script)
    assert config.algorithm == paper.algorithm
    assert config.reward == paper.reward
    for key in ("n", "temperature", "top_p", "top_k", "calculate_log_probs"):
        assert config.actor_rollout_ref.rollout[key] == paper.actor_rollout_ref.rollout[key]
    for key in ("clip_ratio", "use_kl_loss", "kl_loss_coef", "kl_loss_type", "entropy_coeff"):
        assert config.actor_rollout_ref.actor[key] == paper.actor_rollout_ref.actor[key]
    updates = {
        run.data.train_batch_size // run.actor_rollout_ref.actor.ppo_mini_batch_size
        for run in (config, paper)
    }
    assert updates == {4}, "as many updates of a step as in the paper's group"


@pytest.mark.parametrize("name", ["qwen3_4b_fsdp", "llama3_2_3b_fsdp"])
def test_the_papers_runs_have_the_papers_batch_lengths_and_data(
    config_of: ConfigOf, paper: Any, name: str
) -> None:
    config = config_of(recipe(name))
    assert {key: config.data[key] for key in LENGTHS} == {key: paper.data[key] for key in LENGTHS}
    assert config.actor_rollout_ref.actor.optim == paper.actor_rollout_ref.actor.optim
    assert config.trainer.total_epochs == paper.trainer.total_epochs
    assert [Path(file).parts[-2:] for file in config.data.train_files] == [
        ("xlam", "train.parquet"),
        ("funreason_mt", "train.parquet"),
    ]


LENGTHS = ("train_batch_size", "max_prompt_length", "max_response_length")


@every_recipe
def test_the_grpo_twin_differs_by_the_estimator_and_the_name(script: Path, tmp_path: Path) -> None:
    runs = str(tmp_path)
    ours = training_overrides(script, RUNS_DIR=runs)
    twin = training_overrides(script, RUNS_DIR=runs, ADV_ESTIMATOR="grpo")
    differs = [(one, other) for one, other in zip(ours, twin, strict=True) if one != other]
    changed = [one.split("=")[0] for one, _ in differs]
    assert changed == ["algorithm.adv_estimator", "trainer.experiment_name", LOG]
    assert [name(one) for one, _ in differs] == [name(other) for _, other in differs]
    assert "algorithm.adv_estimator=grpo" in twin


LOG = "+ray_kwargs.ray_init.runtime_env.env_vars.VERL_FILE_LOGGER_PATH"


def name(override: str) -> str:
    """An override without the estimator's name and the time of day."""
    return re.sub(r"\d{8}-\d{6}|egpo(?=-seed|$)|grpo(?=-seed|$)", "", override)


def test_a_live_recipe_takes_the_rows_environments_or_the_users(config_of: ConfigOf) -> None:
    script = recipe("qwen3_4b_live_fsdp")
    config = config_of(script)
    assert config.env.factory is None, "rows of toolworld live name theirs"
    assert config.actor_rollout_ref.rollout.agent.default_agent_loop == "egpo_env"
    mine = config_of(script, ENV_FACTORY="/home/me/shop.py:Shop", DATASETS="shop", DATA_DIR="/d")
    assert mine.env.factory == "/home/me/shop.py:Shop"
    assert mine.data.train_files == ["/d/shop/train.parquet"]
    assert "env" not in config_of(recipe("qwen3_4b_fsdp"))


def test_knobs_reach_the_command_and_arguments_win_over_them(config_of: ConfigOf) -> None:
    script = recipe("qwen3_4b_fsdp")
    knobs = {
        "EGPO": "no_clip",
        "SEED": "7",
        "TRAINER_MODE": "colocate_async",
        "ACTOR_LR": "2e-6",
        "MAX_RESPONSE_LENGTH": "1024",
        "DATASETS": "mine",
        "DATA_DIR": "/data",
    }
    config = config_of(script, "actor_rollout_ref.actor.optim.lr=3e-6", **knobs)
    assert config.algorithm.egpo.clip is False
    assert config.data.seed == config.actor_rollout_ref.rollout.seed == 7
    assert config.trainer.v1.trainer_mode == "colocate_async"
    assert config.actor_rollout_ref.actor.optim.lr == 3e-6
    assert config.actor_rollout_ref.rollout.max_model_len == 4096 + 1024
    assert config.data.train_files == ["/data/mine/train.parquet"]
    assert config.trainer.experiment_name == "qwen3_4b_fsdp-no_clip-egpo-seed7"


def test_an_engine_that_is_none_is_refused() -> None:
    ran = subprocess.run(
        ["bash", str(recipe("qwen3_8b_fsdp"))],
        env={"PATH": "/usr/bin:/bin", "HOME": "/tmp", "TRAIN_BACKEND": "deepspeed"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 2
    assert "TRAIN_BACKEND=deepspeed is neither fsdp nor megatron." in ran.stderr


@every_recipe
def test_smoke_keeps_the_method_and_shrinks_the_rest(
    config_of: ConfigOf, validate: Callable[[Any], None], script: Path
) -> None:
    config, smoke = config_of(script), config_of(script, SMOKE="1")
    validate(smoke)
    assert smoke.algorithm == config.algorithm
    assert smoke.reward.custom_reward_function == config.reward.custom_reward_function
    for key in ("lora_rank", "lora_alpha"):
        assert smoke.actor_rollout_ref.model[key] == config.actor_rollout_ref.model[key]
    assert smoke.trainer.device == "cpu"
    assert smoke.trainer.total_training_steps == 2
    assert smoke.trainer.n_gpus_per_node * smoke.trainer.nnodes == 1
    assert smoke.actor_rollout_ref.actor.strategy == "fsdp2"
    assert smoke.actor_rollout_ref.rollout.name == "transformers"
    assert smoke.data.train_batch_size * smoke.actor_rollout_ref.rollout.n == 16
    assert smoke.trainer.experiment_name == f"smoke-{config.trainer.experiment_name}"


def test_smoke_says_that_megatron_is_not_what_it_runs(tmp_path: Path) -> None:
    (tmp_path / "python3").write_text("#!/bin/sh\n")
    (tmp_path / "python3").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", str(recipe("qwen3_8b_megatron"))],
        env={**os.environ, "PATH": path, "SMOKE": "1", "RUNS_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert "SMOKE: Megatron needs GPUs; FSDP2 trains in its place." in ran.stderr


def test_smoke_makes_rows_in_the_recipes_own_form() -> None:
    prepare, _ = commands(recipe("qwen2_5_coder_7b_fsdp"), SMOKE="1")
    assert prepare[:3] == ["-m", "egpo_verl.preprocess", "toolworld"]
    assert preprocess.parser().parse_args(prepare[2:]).call_form == "answer_tag"


def test_smoke_gives_a_thinking_recipe_a_template_that_opens_the_thought(
    config_of: ConfigOf, tmp_path: Path
) -> None:
    script = recipe("qwen3_4b_thinking_fsdp")
    config = config_of(script, SMOKE="1", RUNS_DIR=str(tmp_path))
    model = Path(config.actor_rollout_ref.model.path)
    assert (model / "chat_template.jinja").read_text().endswith("<think>")
    assert (model / "model.safetensors").is_file()


def cold_start(**environment: str) -> list[str]:
    """What the cold start gives to torchrun, and then to verl's SFT trainer."""
    return commands(EXAMPLES / "run_cold_start.sh", **environment)[-1]


def overrides_of(words: list[str]) -> list[str]:
    return words[words.index("verl.trainer.sft_trainer") + 1 :]


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_verls_sft_trainer_accepts_the_cold_start(
    composed_sft: Callable[..., Any], device: str
) -> None:
    from verl.utils.config import omega_conf_to_dataclass

    knobs = {"DATASETS": "mine", "DATA_DIR": "/data", "ACTOR_LR": "2e-5", "OFFLOAD": "True"}
    words = cold_start(DEVICE=device, NGPUS_PER_NODE="2", **knobs)
    assert words[:2] == ["-m", "torch.distributed.run"]
    assert "--standalone" in words
    assert words[words.index("--nproc_per_node") + 1] == "2"
    config = composed_sft(*overrides_of(words))
    for part in ("engine", "optim", "checkpoint"):
        omega_conf_to_dataclass(config[part])
    assert config.trainer.device == device
    assert config.data.train_files == ["/data/mine/sft_train.parquet"]
    assert config.data.val_files == ["/data/mine/sft_test.parquet"]
    assert config.data.custom_cls.name == "Demonstrations"
    assert config.optim.lr == 2e-5
    assert config.engine.param_offload is True
    assert (config.engine.model_dtype == "fp32") or device == "cuda"


def test_the_cold_start_runs_on_several_nodes() -> None:
    words = cold_start(DEVICE="cuda", NNODES="2", NODE_RANK="1", HEAD="10.0.0.1")
    assert "--standalone" not in words
    assert words[words.index("--master_addr") + 1] == "10.0.0.1"
    with pytest.raises(UserError, match="the address of the node of rank 0"):
        cold_start(DEVICE="cuda", NNODES="2", NODE_RANK="1")


def test_the_cold_starts_smoke_trains_the_tiny_model_twice(
    composed_sft: Callable[..., Any],
) -> None:
    config = composed_sft(*overrides_of(cold_start(SMOKE="1", DEVICE="cuda")))
    assert config.trainer.device == "cpu"
    assert config.trainer.total_training_steps == 2
    assert config.model.path.endswith("toolworld/model")


def test_the_cpu_example_asks_for_rows_that_it_does_not_have() -> None:
    command = ["bash", str(EXAMPLES / "run_smollm2_135m_cpu.sh")]
    ran = subprocess.run(command, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "set DATA=PATH, rows of xLAM's shape" in ran.stderr


def test_the_cpu_example_goes_on_with_its_own_rows_alone(tmp_path: Path) -> None:
    examples, rows = tmp_path / "examples", tmp_path / "runs/smollm2/rows"
    examples.mkdir()
    (examples / "environment.sh").write_text("exit 7  # past all checks\n")
    script = shutil.copy(EXAMPLES / "run_smollm2_135m_cpu.sh", examples)
    (tmp_path / "my rows.jsonl").touch()

    def run(data: str, benchmarks: str = "") -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/usr/bin:/bin", "DATA": data, "BENCHMARKS": benchmarks}
        return subprocess.run(
            ["bash", script], cwd=tmp_path, env=environment, capture_output=True, text=True
        )

    assert run("my rows.jsonl").returncode == 7, "a path from where the user is"
    missing = run("my rows.jsonl", "bfcl")
    assert (missing.returncode, "bfcl', which is not there" in missing.stderr) == (2, True)
    rows.mkdir(parents=True)
    (rows / "train.parquet").touch()
    (rows.parent / "data.txt").write_text(f"{tmp_path / 'my rows.jsonl'}\n")
    assert [run(data).returncode for data in ("my rows.jsonl", "")] == [7, 7]
    other = run("other.jsonl")
    assert other.returncode == 2
    assert "were made with" in other.stderr
    assert "begin anew" in other.stderr
    for data in ("my rows.jsonl", ""):
        clean = run(data, "bfcl")
        assert clean.returncode == 2, "these rows were not compared with benchmarks"
        assert f"BENCHMARKS='' and not '{tmp_path / 'bfcl'}'" in clean.stderr
    (rows.parent / "data.txt").write_text(f"{tmp_path / 'my rows.jsonl'}\n{tmp_path / 'bfcl'}\n")
    assert [run("my rows.jsonl", given).returncode for given in ("bfcl", "")] == [7, 7]


def test_the_readme_names_every_knob_and_group() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    common = (EXAMPLES / "common.sh").read_text(encoding="utf-8")
    defaults = re.findall(r"^([A-Z_]+)=\$\{\1:-", common, re.MULTILINE)
    optional = re.findall(r"^    ([A-Z_]+)=[a-z_]+\.", common, re.MULTILINE)
    groups = [file.stem for file in (EXAMPLES.parent / "egpo_verl/config/egpo").glob("*.yaml")]
    assert len(defaults) > 20
    assert len(optional) > 8
    for name in (*defaults, *optional, *groups):
        assert f"`{name}`" in page, name
