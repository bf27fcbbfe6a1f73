"""The agent loop of live episodes, inside verl's classes; only the sampler is a script."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("verl")

from transformers import AutoTokenizer
from verl.experimental.agent_loop import agent_loop
from verl.experimental.agent_loop.agent_loop import AgentLoopOutput, DictConfigWrap
from verl.utils.dataset.rl_dataset import RLHFDataset
from verl.workers.rollout.replica import TokenOutput

from egpo_verl.calls import Reason
from egpo_verl.reward import compute_score

MODEL = Path(__file__).parents[1] / "egpo_verl" / "toolworld" / "model"
ENV = {
    "row": {"accounts": {"ann": 5}},
    "turns": [
        {"user": "Pay 3 in for ann.", "reference": [
            {"name": "deposit", "arguments": {"name": "ann", "amount": 3}}]},
        {"user": "And now?", "reference": [{"name": "balance", "arguments": {"name": "ann"}}]},
    ],
}  # fmt: skip
RIGHT = ["[deposit(name='ann', amount=3)]", "Done.", "[balance(name='ann')]", "8."]
Row = dict[str, Any]


class Sampler:
    """verl's client of a rollout server, for a policy whose messages are known."""

    def __init__(self, tokenizer: Any, texts: list[str]) -> None:
        self.tokenizer, self.texts = tokenizer, iter(texts)
        self.requests: list[dict[str, Any]] = []

    async def generate(self, **request: Any) -> TokenOutput:
        self.requests.append(request)
        text = self.tokenizer.encode(f"<think>So.</think>{next(self.texts)}")
        ids = [*text, self.tokenizer.eos_token_id]
        steps = {"global_steps": 1, "min_global_steps": 1, "max_global_steps": 1}
        return TokenOutput(token_ids=ids, log_probs=[-1.0] * len(ids), extra_fields=steps)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(MODEL)


@pytest.fixture(scope="module")
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Environments are shared by the rollouts of a process, so by those of its event loop."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    loop.close()


@pytest.fixture
def roll(
    composed: Callable[..., Any], tokenizer: Any, event_loop: asyncio.AbstractEventLoop
) -> Callable[..., tuple[Any, Sampler]]:
    """`roll(row, texts, *overrides)` gives the outputs of a rollout, and what was sampled."""

    def run(row: Row, texts: list[str], *overrides: str) -> tuple[Any, Sampler]:
        live = ["+egpo=paper", "+env=own", "env.factory=envs_worlds:Ledger", "data.shuffle=False"]
        config = composed(*live, *overrides)
        sampler = Sampler(tokenizer, texts)
        target = agent_loop._agent_loop_registry["egpo_env"]["_target_"]
        kind = agent_loop.hydra.utils.get_class(target)

        async def rollout() -> Any:
            made = kind(
                trainer_config=DictConfigWrap(config),
                server_manager=sampler,
                tokenizer=tokenizer,
                processor=None,
                dataset_cls=RLHFDataset,
                data_config=DictConfigWrap(config.data),
            )
            return await made.run({"temperature": 1.0}, **row)

        return event_loop.run_until_complete(rollout()), sampler

    return run


def row_of(env: Any, **info: Any) -> Row:
    text = env if env is None or isinstance(env, str) else json.dumps(env)
    return {
        "raw_prompt": [{"role": "user", "content": "Hello."}],
        "data_source": "ledger",
        "extra_info": {"index": 7, "env": text, **info},
    }


def test_each_message_is_a_row_with_the_whole_prompt_and_the_rollouts_reward(
    roll: Callable[..., tuple[Any, Sampler]], tokenizer: Any
) -> None:
    outputs, _ = roll(row_of(ENV), RIGHT)
    assert [type(output) for output in outputs] == [AgentLoopOutput] * 4
    prompts = [tokenizer.decode(output.prompt_ids) for output in outputs]
    responses = [tokenizer.decode(output.response_ids) for output in outputs]
    assert all(prompt.startswith("<|system|>You answer questions") for prompt in prompts)
    assert prompts[1].endswith("amount=3)]<|end|><|tool|>done<|end|><|assistant|>")
    assert "<think>So." not in prompts[3]
    assert responses == [f"<think>So.</think>{text}<|end|>" for text in RIGHT]
    for output in outputs:
        assert output.reward_score == 1.0
        assert output.response_mask == [1] * len(output.response_ids)
        assert len(output.response_logprobs) == len(output.response_ids)
        assert output.extra_fields["reward_extra_info"]["reason"] == Reason.OK
    single = compute_score("x", "<think>x</think>no", "[]")
    assert list(outputs[-1].extra_fields["reward_extra_info"]) == list(single)


def test_a_run_that_records_keeps_what_a_reader_of_its_episodes_needs(
    roll: Callable[..., tuple[Any, Sampler]],
) -> None:
    outputs, _ = roll(row_of(ENV), RIGHT, "+algorithm.egpo.record_dir=rollouts")
    *others, episode = [output.extra_fields.get("episode") for output in outputs]
    assert others == [None] * 3
    assert [message["role"] for message in episode["messages"]] == [
        "user", "assistant", "tool", "assistant", "user", "assistant", "tool", "assistant",
    ]  # fmt: skip
    assert episode["turns"] == [{"end": 4, "reason": 0}, {"end": 8, "reason": 0}]
    assert episode["state"] == episode["expected"] == {"accounts": {"ann": 8}, "log": []}
    outputs, _ = roll(row_of(ENV), RIGHT)
    assert not any("episode" in output.extra_fields for output in outputs)


def test_all_messages_go_to_one_server_with_one_limit_so_that_they_can_share_batches(
    roll: Callable[..., tuple[Any, Sampler]],
) -> None:
    _, sampler = roll(row_of(ENV), RIGHT, "data.max_response_length=99")
    assert len({request["request_id"] for request in sampler.requests}) == 1
    assert [request["sampling_params"]["max_tokens"] for request in sampler.requests] == [99] * 4


def test_a_prompt_that_no_longer_fits_ends_the_episode_and_keeps_its_head(
    roll: Callable[..., tuple[Any, Sampler]],
) -> None:
    outputs, _ = roll(row_of(ENV), RIGHT)
    room = len(outputs[1].prompt_ids)
    outputs, _ = roll(row_of(ENV), RIGHT, f"data.max_prompt_length={room}")
    assert len(outputs) == 2
    assert outputs[-1].extra_fields["reward_extra_info"]["reason"] == Reason.NO_ROOM
    assert outputs[-1].extra_fields["env"]["no_room"] == 1
    assert outputs[-1].reward_score == 0.0


def test_a_row_without_an_episode_is_answered_in_verls_single_turn(
    roll: Callable[..., tuple[Any, Sampler]],
) -> None:
    for env in (None, ""):
        output, sampler = roll(row_of(env), ["Hello."])
        assert isinstance(output, AgentLoopOutput)
        assert output.reward_score is None, "verl's reward loop judges it"
        assert len(sampler.requests) == 1


@pytest.mark.parametrize(
    ("row", "overrides", "words"),
    [
        (row_of(ENV), ["data.max_prompt_length=20"], "row 7 of ledger: the first prompt has"),
        (row_of("{"), [], "row 7 of ledger: extra_info.env is no JSON"),
        (row_of(ENV), ["env.factory=null"], "row 7 of ledger: no environment is named"),
        (row_of({**ENV, "row": {}}), [], "row 7 of ledger: reset: TypeError: .*accounts"),
        (row_of(ENV), ["trainer.use_v1=False"], r"set trainer\.use_v1=True"),
        (
            row_of({**ENV, "factory": "envs_worlds:NoSuch"}),
            [],
            "row 7 of ledger: envs_worlds has no class NoSuch",
        ),
    ],
)
def test_what_is_broken_fails_the_rollout_by_its_row(
    roll: Callable[..., tuple[Any, Sampler]], row: Row, overrides: list[str], words: str
) -> None:
    with pytest.raises(RuntimeError, match=words):
        roll(row, RIGHT, *overrides)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["trainer.use_v1=False"], r"takes one a rollout: set trainer\.use_v1=True"),
        (["trainer.use_v1=False", "algorithm.adv_estimator=grpo"], r"set trainer\.use_v1=True"),
        (["+env.max_mesages=3"], "did you mean 'max_messages'"),
        (["env.tool_seconds=0"], "env.tool_seconds=0 must be a number above 0"),
        (["env.strict_no_call=1"], "must be true or false"),
        (["env.factory=shop.py"], "env.factory='shop.py' must be FILE.py:Class"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused_before_anything_starts(
    composed: Callable[..., Any], validate: Callable[[Any], None], overrides: list[str], words: str
) -> None:
    config = composed("+egpo=paper", "+machine=cpu", "+env=own", *overrides)
    with pytest.raises(ValueError, match=words):
        validate(config)


def test_a_grpo_run_in_an_environment_is_as_good(
    composed: Callable[..., Any], validate: Callable[[Any], None]
) -> None:
    overrides = ["+egpo=grpo", "+machine=cpu", "+env=own", "env.factory=envs_worlds:Ledger"]
    config = composed(*overrides)
    validate(config)
    names = config.ray_kwargs.ray_init.runtime_env.env_vars.VERL_USE_EXTERNAL_MODULES
    assert "egpo_verl" in names.split(","), "its workers must know the agent loop"
