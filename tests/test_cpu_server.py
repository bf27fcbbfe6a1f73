"""A sampling server on the CPU: how long a response may be, and what a prompt too long is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from verl.utils.config import omega_conf_to_dataclass

import egpo_verl.toolworld
from egpo_verl.integration.cpu.server import TransformersServer

MODEL = Path(egpo_verl.toolworld.__file__).parent / "model"
Serve = Callable[..., Callable[..., list[int]]]


@pytest.fixture
def serve(composed: Callable[..., Any]) -> Serve:
    """`serve(*overrides)(length, **sampling)` gives the response to a prompt of `length` tokens.

    It is the tiny model's, which never ends by itself: prompts of 100, responses of 48 tokens.
    """

    def start(*overrides: str) -> Callable[..., list[int]]:
        lengths = ["data.max_prompt_length=100", "data.max_response_length=48"]
        model = f"actor_rollout_ref.model.path={MODEL}"
        config = composed("+egpo=paper", "+machine=cpu", model, *lengths, *overrides)
        rollout = omega_conf_to_dataclass(config.actor_rollout_ref.rollout)

        def respond(length: int, **sampling: Any) -> list[int]:
            server = TransformersServer(rollout, config.actor_rollout_ref.model, 0)
            request = server.generate([7] * length, {"ignore_eos": True, **sampling}, "request")
            return list(asyncio.run(request).token_ids)

        return respond

    return start


@pytest.mark.parametrize(
    ("prompt", "limit", "tokens"),
    [(90, {}, 48), (100, {}, 48), (130, {}, 18), (10, {"max_tokens": 5}, 5)],
)
def test_a_response_gets_the_room_that_its_prompt_leaves(
    serve: Serve, prompt: int, limit: dict[str, int], tokens: int
) -> None:
    assert len(serve()(prompt, **limit)) == tokens


def test_the_models_context_counts_too(serve: Serve) -> None:
    respond = serve("actor_rollout_ref.rollout.max_model_len=64")
    assert len(respond(60)) == 4
    with pytest.raises(ValueError, match=r"prompt of 64 tokens.*rollout\.max_model_len"):
        respond(64)


@pytest.mark.parametrize("prompt", [148, 1000])
def test_a_prompt_that_leaves_no_room_is_refused_by_its_length(serve: Serve, prompt: int) -> None:
    with pytest.raises(ValueError, match=rf"prompt of {prompt} tokens.*raise data\.max_prompt_len"):
        serve()(prompt)


def test_a_greedy_validation_does_not_change_what_the_next_step_draws(
    composed: Callable[..., Any],
) -> None:
    """A run that was resumed behind a validation has not made it, and draws all the same."""
    model = f"actor_rollout_ref.model.path={MODEL}"
    config = composed("+egpo=paper", "+machine=cpu", model, "data.max_response_length=24")
    rollout = omega_conf_to_dataclass(config.actor_rollout_ref.rollout)

    async def sampled(greedy_first: bool) -> list[int]:
        server = TransformersServer(rollout, config.actor_rollout_ref.model, 0)
        if greedy_first:
            await server.generate([7, 8, 9], {"temperature": 0, "ignore_eos": True}, "validation")
        drawn = await server.generate([7, 8, 9], {"temperature": 1.5, "ignore_eos": True}, "train")
        return list(drawn.token_ids)

    assert asyncio.run(sampled(True)) == asyncio.run(sampled(False))


@pytest.fixture
def server(composed: Callable[..., Any]) -> TransformersServer:
    """Two requests a batch, responses of 16 tokens."""
    config = composed(
        "+egpo=paper",
        "+machine=cpu",
        f"actor_rollout_ref.model.path={MODEL}",
        "data.max_prompt_length=100",
        "data.max_response_length=16",
        "actor_rollout_ref.rollout.max_num_seqs=2",
    )
    rollout = omega_conf_to_dataclass(config.actor_rollout_ref.rollout)
    return TransformersServer(rollout, config.actor_rollout_ref.model, 0)


def test_a_long_prompt_that_came_first_is_not_passed_over(server: TransformersServer) -> None:
    answered: list[int] = []

    async def ask(length: int) -> None:
        await server.generate([7] * length, {"ignore_eos": True}, "request")
        answered.append(length)

    async def all_at_once() -> None:
        await asyncio.gather(*(ask(length) for length in (90, 10, 11, 12, 13, 14)))

    asyncio.run(all_at_once())
    assert sorted(answered) == [10, 11, 12, 13, 14, 90]
    assert 90 in answered[:2]


def test_each_request_gets_its_own_settings(server: TransformersServer) -> None:
    limits = [3, 9, 3, 5, 9]

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(
            *(
                server.generate([7] * 5, {"ignore_eos": True, "max_tokens": limit}, "request")
                for limit in limits
            )
        )

    assert [len(done.token_ids) for done in asyncio.run(all_at_once())] == limits


def test_a_cancelled_request_costs_no_other_its_answer(server: TransformersServer) -> None:
    async def one_leaves() -> Any:
        leaving, staying = (
            asyncio.create_task(server.generate([token] * 5, {"ignore_eos": True}, "request"))
            for token in (7, 8)
        )
        await asyncio.sleep(0)
        leaving.cancel()
        return await asyncio.wait_for(staying, 60)

    assert len(asyncio.run(one_leaves()).token_ids) == 16


def test_a_penalty_is_refused(serve: Serve) -> None:
    with pytest.raises(ValueError, match="repetition_penalty"):
        serve()(5, repetition_penalty=1.1)
