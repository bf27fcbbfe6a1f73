"""What the CPU does otherwise than verl: rows of a micro-batch in one pack, with what they begin
with alike read once, and blocks of logits. The numbers are verl's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from tensordict import TensorDict
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM
from verl.utils import tensordict_utils as tu
from verl.utils.torch_functional import entropy_from_logits
from verl.utils.torch_functional import logprobs_from_logits_v2 as verls_log_probs
from verl.workers.config import FSDPEngineConfig
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead
from verl.workers.utils.padding import response_from_nested

from egpo_verl.integration.cpu import log_probs
from egpo_verl.integration.cpu.engine import CPUEngineWithLMHead
from egpo_verl.integration.cpu.micro_batches import partition
from egpo_verl.integration.cpu.pack import Pack, common

ROWS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=1, max_size=9)


@given(ROWS, st.data())
def test_micro_batches_hold_every_row_once_and_keep_together_what_begins_alike(
    rows: list[list[int]], data: st.DataObject
) -> None:
    parts = data.draw(st.integers(1, len(rows)))
    runs = partition(rows, parts)
    assert len(runs) == parts
    assert all(runs)
    dealt = [place for run in runs for place in run]
    assert sorted(dealt) == list(range(len(rows)))
    assert [rows[place] for place in dealt] == sorted(rows)


@given(ROWS)
def test_every_row_is_read_whole_and_in_order_from_its_family(rows: list[list[int]]) -> None:
    pack = Pack(rows, [0] * len(rows))
    tokens, positions = pack.tokens[0].tolist(), pack.positions[0].tolist()
    begin = 0
    for family in pack.families:
        after = begin + family.shared
        for row, rest in zip(family.rows, family.rests, strict=True):
            read = tokens[begin : begin + family.shared] + tokens[after : after + rest]
            assert read == rows[row]
            assert positions[after : after + rest] == list(range(family.shared, len(read)))
            after += rest
        begin = after
    assert begin == len(tokens)
    assert sorted(row for family in pack.families for row in family.rows) == [*range(len(rows))]


@given(ROWS)
def test_no_other_cut_of_the_sorted_rows_has_fewer_tokens(rows: list[list[int]]) -> None:
    ordered = sorted(rows)

    def tokens_of(members: list[list[int]]) -> int:
        shared = min(common(members[0], member) for member in members)
        return shared + sum(len(member) - shared for member in members)

    best = [0]
    for end in range(1, len(rows) + 1):
        best.append(min(best[begin] + tokens_of(ordered[begin:end]) for begin in range(end)))
    assert Pack(rows, [0] * len(rows)).tokens.shape[1] == best[-1]


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


# Which prompt each row has, and its response: rows 0, 3 and 4 are a group, of which two begin their
# responses alike; row 5 says all that row 4 says; row 1 begins as the group does.
PROMPTS = {"a": [*range(3, 33)], "b": [*range(3, 15), 40, 41, 42], "c": [44, 45, 46, 47, 48]}
ROWS_OF_A_STEP = [
    ("a", [7, 8, 9, 10]),
    ("b", [7, 7, 7, 7, 7, 7, 7]),
    ("c", [9]),
    ("a", [7, 8, 20, 21, 22, 23]),
    ("a", [30, 31]),
    ("a", [30, 31]),
]


SHAPE = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


def tiny_llama() -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**SHAPE))


def nested(rows: list[list[int]]) -> torch.Tensor:
    return torch.nested.as_nested_tensor([torch.tensor(row) for row in rows], layout=torch.jagged)


def micro_batch(**settings: Any) -> TensorDict:
    """Rows as verl's RL trainer hands them to an engine."""
    whole = [PROMPTS[prompt] + response for prompt, response in ROWS_OF_A_STEP]
    batch = TensorDict(
        {
            "prompts": nested([PROMPTS[prompt] for prompt, _ in ROWS_OF_A_STEP]),
            "responses": nested([response for _, response in ROWS_OF_A_STEP]),
            "input_ids": nested(whole),
            "position_ids": nested([[*range(len(row))] for row in whole]),
        },
        batch_size=[len(whole)],
    )
    stated = {"temperature": 0.7, "use_remove_padding": False, "calculate_entropy": True}
    tu.assign_non_tensor(batch, **{**stated, **settings})
    return batch


def passed(engine_class: type, model: torch.nn.Module, batch: TensorDict) -> dict[str, Any]:
    """What an engine makes of a micro-batch, without the processes that it would start."""
    engine: Any = object.__new__(engine_class)
    engine.module, engine.pad_to_length, engine.use_ulysses_sp = model, False, False
    engine.engine_config = FSDPEngineConfig(strategy="fsdp2")
    engine.compute_entropy_from_logits = entropy_from_logits
    inputs, others = engine.prepare_model_inputs(batch)
    return dict(engine.prepare_model_outputs(model(**inputs), others, batch, None))


def assert_alike(
    ours: torch.nn.Module, batch: TensorDict, of_interest: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    """The numbers `of_interest` and their gradients are those of verl's engine."""
    verls = copy.deepcopy(ours)
    mine = passed(CPUEngineWithLMHead, ours, batch)
    stock = passed(FSDPEngineWithLMHead, verls, batch)
    assert mine.keys() == stock.keys()
    for name, rows in mine.items():
        assert rows.offsets().tolist() == stock[name].offsets().tolist(), name
        torch.testing.assert_close(
            of_interest(rows), of_interest(stock[name]), rtol=0, atol=1e-5, msg=name
        )
    for output in (mine, stock):
        torch.autograd.backward(sum(of_interest(rows).square().sum() for rows in output.values()))
    for mine_too, theirs in zip(ours.parameters(), verls.parameters(), strict=True):
        torch.testing.assert_close(mine_too.grad, theirs.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "settings",
    [{}, {"temperature": 1.0}, {"calculate_entropy": False}, {"calculate_sum_pi_squared": True}],
)
def test_a_pack_gives_verls_numbers_and_gradients(settings: dict[str, Any]) -> None:
    batch = micro_batch(**settings)
    assert_alike(
        tiny_llama(), batch, lambda rows: response_from_nested(rows, batch["responses"]).values()
    )


def test_a_pack_of_demonstrations_gives_verls_loss() -> None:
    """verl's SFT trainer says what it learns from by a mask alone."""
    batch = micro_batch(calculate_entropy=False, temperature=1.0)
    learned = [[0] * len(PROMPTS[p]) + [1] * len(response) for p, response in ROWS_OF_A_STEP]
    demonstrations = batch.exclude("prompts", "responses")
    demonstrations["loss_mask"] = nested(learned)
    mask = demonstrations["loss_mask"].values().roll(-1).bool()
    assert_alike(tiny_llama(), demonstrations, lambda rows: rows.values()[mask])


def test_a_model_with_adapters_reads_packs() -> None:
    model = get_peft_model(tiny_llama(), LoraConfig(target_modules=["q_proj", "v_proj"]))
    for name, weights in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights)
    batch = micro_batch()
    expected = passed(FSDPEngineWithLMHead, copy.deepcopy(model), batch)["log_probs"]
    found = passed(CPUEngineWithLMHead, model, batch)["log_probs"]
    of_responses = [response_from_nested(each, batch["responses"]) for each in (found, expected)]
    torch.testing.assert_close(of_responses[0].values(), of_responses[1].values())


def test_recomputed_activations_give_the_same_gradients() -> None:
    batch = micro_batch()
    gradients = []
    for checkpointed in (False, True):
        model = tiny_llama().train()
        if checkpointed:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        passed(CPUEngineWithLMHead, model, batch)["log_probs"].values().sum().backward()
        gradients.append([weights.grad for weights in model.parameters()])
    torch.testing.assert_close(gradients[0], gradients[1])


def test_what_rows_begin_with_alike_is_read_once_and_prompts_have_no_logits() -> None:
    read: list[int] = []
    model = tiny_llama()
    for layer in (model.model.embed_tokens, model.lm_head):
        layer.register_forward_hook(lambda _, __, output: read.append(output[..., 0].numel()))
    passed(CPUEngineWithLMHead, model, micro_batch())
    # The group's 30, and the rests 4, 6, 2 and 2; the row that parts from it after 12 is read alone
    assert read == [30 + 4 + 6 + 2 + 2 + (15 + 7) + (5 + 1), 4 + 7 + 1 + 6 + 2 + 2]


def test_a_model_goes_on_without_packs_where_it_is_given_none() -> None:
    """The processes that train and those that sample may hold the same model."""
    model = tiny_llama()
    tokens = torch.arange(3, 20).unsqueeze(0)
    expected = copy.deepcopy(model)(tokens).logits
    passed(CPUEngineWithLMHead, model, micro_batch())
    torch.testing.assert_close(model(tokens).logits, expected, rtol=0, atol=0)
    padded = torch.tensor([[0] * 3 + [1] * 14])
    drawn = model.generate(tokens, attention_mask=padded, max_new_tokens=4, do_sample=False)
    assert drawn.shape == (1, 21)


def test_a_model_that_attends_through_a_window_is_left_to_verl() -> None:
    torch.manual_seed(0)
    model = MistralForCausalLM(MistralConfig(**SHAPE, sliding_window=8))
    batch = micro_batch()
    mine = passed(CPUEngineWithLMHead, model, batch)["log_probs"]
    stock = passed(FSDPEngineWithLMHead, model, batch)["log_probs"]
    torch.testing.assert_close(mine.values(), stock.values(), rtol=0, atol=0)
