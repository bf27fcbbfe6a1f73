"""Sampling on a CPU: the tokens of `generate`, and log probabilities equal to a training pass."""

from __future__ import annotations

import threading

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from egpo_verl.integration.cpu.sampler import Sampling, generate

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


def log_probs_of(
    model: LlamaForCausalLM, prompt: list[int], answer: list[int], temperature: float
) -> torch.Tensor:
    """As the trainer computes them: one unpadded pass over prompt and response."""
    with torch.no_grad():
        logits = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
    logs = torch.log_softmax(logits / temperature, dim=-1)
    return logs.gather(1, torch.tensor(answer)[:, None])[:, 0]


PROMPTS = [[5, 6, 7, 8, 9, 10], [11], [12, 13, 14]]


@pytest.mark.parametrize("temperature", [1.0, 0.7, 1.8])
@pytest.mark.parametrize(("top_k", "top_p"), [(-1, 1.0), (5, 1.0), (-1, 0.5)])
def test_log_probabilities_are_the_trainers(
    model: LlamaForCausalLM, temperature: float, top_k: int, top_p: float
) -> None:
    torch.manual_seed(1)
    sampling = Sampling(max_tokens=20, temperature=temperature, top_k=top_k, top_p=top_p)
    for prompt, done in zip(PROMPTS, generate(model, PROMPTS, sampling, [EOS], PAD), strict=True):
        assert len(done.token_ids) == len(done.log_probs) <= 20
        expected = log_probs_of(model, prompt, done.token_ids, temperature)
        torch.testing.assert_close(torch.tensor(done.log_probs), expected, rtol=0, atol=1e-5)


def test_a_response_ends_with_its_first_end_token(model: LlamaForCausalLM) -> None:
    torch.manual_seed(2)
    many = generate(model, PROMPTS * 20, Sampling(max_tokens=60), [EOS, 3], PAD)
    ended = [done for done in many if done.token_ids[-1] in (EOS, 3)]
    assert ended, "with 40 tokens in the vocabulary some responses end early"
    for done in many:
        assert not {EOS, 3} & set(done.token_ids[:-1])
        assert not done.aborted
    assert all(len(done.token_ids) == 60 for done in many if done not in ended)


def test_padding_on_the_left_changes_nothing(model: LlamaForCausalLM) -> None:
    greedy = Sampling(max_tokens=12, temperature=0)
    together = generate(model, PROMPTS, greedy, [EOS], PAD)
    alone = [generate(model, [prompt], greedy, [EOS], PAD)[0] for prompt in PROMPTS]
    assert [done.token_ids for done in together] == [done.token_ids for done in alone]


def test_ignoring_the_end_runs_to_the_limit(model: LlamaForCausalLM) -> None:
    torch.manual_seed(3)
    sampling = Sampling(max_tokens=50, ignore_eos=True)
    assert {len(done.token_ids) for done in generate(model, PROMPTS, sampling, [EOS], PAD)} == {50}


def test_an_abort_gives_back_what_there_is(model: LlamaForCausalLM) -> None:
    event = threading.Event()
    event.set()
    sampling = Sampling(max_tokens=50, ignore_eos=True)
    (done,) = generate(model, [[5]], sampling, [EOS], PAD, event)
    assert done.aborted
    assert len(done.token_ids) == len(done.log_probs) == 1
