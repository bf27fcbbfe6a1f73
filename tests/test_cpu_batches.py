"""What the CPU does otherwise than verl: the order of a micro-batch, blocks of logits, and logits
of responses alone. The numbers are verl's."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tensordict import TensorDict
from transformers import LlamaConfig, LlamaForCausalLM
from verl.utils import tensordict_utils as tu
from verl.utils.torch_functional import logprobs_from_logits_v2 as verls_log_probs
from verl.workers.config import FSDPEngineConfig
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead
from verl.workers.utils.padding import response_from_nested

from egpo_verl.integration.cpu import log_probs
from egpo_verl.integration.cpu.engine import CPUEngineWithLMHead
from egpo_verl.integration.cpu.micro_batches import partition


@given(st.lists(st.integers(1, 600), min_size=1, max_size=70), st.data())
def test_micro_batches_hold_every_row_once_and_rise_in_length(
    lengths: list[int], data: st.DataObject
) -> None:
    parts = data.draw(st.integers(1, len(lengths)))
    runs = partition(lengths, parts)
    assert len(runs) == parts
    assert all(runs)
    assert sorted(place for run in runs for place in run) == list(range(len(lengths)))
    dealt = [lengths[place] for run in runs for place in run]
    assert dealt == sorted(lengths)


def test_rows_of_like_length_need_less_padding() -> None:
    lengths = [100, 400] * 8
    runs = partition(lengths, 4)
    padded = sum(len(run) * max(lengths[place] for place in run) for run in runs)
    assert padded == sum(lengths)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("block", [1, 100, 1 << 24])
def test_log_probabilities_are_verls(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, block: int
) -> None:
    # The real block is 16 million logits, which take seconds and half a gigabyte with gradients.
    monkeypatch.setattr(log_probs, "BLOCK", block)
    logits = torch.randn(37, 50, generator=torch.Generator().manual_seed(0)).to(dtype)
    labels = torch.arange(37) % 50
    ours = logits.clone().requires_grad_()
    verls = logits.clone().requires_grad_()
    chosen = log_probs.logprobs_from_logits_v2(ours, labels)
    expected = verls_log_probs(verls, labels)
    torch.testing.assert_close(chosen, expected, rtol=0, atol=1e-6)
    chosen.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(ours.grad, verls.grad, rtol=0, atol=1e-6)


PROMPTS, RESPONSES = [9, 5, 30], [4, 7, 1]


def tiny_llama() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
    )
    return LlamaForCausalLM(config)


def micro_batch(**settings: Any) -> TensorDict:
    """Three rows as verl's trainer hands them to an engine."""
    draw = torch.Generator().manual_seed(0)

    def rows(lengths: list[int]) -> torch.Tensor:
        drawn = [torch.randint(3, 50, (length,), generator=draw) for length in lengths]
        return torch.nested.as_nested_tensor(drawn, layout=torch.jagged)

    prompts, responses = rows(PROMPTS), rows(RESPONSES)
    whole = [torch.cat(pair) for pair in zip(prompts.unbind(), responses.unbind(), strict=True)]
    positions = [torch.arange(len(row)) for row in whole]
    batch = TensorDict(
        {
            "prompts": prompts,
            "responses": responses,
            "input_ids": torch.nested.as_nested_tensor(whole, layout=torch.jagged),
            "position_ids": torch.nested.as_nested_tensor(positions, layout=torch.jagged),
        },
        batch_size=[3],
    )
    stated = {"temperature": 0.7, "use_remove_padding": False, "calculate_entropy": True}
    tu.assign_non_tensor(batch, **{**stated, **settings})
    return batch


def passed(engine_class: type, model: LlamaForCausalLM, batch: TensorDict) -> dict[str, Any]:
    """What an engine makes of a micro-batch, without the processes that it would start."""
    engine: Any = object.__new__(engine_class)
    engine.module, engine.pad_to_length, engine.use_ulysses_sp = model, False, False
    engine.engine_config = FSDPEngineConfig(strategy="fsdp2")
    engine.compute_entropy_from_logits = None
    inputs, others = engine.prepare_model_inputs(batch)
    return dict(engine.prepare_model_outputs(model(**inputs), others, batch, None))


@pytest.mark.parametrize(
    "settings",
    [{}, {"temperature": 1.0}, {"calculate_entropy": False}, {"calculate_sum_pi_squared": True}],
)
def test_logits_of_responses_alone_give_verls_numbers(settings: dict[str, Any]) -> None:
    ours = tiny_llama()
    verls = copy.deepcopy(ours)
    batch = micro_batch(**settings)
    mine = passed(CPUEngineWithLMHead, ours, batch)
    stock = passed(FSDPEngineWithLMHead, verls, batch)
    assert mine.keys() == stock.keys()
    for name, rows in mine.items():
        assert rows.offsets().tolist() == stock[name].offsets().tolist(), name
        both = [response_from_nested(each, batch["responses"]) for each in (rows, stock[name])]
        torch.testing.assert_close(both[0].values(), both[1].values(), rtol=0, atol=1e-5)
    for output in (mine, stock):
        chosen = response_from_nested(output["log_probs"], batch["responses"]).values()
        torch.autograd.backward(chosen.sum())
    for mine_too, theirs in zip(ours.parameters(), verls.parameters(), strict=True):
        torch.testing.assert_close(mine_too.grad, theirs.grad, rtol=0, atol=1e-5)


def test_a_model_computes_no_logits_of_its_prompts() -> None:
    """The shortest prompt has five tokens, the last of which predicts its response."""
    seen: list[int] = []
    model = tiny_llama()
    model.lm_head.register_forward_hook(lambda _, __, logits: seen.append(logits.shape[1]))
    passed(CPUEngineWithLMHead, model, micro_batch())
    passed(FSDPEngineWithLMHead, model, micro_batch())
    assert seen == [31 - 4, 31]
