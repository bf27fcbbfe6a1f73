"""verl's agent loop for live episodes, `egpo_env` in its registry (verl 0.9.1's v1 trainer).

One output for each message of the policy: its prompt is rendered anew, earlier thoughts are gone,
and a prompt that no longer fits ends the episode where verl would cut its head off. The reward is
set on every output, so verl's reward loop is not asked. Rows without `extra_info.env` are answered
by verl's single turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from verl.experimental.agent_loop.agent_loop import AgentLoopMetrics, AgentLoopOutput
from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop
from verl.utils.profiler import simple_timer

from egpo_verl.calls.thought import left_open
from egpo_verl.envs.history import History
from egpo_verl.envs.play import EPISODE_COUNTS, Message, Outcome, play
from egpo_verl.envs.script import Script
from egpo_verl.envs.settings import Settings
from egpo_verl.envs.shared import Shared
from egpo_verl.envs.world import WorldError
from egpo_verl.errors import UserError
from egpo_verl.inspect.schema import EPISODE

PROMPT_END = 64
"""Tokens at a prompt's end that tell whether its template opens the thought."""
V1_ONLY = (
    "live episodes need verl's v1 trainer, since the legacy one takes one output a rollout: "
    "set trainer.use_v1=True."
)
_shared = Shared()


class EnvLoop(SingleTurnAgentLoop):
    """Plays the episode of a row; verl makes one for each rollout."""

    async def run(self, sampling_params: dict[str, Any], priority: int = 0, **kwargs: Any) -> Any:
        """The outputs of a rollout, one for each message of the policy."""
        info = kwargs.get("extra_info") or {}
        text = info.get("env")
        if not text:
            return await super().run(sampling_params, priority=priority, **kwargs)
        if not self.config.trainer.get("use_v1", False):
            raise RuntimeError(V1_ONLY)
        try:
            return await self._episode(text, info, sampling_params, int(priority))
        except (UserError, WorldError) as error:
            place = f"row {info.get('index')} of {kwargs.get('data_source')}"
            raise RuntimeError(f"{place}: {error}") from error

    async def _episode(
        self, text: str, info: Mapping[str, Any], sampling_params: dict[str, Any], priority: int
    ) -> list[AgentLoopOutput]:
        script, settings = Script.from_json(text), Settings.of(self.config.get("env"))
        worlds = await _shared.worlds(script, settings)
        replay = await _shared.replay(text, script, worlds)
        request = _request_id(self.rollout_config, priority)
        # Equal limits let the requests of a batch be sampled together.
        sampling = {**sampling_params, "max_tokens": self.response_length}
        outputs: list[AgentLoopOutput] = []

        async def policy(messages: list[dict[str, str]]) -> Message:
            prompt_ids = await self._rendered(messages)
            if len(prompt_ids) > self.prompt_length:
                if not outputs:
                    raise UserError(
                        f"the first prompt has {len(prompt_ids)} tokens: raise "
                        f"data.max_prompt_length={self.prompt_length}, or leave such rows out."
                    )
                return Message(no_room=True)
            output = await self._sampled(prompt_ids, request, sampling, priority)
            outputs.append(output)
            end = self.tokenizer.decode(output.prompt_ids[-PROMPT_END:])
            text = self.tokenizer.decode(output.response_ids, skip_special_tokens=True)
            return Message(text, left_open(end))

        form = info.get("call_form") or "python"
        history = History() if _is_recorded(self.config) else None
        outcome = await play(script, worlds, policy, replay, settings.rules, form, history)
        if history:
            outputs[-1].extra_fields[EPISODE] = history.data
        return _scored(outputs, outcome)

    async def _rendered(self, messages: list[dict[str, str]]) -> list[int]:
        """The token ids of a prompt, whole."""
        builder = self.continuous_token_builder
        ids: list[int] = await self.loop.run_in_executor(
            None, lambda: builder.build_initial_tokens(messages)
        )
        return ids

    async def _sampled(
        self, prompt_ids: list[int], request: str, sampling: dict[str, Any], priority: int
    ) -> AgentLoopOutput:
        """One message, as verl's single turn samples it."""
        metrics: dict[str, Any] = {}
        with simple_timer("generate_sequences", metrics):
            sampled = await self.server_manager.generate(
                request_id=request,
                prompt_ids=prompt_ids,
                sampling_params=dict(sampling),
                priority=priority,
            )
        if sampled.num_preempted is not None:
            metrics["num_preempted"] = sampled.num_preempted
        log_probs = sampled.log_probs or None
        merged, mask, logs = await self.ct_merge_assistant_token(
            prompt_ids,
            sampled.token_ids,
            [],
            [] if log_probs else None,
            assistant_logprobs=log_probs,
        )
        start = len(merged.token_ids) - len(mask)
        longest = self.response_length
        experts = sampled.routed_experts
        return AgentLoopOutput(
            prompt_ids=merged.token_ids[:start],
            response_ids=merged.token_ids[start:][:longest],
            response_mask=mask[:longest],
            response_logprobs=logs[:longest] if logs else None,
            routed_experts=None if experts is None else experts[: start + longest],
            multi_modal_data={},
            metrics=AgentLoopMetrics(**metrics),
            extra_fields={**sampled.extra_fields, "turn_scores": [], "tool_rewards": []},
        )


def _is_recorded(config: Any) -> bool:
    """Whether the training records rollouts for `egpo_verl.inspect`."""
    return bool((config.algorithm.get("egpo") or {}).get("record_dir"))


def _request_id(rollout_config: Any, priority: int) -> str:
    """One for all messages, so that they go to the server that has their beginning cached."""
    if getattr(rollout_config, "full_determinism", False):
        return f"det-{priority}"
    return uuid4().hex


def _scored(outputs: list[AgentLoopOutput], outcome: Outcome) -> list[AgentLoopOutput]:
    """The outputs with what their rollout earned."""
    for output in outputs:
        output.reward_score = float(outcome.score["score"])
        output.num_turns = len(outcome.dialogue)
        output.extra_fields["reward_extra_info"] = dict(outcome.score)
        output.extra_fields[EPISODE_COUNTS] = outcome.episode_counts
    outputs[-1].metrics.tool_calls = outcome.tool_seconds
    return outputs
