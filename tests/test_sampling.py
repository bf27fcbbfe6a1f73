"""Sampling on a CPU: the tokens of `generate`, and log probabilities equal to a training pass."""

from __future__ import annotations

import copy
import threading
from typing import Any

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
)

from egpo_verl.sampling.attention import share_heads
from egpo_verl.sampling.sampler import Sampling, generate
from egpo_verl.sampling.shared import SharedLayer, sharing_pays

EOS, PAD = 1, 0


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=40,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
        eos_token_id=EOS,
        pad_token_id=PAD,
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="module")
def windowed() -> MistralForCausalLM:
    """Two heads of queries share keys and values, and a token sees the eight before it."""
    torch.manual_seed(1)
    config = MistralConfig(
        vocab_size=40,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=8,
        max_position_embeddings=128,
        eos_token_id=EOS,
        pad_token_id=PAD,
    )
    return MistralForCausalLM(config).eval()


def log_probs_of(
    model: PreTrainedModel, prompt: list[int], answer: list[int], temperature: float
) -> torch.Tensor:
    """As the trainer computes them: one unpadded pass over prompt and response."""
    with torch.no_grad():
        logits = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
    logs = torch.log_softmax(logits / temperature, dim=-1)
    return logs.gather(1, torch.tensor(answer)[:, None])[:, 0]


PROMPTS = [[5, 6, 7, 8, 9, 10], [11], [12, 13, 14]]
SEEDS = [1, 2, 3]


@pytest.mark.parametrize("temperature", [1.0, 0.7, 1.8])
@pytest.mark.parametrize(("top_k", "top_p"), [(-1, 1.0), (5, 1.0), (-1, 0.5)])
def test_log_probabilities_are_the_trainers(
    model: LlamaForCausalLM, temperature: float, top_k: int, top_p: float
) -> None:
    sampling = Sampling(max_tokens=20, temperature=temperature, top_k=top_k, top_p=top_p)
    responses = generate(model, PROMPTS, SEEDS, sampling, [EOS], PAD)
    for prompt, done in zip(PROMPTS, responses, strict=True):
        assert len(done.token_ids) == len(done.log_probs) <= 20
        expected = log_probs_of(model, prompt, done.token_ids, temperature)
        torch.testing.assert_close(torch.tensor(done.log_probs), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["model", "windowed"])
def test_a_group_is_sampled_as_its_responses_are_alone(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """A prompt that comes eight times is read once, those that end leave the batch, and the cache
    grows past the room that it has."""
    network = request.getfixturevalue(kind)
    group = [prompt for prompt in PROMPTS for _ in range(8)]
    sampling = Sampling(max_tokens=90, temperature=0.9)
    together = generate(network, group, range(24), sampling, [EOS], PAD)
    for seed, (prompt, done) in enumerate(zip(group, together, strict=True)):
        (alone,) = generate(network, [prompt], [seed], sampling, [EOS], PAD)
        assert done.token_ids == alone.token_ids
        expected = log_probs_of(network, prompt, done.token_ids, 0.9)
        torch.testing.assert_close(torch.tensor(done.log_probs), expected, rtol=0, atol=1e-5)
    lengths = [len(done.token_ids) for done in together]
    assert min(lengths) < 64 < max(lengths) == 90


def test_a_response_ends_with_its_first_end_token(model: LlamaForCausalLM) -> None:
    many = generate(model, PROMPTS * 20, range(60), Sampling(max_tokens=60), [EOS, 3], PAD)
    ended = [done for done in many if done.token_ids[-1] in (EOS, 3)]
    assert ended, "with 40 tokens in the vocabulary some responses end early"
    for done in many:
        assert not {EOS, 3} & set(done.token_ids[:-1])
        assert not done.aborted
    assert all(len(done.token_ids) == 60 for done in many if done not in ended)


def test_padding_on_the_left_changes_nothing(model: LlamaForCausalLM) -> None:
    greedy = Sampling(max_tokens=12, temperature=0)
    together = generate(model, PROMPTS, SEEDS, greedy, [EOS], PAD)
    alone = [generate(model, [prompt], [0], greedy, [EOS], PAD)[0] for prompt in PROMPTS]
    assert [done.token_ids for done in together] == [done.token_ids for done in alone]


def test_ignoring_the_end_runs_to_the_limit(model: LlamaForCausalLM) -> None:
    """Also where the model's own generation configuration names one."""
    assert model.generation_config.eos_token_id == EOS
    sampling = Sampling(max_tokens=100, ignore_eos=True)
    responses = generate(model, PROMPTS, SEEDS, sampling, [EOS], PAD)
    for prompt, done in zip(PROMPTS, responses, strict=True):
        assert len(done.token_ids) == 100
        expected = log_probs_of(model, prompt, done.token_ids, 1.0)
        torch.testing.assert_close(torch.tensor(done.log_probs), expected, rtol=0, atol=1e-5)
    assert any(EOS in done.token_ids[:50] for done in responses)


def test_a_prompt_without_a_token_is_refused(model: LlamaForCausalLM) -> None:
    with pytest.raises(ValueError, match="no token"):
        generate(model, [[5], []], [0, 1], Sampling(max_tokens=4), [EOS], PAD)


def test_an_abort_gives_back_what_there_is(model: LlamaForCausalLM) -> None:
    event = threading.Event()
    event.set()
    sampling = Sampling(max_tokens=50, ignore_eos=True)
    (done,) = generate(model, [[5]], [0], sampling, [EOS], PAD, event)
    assert done.aborted
    assert len(done.token_ids) == len(done.log_probs) == 1


@pytest.mark.parametrize("filters", [{}, {"top_k": 5}, {"top_p": 0.8}])
def test_a_response_does_not_depend_on_its_neighbours(
    model: LlamaForCausalLM, filters: dict[str, Any]
) -> None:
    """Which requests share a batch is a matter of timing, and a run can be repeated."""
    sampling = Sampling(max_tokens=30, **filters)
    together = generate(model, PROMPTS, SEEDS, sampling, [EOS], PAD)
    backwards = generate(model, PROMPTS[::-1], SEEDS[::-1], sampling, [EOS], PAD)[::-1]
    alone = [
        generate(model, [prompt], [seed], sampling, [EOS], PAD)[0]
        for prompt, seed in zip(PROMPTS, SEEDS, strict=True)
    ]
    tokens = [done.token_ids for done in together]
    assert tokens == [done.token_ids for done in backwards] == [done.token_ids for done in alone]
    assert len({tuple(done) for done in tokens}) == 3


@pytest.mark.parametrize("temperature", [0.7, 1.5])
def test_tokens_come_as_often_as_the_model_says(
    model: LlamaForCausalLM, temperature: float
) -> None:
    draws = 4000
    sampling = Sampling(max_tokens=1, temperature=temperature)
    done = generate(model, [PROMPTS[0]] * draws, range(draws), sampling, [EOS], PAD)
    counts = torch.bincount(torch.tensor([each.token_ids[0] for each in done]), minlength=40)
    with torch.no_grad():
        logits = model(torch.tensor([PROMPTS[0]])).logits[0, -1]
    expected = draws * torch.softmax(logits / temperature, dim=-1)
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    assert chi_square < 39 + 5 * (2 * 39) ** 0.5, "five standard deviations above its mean"


def test_a_diverged_model_is_told(model: LlamaForCausalLM) -> None:
    broken = copy.deepcopy(model)
    torch.nn.init.constant_(broken.lm_head.weight, float("nan"))
    with pytest.raises(ValueError, match="not finite"):
        generate(broken, [[5]], [0], Sampling(max_tokens=4), [EOS], PAD)


@pytest.mark.parametrize("kind", ["all tokens", "a window"])
def test_heads_that_share_keys_say_what_they_said_with_copies(
    windowed: MistralForCausalLM, kind: str
) -> None:
    """And the model still reads whole texts."""
    config = copy.deepcopy(windowed.config)
    if kind == "all tokens":
        config.sliding_window = None
    plain = MistralForCausalLM(config).eval()
    plain.load_state_dict(windowed.state_dict())
    sharing = copy.deepcopy(plain)
    share_heads(sharing)
    assert plain.config._attn_implementation == "sdpa"
    sampling = Sampling(max_tokens=20)
    expected = generate(plain, PROMPTS, SEEDS, sampling, [EOS], PAD)
    responses = generate(sharing, PROMPTS, SEEDS, sampling, [EOS], PAD)
    for one, other, prompt in zip(responses, expected, PROMPTS, strict=True):
        assert one.token_ids == other.token_ids
        assert one.log_probs == pytest.approx(other.log_probs, abs=1e-5)
        trained = log_probs_of(sharing, prompt, one.token_ids, 1.0)
        assert one.log_probs == pytest.approx(trained.tolist(), abs=1e-5)


SHARING = ["granite", "llama", "mistral", "olmo2", "phi3", "qwen2", "qwen3", "qwen3_moe", "smollm3"]
COPYING = ["gemma3_text", "stablelm"]


def made(family: str, **settings: Any) -> PreTrainedModel:
    """A model of a type with random weights: heads share keys and values two by two."""
    torch.manual_seed(2)
    config = AutoConfig.for_model(
        family,
        **{
            "vocab_size": 40,
            "hidden_size": 32,
            "intermediate_size": 48,
            "moe_intermediate_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "num_experts": 4,
            "num_experts_per_tok": 2,
            "max_position_embeddings": 128,
            "initializer_range": 0.2,
            "bos_token_id": 2,
            "eos_token_id": EOS,
            "pad_token_id": PAD,
            "attn_implementation": "sdpa",
            **({"sliding_window": None} if family == "mistral" else {}),
            **settings,
        },
    )
    return AutoModelForCausalLM.from_config(config).eval()


@pytest.fixture
def shared_layers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of each layer that comes to share prompts, as long as the test runs."""
    rows: list[int] = []
    arrange = SharedLayer.__init__

    def noted(layer: SharedLayer, prompts: Any, owners: torch.Tensor) -> None:
        rows.append(len(owners))
        arrange(layer, prompts, owners)

    monkeypatch.setattr(SharedLayer, "__init__", noted)
    return rows


@pytest.mark.parametrize("family", SHARING + COPYING)
@pytest.mark.parametrize("heads", [2, 4])
def test_responses_that_share_a_prompt_are_those_that_do_not(
    family: str, heads: int, shared_layers: list[int]
) -> None:
    """Prompts come in turns, responses end at different times, and of some prompt all do."""
    plain = made(family, num_key_value_heads=heads)
    sharing = copy.deepcopy(plain)
    share_heads(sharing)
    group = PROMPTS * 8
    sampling = Sampling(max_tokens=70, temperature=1.5)
    together = generate(sharing, group, range(24), sampling, [EOS, 3], PAD)
    assert shared_layers == ([24, 24] if family in SHARING else [])
    apart = [
        generate(plain, [prompt], [seed], sampling, [EOS, 3], PAD)[0]
        for seed, prompt in enumerate(group)
    ]
    for one, other in zip(together, apart, strict=True):
        assert one.token_ids == other.token_ids
        assert one.log_probs == pytest.approx(other.log_probs, abs=1e-4)
    assert len({len(one.token_ids) for one in together}) > 5


@pytest.mark.parametrize("prompts", [[[5, 6, 7]], [[5, 6, 7], [8, 9, 10]], PROMPTS])
def test_shared_prompts_in_bfloat16_say_nearly_what_float32_says(
    prompts: list[list[int]], shared_layers: list[int]
) -> None:
    """One prompt, prompts of equal length, for which there is no mask, and others."""
    exact = made("llama")
    sharing = copy.deepcopy(exact).to(torch.bfloat16)
    share_heads(sharing)
    group = [prompt for prompt in prompts for _ in range(4)]
    for prompt, done in zip(
        group,
        generate(sharing, group, range(len(group)), Sampling(max_tokens=40), [EOS], PAD),
        strict=True,
    ):
        expected = log_probs_of(exact, prompt, done.token_ids, 1.0)
        torch.testing.assert_close(torch.tensor(done.log_probs), expected, rtol=0, atol=0.15)
    assert shared_layers == [len(group)] * 2


def test_an_abort_leaves_responses_that_share_a_prompt_what_they_have() -> None:
    sharing = made("llama")
    share_heads(sharing)
    event = threading.Event()
    event.set()
    sampling = Sampling(max_tokens=50, ignore_eos=True)
    responses = generate(sharing, [[5, 6]] * 4, range(4), sampling, [EOS], PAD, event)
    assert [len(done.token_ids) for done in responses] == [1] * 4
    assert all(done.aborted for done in responses)


@pytest.mark.parametrize(
    ("responses", "pays"),
    [
        ([8, 8, 8], True),
        ([8, 7, 3], True),
        ([2], True),
        ([1, 1, 1], False),
        ([33] + [1] * 31, False),
    ],
)
def test_prompts_are_shared_where_responses_are_spread_over_them(
    responses: list[int], pays: bool
) -> None:
    """The prompt with most responses decides how much is computed for each."""
    owners = [prompt for prompt, count in enumerate(responses) for _ in range(count)]
    assert sharing_pays(owners) is pays


@pytest.mark.parametrize(("prompt", "new"), [(30, 4), (10, 20)])
@pytest.mark.parametrize("responses", [1, 4])
def test_a_model_that_lets_go_of_its_cache_is_refused(
    prompt: int, new: int, responses: int
) -> None:
    """Phi-3's does from the length on where its rotary embeddings change."""
    model = made("phi3", original_max_position_embeddings=16)
    share_heads(model)
    group = [list(range(4, 4 + prompt))] * responses
    sampling = Sampling(max_tokens=new, ignore_eos=True)
    with pytest.raises(ValueError, match="does not keep the keys and values of"):
        generate(model, group, range(responses), sampling, [EOS], PAD)


def test_a_model_that_attends_otherwise_is_left_so(windowed: MistralForCausalLM) -> None:
    eager = copy.deepcopy(windowed)
    eager.set_attn_implementation("eager")
    share_heads(eager)
    assert eager.config._attn_implementation == "eager"
