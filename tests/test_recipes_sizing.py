"""Does a run fit its GPUs, and how long does it take: for a user's model, and for every recipe."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hub_server import hub
from omegaconf import OmegaConf

from egpo_verl.sizing.__main__ import main
from egpo_verl.sizing.hours import hours_of
from egpo_verl.sizing.memory import GIB, lora_weights, memory_of
from egpo_verl.sizing.model import FAMILIES, SHAPES, Shape, shape_of
from egpo_verl.sizing.report import obstacles
from egpo_verl.sizing.scripts import Recipe, read_recipe, training_overrides
from egpo_verl.sizing.setup import GPUS, KNOBS, Setup

EXAMPLES = Path(__file__).parent.parent / "examples"
RECIPES = [*sorted(EXAMPLES.glob("run_*_fsdp.sh")), *sorted(EXAMPLES.glob("run_*_megatron.sh"))]
QWEN3_4B = "Qwen/Qwen3-4B-Instruct-2507"
PAPER = Setup(QWEN3_4B, SHAPES[QWEN3_4B], GPUS[80])
EIGHT_BILLION = {
    "model_type": "qwen3",
    "num_hidden_layers": 36,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 12288,
    "vocab_size": 151936,
}

every_recipe = pytest.mark.parametrize("script", RECIPES, ids=lambda script: script.stem)
read = cache(read_recipe)


def sized(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit code, and what is printed; a sentence on stderr is all that bad input prints."""
    code = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    assert bool(printed.err) == (code == 2)
    assert not printed.err or (printed.out == "" and printed.err.count("\n") == 1)
    return code, printed.out + printed.err


def model_folder(folder: Path, **changes: Any) -> Path:
    config = {
        key: value for key, value in {**EIGHT_BILLION, **changes}.items() if value is not None
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_users_model_is_sized_from_its_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = model_folder(tmp_path)
    code, text = sized(capsys, "--model_path", model, "--gpus", 8, "--gpu_memory", 80)
    assert code == 0
    fits = "(8.19 billion weights) fits 8 x H100 80 GB, trained by FSDP2."
    assert text.splitlines()[0] == f"{model} {fits}"
    assert re.search(r"hours for 275 steps \(57,000 rows, 5 epochs\).* 27 +\n", text)
    assert "8.19 billion" in sized(capsys, "--model_path", "Qwen/Qwen3-8B")[1], "a name does too"


def test_what_does_not_fit_is_told_why_and_what_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model_path", model_folder(tmp_path), "--gpus", 4, "--gpu_memory", 48]
    code, text = sized(capsys, *options)
    assert code == 1
    assert "does not fit" in text
    assert "the update needs 74.9 GiB of a GPU" in text
    changes = re.findall(r"(?:fits with|or): (--.*)", text)
    assert len(changes) == 2
    for change in changes:
        assert sized(capsys, *options, *change.split())[0] == 0, change


def test_no_alternative_is_made_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = model_folder(tmp_path, num_hidden_layers=3600)
    code, text = sized(capsys, "--model_path", model, "--gpus", 1, "--gpu_memory", 24)
    assert code == 1
    assert "fits with: none of the usual changes" in text


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--gpus", "3", "--rollout_tp", "2"], "3 GPUs cannot be divided by rollout_tp, 2"),
        (["--ulysses_sp", "3"], "32 attention heads cannot be divided by ulysses_sp, 3"),
        (["--max_response_length", "20000"], "a micro-batch cannot hold the longest sequence"),
        (["--rollout_gpu_mem_util", "0.1"], "a replica of the rollout holds 0 tokens"),
        (["--rollout_gpu_mem_util", "0.97"], "the rollout needs"),
    ],
)
def test_what_verl_would_refuse_is_said_before(
    capsys: pytest.CaptureFixture[str], options: list[str], reason: str
) -> None:
    code, text = sized(capsys, "--model_path", "Qwen/Qwen3-8B", *options)
    assert code == 1
    assert f"Reason: {reason}" in text


def test_a_name_on_the_hub_is_looked_up_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held = {"/some/model/resolve/main/config.json": json.dumps(EIGHT_BILLION).encode()}
    with hub(held) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        _, text = sized(capsys, "--model_path", "some/model")
        assert "some/model (8.19 billion weights) fits" in text
        code, text = sized(capsys, "--model_path", "another/model")
        assert (code, "cannot be read (Not Found); give a model's folder" in text) == (2, True)
    code, text = sized(capsys, "--model_path", "some/model")
    assert (code, "Connection refused" in text) == (2, True), "without a network"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_type": "mamba"}, "model_type 'mamba' is none of granite, llama"),
        ({"hidden_size": None}, "has no 'hidden_size'"),
        ({"vocab_size": "many"}, "its config.json is invalid"),
    ],
)
def test_a_configuration_that_cannot_be_counted_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], reason: str
) -> None:
    code, text = sized(capsys, "--model_path", model_folder(tmp_path, **change))
    assert (code, reason in text) == (2, True)


def test_a_folder_without_a_readable_configuration_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "No such file" in sized(capsys, "--model_path", tmp_path)[1]
    (tmp_path / "config.json").write_bytes(b"\xff{")
    assert "is invalid" in sized(capsys, "--model_path", tmp_path)[1]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["run.sh", "--model_path", "x"],
        ["--model_path", "Qwen/Qwen3-8B", "--gpus", "0"],
        ["--model_path", "Qwen/Qwen3-8B", "--gpu_memory", "96"],
        ["--model_path", "Qwen/Qwen3-8B", "--lora_rank", "-1"],
        ["--model_path", "Qwen/Qwen3-8B", "--rollout_gpu_mem_util", "60"],
    ],
)
def test_a_wrong_command_line_is_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@every_recipe
def test_a_recipe_fits_its_gpus(script: Path) -> None:
    setup = read(script).setup
    assert list(obstacles(setup)) == []
    enough = 10 * setup.longest
    assert memory_of(setup).cache_tokens >= enough, "a replica is not worth its GPUs"


@every_recipe
def test_a_recipe_is_read_as_verl_reads_it(script: Path, composed: Callable[..., Any]) -> None:
    """The defaults here are those of verl's configuration with the paper's group."""
    config, recipe = composed(*training_overrides(script)), read(script)
    for knob in KNOBS:
        key = knob.metadata["key"]
        value = key and OmegaConf.select(config, key)
        assert value is None or getattr(recipe.setup, knob.name) == value, key
    actor = config.actor_rollout_ref.actor
    assert recipe.setup.megatron == (actor.strategy == "megatron")
    engine = actor.megatron if recipe.setup.megatron else actor.fsdp_config
    assert recipe.setup.offload == engine.param_offload == engine.optimizer_offload
    assert recipe.hardware.startswith(
        f"{config.trainer.nnodes} x {config.trainer.n_gpus_per_node} "
    )


def test_the_readme_shows_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    code, table = sized(capsys, *RECIPES)
    assert code == 0
    assert f"\n\n{table}\n" in (EXAMPLES / "README.md").read_text(encoding="utf-8")


def test_a_recipe_that_does_not_fit_is_named_below_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PPO_MAX_TOKEN_LEN_PER_GPU", "65536")
    assert main([str(EXAMPLES / "run_qwen3_8b_fsdp.sh")]) == 1
    assert "run_qwen3_8b_fsdp.sh does not fit: the update" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# EGPO | X | FSDP | 1 x 8 x 80 GB\nexit 3\n", "ends with code 3"),
        ("# EGPO | X | FSDP | 1 x 8 x 80 GB\ntrue\n", "does not end in a training"),
        ("python3 -m verl.trainer.main_ppo --config-name mine\n", "does not end in a training"),
        ("python3 -m verl.trainer.main_ppo +egpo=paper\n", "lacks its hardware"),
        (
            "# EGPO | X | FSDP | 1 x 8 x 80 GB\npython3 -m verl.trainer.main_ppo +egpo=paper\n",
            "sets no actor_rollout_ref.model.path",
        ),
    ],
)
def test_a_script_that_cannot_be_sized_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, reason: str
) -> None:
    script = tmp_path / "run.sh"
    script.write_text(text)
    assert (sized(capsys, script)[0], reason in sized(capsys, script)[1]) == (2, True)


def test_nothing_runs_while_a_script_is_read(tmp_path: Path) -> None:
    script = tmp_path / "run.sh"
    script.write_text(
        f'python3 -c \'open("{tmp_path}/ran", "w")\'\npython3 -m verl.trainer.main_ppo a=1\n'
    )
    assert training_overrides(script) == ["a=1"]
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_weights_are_counted_as_transformers_counts_them(family: str, tmp_path: Path) -> None:
    from transformers import AutoConfig

    config = AutoConfig.for_model(family, num_hidden_layers=3)
    config.save_pretrained(tmp_path)
    assert shape_of(str(tmp_path)).weights == transformers_count(config)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(SHAPES) - {"Qwen/Qwen3-4B-Thinking-2507"}))
def test_the_recipes_models_have_the_weights_of_their_family(name: str) -> None:
    from transformers import AutoConfig

    shape = SHAPES[name]
    family = "qwen3_moe" if shape.experts else "qwen3" if shape.qk_norm else "llama"
    config = AutoConfig.for_model(
        "qwen2" if shape.qkv_bias else family,
        num_hidden_layers=shape.layers,
        hidden_size=shape.hidden,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        intermediate_size=shape.inner,
        vocab_size=shape.vocab,
        tie_word_embeddings=shape.tied,
        **moe(shape),
    )
    assert shape.weights == transformers_count(config)


def moe(shape: Shape) -> dict[str, int]:
    return (
        {"num_experts": shape.experts, "moe_intermediate_size": shape.inner}
        if shape.experts
        else {}
    )


def transformers_count(config: Any) -> int:
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    return sum(weight.numel() for weight in model.parameters())


def states_of(setup: Setup) -> float:
    return memory_of(setup).parts["weights, gradients, Adam"]


def test_fsdp_shares_sixteen_bytes_a_weight() -> None:
    assert states_of(PAPER) == pytest.approx(4.022e9 * 16 / 8 / GIB, rel=1e-3)
    assert states_of(replace(PAPER, gpus=16)) == states_of(PAPER) / 2


def test_logits_are_four_copies_in_bfloat16() -> None:
    assert memory_of(PAPER).parts["logits"] == 16_384 * 151_936 * 8 / GIB


def test_the_cache_is_what_weights_leave_of_the_share() -> None:
    """36 layers of 8 heads of 128 take 144 KiB a token."""
    room = 0.6 * 79.1 - 2 * 4.022468096e9 / GIB - 4.0
    assert memory_of(PAPER).cache_tokens == int(room * GIB / (144 * 1024))
    split = memory_of(replace(PAPER, rollout_tp=16, gpus=16))
    room = 16 * (0.6 * 79.1 - 4.0) - 2 * 4.022468096e9 / GIB
    assert split.cache_tokens == int(room * GIB / (2 * 144 * 1024)), "eight heads, each held twice"


def test_offloading_frees_the_rollouts_gpu_and_not_the_updates() -> None:
    resident, offloaded = memory_of(PAPER), memory_of(replace(PAPER, offload=True))
    assert offloaded.update == resident.update
    assert resident.rollout - offloaded.rollout == pytest.approx(4.022e9 * 12 / 8 / GIB, rel=1e-3)


def test_adapters_alone_have_gradients() -> None:
    shape = SHAPES["Qwen/Qwen3-8B"]
    adapters = lora_weights(shape, 64)
    assert adapters == 64 * 36 * (2 * (4096 + 4096) + 2 * (4096 + 1024) + 3 * (4096 + 12288))
    states = (4 * shape.weights + 16 * adapters) / 8 / GIB
    assert states_of(replace(PAPER, shape=shape, lora_rank=64)) == pytest.approx(states)


def test_experts_are_shared_by_expert_parallel() -> None:
    shape = SHAPES["Qwen/Qwen3-30B-A3B-Instruct-2507"]
    megatron = replace(PAPER, shape=shape, megatron=True, actor_tp=2, actor_ep=8)
    rest = (shape.weights - shape.expert_weights) / 2
    states = 6 * (rest + shape.expert_weights / 8) + 12 * (rest / 4 + shape.expert_weights / 8)
    assert states_of(megatron) == pytest.approx(states / GIB, rel=1e-4)


def test_more_gpus_take_fewer_hours_and_longer_responses_more() -> None:
    assert hours_of(replace(PAPER, gpus=32)) < hours_of(PAPER) / 2
    assert hours_of(replace(PAPER, mean_response=1_500)) > 2 * hours_of(PAPER)
    assert PAPER.steps == 57_000 // 1024 * 5
    assert recipe("qwen3_4b_fsdp").setup.steps == 84_321 // 1024 * 5


def recipe(name: str) -> Recipe:
    return read(EXAMPLES / f"run_{name}.sh")
