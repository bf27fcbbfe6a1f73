"""What a recipe needs of its GPUs: the calculation, and that every recipe fits by it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from egpo_verl.sizing.__main__ import main
from egpo_verl.sizing.hours import hours_of, steps_of
from egpo_verl.sizing.memory import GIB, lora_weights, memory_of
from egpo_verl.sizing.scripts import hardware, setup_of_script, training_overrides
from egpo_verl.sizing.setup import Setup, SizingError
from egpo_verl.sizing.shapes import SHAPES, Shape
from egpo_verl.sizing.table import HEAD, row

EXAMPLES = Path(__file__).parent.parent / "examples"
RECIPES = sorted([*EXAMPLES.glob("run_*_fsdp.sh"), *EXAMPLES.glob("run_*_megatron.sh")])

QWEN3_4B = Setup(
    model="Qwen/Qwen3-4B-Instruct-2507",
    shape=SHAPES["Qwen/Qwen3-4B-Instruct-2507"],
    gpus=8,
    gpu_gb=80,
    megatron=False,
    offload=False,
    lora_rank=0,
    tokens=16_384,
    sequence_parallel=1,
    tensor_parallel=1,
    pipeline_parallel=1,
    expert_parallel=1,
    rollout_parallel=1,
    rollout_share=0.6,
    rollout_sequences=256,
    prompt=4096,
    response=8192,
    prompts=1024,
    responses=8,
    epochs=5,
    datasets=("xlam", "funreason_mt"),
)


@pytest.fixture(params=RECIPES, ids=lambda script: script.stem)
def setup(request: pytest.FixtureRequest) -> Setup:
    return read(request.param)


@cache
def read(script: Path) -> Setup:
    return setup_of_script(script)


def test_a_recipe_fits_its_gpus(setup: Setup) -> None:
    memory = memory_of(setup)
    assert memory.fits, memory


def test_a_micro_batch_holds_the_longest_sequence(setup: Setup) -> None:
    """verl refuses a shorter one (verl/utils/seqlen_balancing.py:384)."""
    assert setup.tokens * setup.sequence_parallel >= setup.longest


def test_a_replica_holds_enough_sequences_to_be_worth_its_gpus(setup: Setup) -> None:
    assert memory_of(setup).cache_tokens >= 10 * setup.longest


def test_what_is_divided_can_be_divided(setup: Setup) -> None:
    shape = setup.shape
    assert setup.gpus % setup.rollout_parallel == 0
    assert shape.kv_heads % setup.rollout_parallel == 0
    assert shape.heads % setup.sequence_parallel == 0
    assert shape.kv_heads % setup.tensor_parallel == 0
    assert shape.layers % setup.pipeline_parallel == 0
    assert shape.experts % setup.expert_parallel == 0
    model_parallel = setup.tensor_parallel * setup.pipeline_parallel * setup.sequence_parallel
    assert setup.gpus % model_parallel == 0
    assert setup.prompts * setup.responses % (setup.gpus // model_parallel) == 0


def test_the_readme_shows_the_calculation() -> None:
    rows = [row(script, read(script), hardware(script))[0] for script in RECIPES]
    table = "\n".join([*HEAD, *rows, ""])
    assert table in (EXAMPLES / "README.md").read_text(encoding="utf-8")


def test_the_command_line_prints_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(RECIPES[0])]) == 0
    line, _ = row(RECIPES[0], read(RECIPES[0]), hardware(RECIPES[0]))
    assert capsys.readouterr().out == "\n".join([*HEAD, line, ""])


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_weights_are_counted_as_transformers_counts_them(name: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(published(name, SHAPES[name]))
    assert SHAPES[name].weights == sum(weight.numel() for weight in model.parameters())


def published(name: str, shape: Shape) -> object:
    """A transformers configuration of a model's family with its numbers."""
    from transformers import LlamaConfig, Qwen2Config, Qwen3Config, Qwen3MoeConfig

    family = Qwen3MoeConfig if shape.experts else Qwen3Config
    if not shape.qk_norm:
        family = Qwen2Config if shape.qkv_bias else LlamaConfig
    experts = {
        "num_experts": shape.experts,
        "num_experts_per_tok": shape.active_experts,
        "moe_intermediate_size": shape.inner,
    }
    return family(
        num_hidden_layers=shape.layers,
        hidden_size=shape.hidden,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        intermediate_size=shape.inner,
        vocab_size=shape.vocab,
        tie_word_embeddings=shape.tied,
        **(experts if shape.experts else {}),
    )


def test_fsdp_shares_sixteen_bytes_a_weight() -> None:
    assert memory_of(QWEN3_4B).states == pytest.approx(4.022e9 * 16 / 8 / GIB, rel=1e-3)
    one, two = memory_of(QWEN3_4B), memory_of(replace(QWEN3_4B, gpus=16))
    assert two.states == one.states / 2
    assert two.gathered == one.gathered


def test_logits_are_four_copies_in_bfloat16() -> None:
    assert memory_of(QWEN3_4B).logits == 16_384 * 151_936 * 8 / GIB
    assert memory_of(replace(QWEN3_4B, tokens=32_768)).logits == 2 * memory_of(QWEN3_4B).logits


def test_the_cache_is_what_weights_leave_of_the_share() -> None:
    """36 layers of 8 heads of 128 take 144 KiB a token."""
    memory = memory_of(QWEN3_4B)
    room = 0.6 * 79.1 - 2 * 4.022468096e9 / GIB - 4.0
    assert memory.cache_tokens == int(room * GIB / (144 * 1024))
    assert memory_of(replace(QWEN3_4B, rollout_share=0.1)).cache_tokens == 0


def test_offloading_frees_the_rollouts_gpu_and_not_the_updates() -> None:
    kept, away = memory_of(QWEN3_4B), memory_of(replace(QWEN3_4B, offload=True))
    assert away.update == kept.update
    assert kept.rollout - away.rollout == pytest.approx(4.022e9 * 12 / 8 / GIB, rel=1e-3)


def test_adapters_alone_have_gradients() -> None:
    shape = SHAPES["Qwen/Qwen3-8B"]
    adapted = replace(QWEN3_4B, shape=shape, lora_rank=64)
    adapters = lora_weights(shape, 64)
    assert adapters == 64 * 36 * (2 * (4096 + 4096) + 2 * (4096 + 1024) + 3 * (4096 + 12288))
    wanted = (4 * shape.weights + 16 * adapters) / 8 / GIB
    assert memory_of(adapted).states == pytest.approx(wanted)


def test_experts_are_shared_by_expert_parallel() -> None:
    shape = SHAPES["Qwen/Qwen3-30B-A3B-Instruct-2507"]
    megatron = replace(QWEN3_4B, shape=shape, megatron=True, tensor_parallel=2, expert_parallel=8)
    rest = (shape.weights - shape.expert_weights) / 2
    wanted = 6 * (rest + shape.expert_weights / 8) + 12 * (rest / 4 + shape.expert_weights / 8)
    assert memory_of(megatron).states == pytest.approx(wanted / GIB, rel=1e-4)


def test_what_does_not_fit_is_seen() -> None:
    assert not memory_of(replace(QWEN3_4B, gpus=1)).fits, "Adam alone takes 60 GiB"
    assert not memory_of(replace(QWEN3_4B, tokens=65_536)).fits, "logits take 74 GiB"
    assert not memory_of(replace(QWEN3_4B, rollout_share=0.9)).fits
    assert not memory_of(replace(QWEN3_4B, gpu_gb=24)).fits


def test_steps_are_whole_batches_of_the_papers_rows() -> None:
    assert steps_of(QWEN3_4B) == 84_321 // 1024 * 5
    assert steps_of(replace(QWEN3_4B, datasets=("xlam_thinking",))) == 57_000 // 1024 * 5
    with pytest.raises(SizingError, match="mine is no dataset of known size"):
        steps_of(replace(QWEN3_4B, datasets=("mine",)))


def test_more_gpus_take_fewer_hours() -> None:
    assert hours_of(replace(QWEN3_4B, gpus=32)) < hours_of(QWEN3_4B) / 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# EGPO | X | FSDP | 1 x 8 x 80 GB\nexit 3\n", "ends with code 3"),
        ("# EGPO | X | FSDP | 1 x 8 x 80 GB\ntrue\n", "does not end in a training"),
        ("python3 -m verl.trainer.main_ppo +egpo=papre\n", "refuses the command"),
        ("python3 -m verl.trainer.main_ppo +egpo=paper\n", "does not say its hardware"),
        (
            "# EGPO | X | FSDP | 1 x 8 x 80 GB\npython3 -m verl.trainer.main_ppo +egpo=paper\n",
            "is no model whose shape is known here",
        ),
    ],
)
def test_a_script_that_cannot_be_sized_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    script = tmp_path / "run.sh"
    script.write_text(text)
    assert main([str(script)]) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert said.out == ""


def test_nothing_runs_while_a_script_is_read(tmp_path: Path) -> None:
    script = tmp_path / "run.sh"
    script.write_text(
        f'python3 -c \'open("{tmp_path}/ran", "w")\'\npython3 -m verl.trainer.main_ppo a=1\n'
    )
    assert training_overrides(script) == ["a=1"]
    assert not (tmp_path / "ran").exists()
