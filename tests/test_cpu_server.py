"""What a sampling server on the CPU makes of a request's limits."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from egpo_verl.integration.cpu.server import TransformersServer


@pytest.fixture
def server() -> TransformersServer:
    """The server of a rollout with prompts of 100 and responses of 48 tokens, without a model."""
    bare = TransformersServer.__new__(TransformersServer)
    bare.config = SimpleNamespace(
        prompt_length=100, response_length=48, max_model_len=None, ignore_eos=False
    )
    return bare


@pytest.mark.parametrize(
    ("prompt", "asked", "tokens"),
    [(90, {}, 48), (100, {}, 48), (130, {}, 18), (10, {"max_tokens": 5}, 5)],
)
def test_a_response_gets_the_room_that_its_prompt_leaves(
    server: TransformersServer, prompt: int, asked: dict[str, int], tokens: int
) -> None:
    assert server._sampling(asked, prompt).max_tokens == tokens


@pytest.mark.parametrize("prompt", [148, 1000])
def test_a_prompt_that_leaves_no_room_is_refused_by_its_length(
    server: TransformersServer, prompt: int
) -> None:
    with pytest.raises(ValueError, match=rf"prompt of {prompt} tokens.*raise data\.max_prompt_len"):
        server._sampling({}, prompt)


def test_the_models_own_limit_counts_too(server: TransformersServer) -> None:
    server.config.max_model_len = 64
    assert server._sampling({}, 60).max_tokens == 4
    with pytest.raises(ValueError, match=r"prompt of 64 tokens.*rollout\.max_model_len"):
        server._sampling({}, 64)
