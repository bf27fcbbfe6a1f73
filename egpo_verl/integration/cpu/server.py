"""A rollout server in a Ray actor: gathers requests into batches for the sampler."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM, GenerationConfig
from verl.utils.config import omega_conf_to_dataclass
from verl.workers.rollout.replica import TokenOutput

from egpo_verl.integration.cpu.machine import usable_cores
from egpo_verl.sampling.attention import share_heads
from egpo_verl.sampling.draws import seed_of
from egpo_verl.sampling.sampler import Generated, Sampling, end_tokens, generate

# Requests of one training batch arrive one by one; a batch closes when none came for this long, or
# when it is full.
GATHER_SECONDS = 0.05


@dataclass
class Request:
    prompt_ids: list[int]
    seed: int
    sampling: Sampling
    answer: asyncio.Future[Generated]

    def settle(self, generated: Generated) -> None:
        """Answer it, unless who asked has been cancelled meanwhile."""
        if not self.answer.done():
            self.answer.set_result(generated)


class TransformersServer:
    """Serves token-in-token-out requests of verl's agent loop from a transformers model.

    Args:
        config: verl's RolloutConfig.
        model_config: verl's HFModelConfig, or the configuration node of one.
        replica_rank: number of this replica; part of the sampling seed.
        device: torch's name of where to sample.
    """

    def __init__(
        self, config: Any, model_config: Any, replica_rank: int, device: str = "cpu"
    ) -> None:
        torch.set_num_threads(usable_cores())
        self.config = config
        self.replica_rank = replica_rank
        model_config = omega_conf_to_dataclass(model_config)
        model = AutoModelForCausalLM.from_pretrained(
            model_config.local_path,
            dtype=getattr(torch, config.dtype),
            attn_implementation="sdpa",
            trust_remote_code=model_config.trust_remote_code,
        )
        self.model = model.to(device).eval()
        share_heads(self.model)
        self.eos_token_ids, self.pad_token_id = end_tokens(self.model, model_config.tokenizer)
        # Only what a request says may shape sampling, never defaults that ship with a model.
        self.model.generation_config = GenerationConfig()
        self.waiting: list[Request] = []
        self.serving: asyncio.Task[None] | None = None
        self.abort = threading.Event()
        self.resumed = asyncio.Event()
        self.resumed.set()
        self.busy = asyncio.Lock()
        self.global_steps: int | None = None
        self.requests_of_step: Counter[tuple[int, ...]] = Counter()

    async def generate(
        self,
        prompt_ids: list[int],
        sampling_params: dict[str, Any],
        request_id: str,
        image_data: Any = None,
        video_data: Any = None,
        **_: Any,
    ) -> TokenOutput:
        """Answer one prompt; requests that come together are sampled together."""
        if image_data is not None or video_data is not None:
            raise ValueError("The transformers rollout samples from text prompts only.")
        await self.resumed.wait()
        sampling = self._sampling(sampling_params, len(prompt_ids))
        answer: asyncio.Future[Generated] = asyncio.get_running_loop().create_future()
        # A greedy request draws nothing. If it counted, the step after a validation would draw
        # otherwise in a run that was resumed between the two.
        seed = self._seed(tuple(prompt_ids)) if sampling.temperature else 0
        self.waiting.append(Request(list(prompt_ids), seed, sampling, answer))
        if self.serving is None or self.serving.done():
            self.serving = asyncio.create_task(self._serve())
        done = await answer
        return TokenOutput(
            token_ids=done.token_ids,
            log_probs=done.log_probs,
            stop_reason="aborted" if done.aborted else "completed",
            extra_fields={"global_steps": self.global_steps},
        )

    async def update_weights(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Copy `weights` (names and shapes of the Hugging Face model) into the sampler.

        Raises:
            KeyError: a name that the model does not have.
        """
        async with self.busy:
            parameters = self.model.state_dict()
            for name, value in weights.items():
                if name not in parameters:
                    raise KeyError(f"The sampler's model has no parameter named {name}.")
                parameters[name].copy_(value)

    async def set_global_steps(self, global_steps: int) -> None:
        self.global_steps = global_steps
        self.requests_of_step.clear()

    async def abort_all_requests(self, reject_request: bool = False) -> None:
        """End running requests with what they have; new ones wait for `resume_generation`."""
        self.resumed.clear()
        self.abort.set()
        waiting, self.waiting = self.waiting, []
        for request in waiting:
            request.settle(Generated([], [], aborted=True))
        async with self.busy:
            self.abort.clear()

    async def resume_generation(self) -> None:
        self.resumed.set()

    async def wake_up(self, tags: list[str] | None = None) -> None:
        """Weights stay where they are: there is no device memory to give back."""

    async def sleep(self) -> None:
        """See `wake_up`."""

    async def clear_kv_cache(self) -> None:
        """Each batch has a cache of its own."""

    release_kv_cache = clear_kv_cache
    resume_kv_cache = clear_kv_cache
    start_profile = wake_up
    stop_profile = sleep

    async def _serve(self) -> None:
        while self.waiting:
            await self._gathered()
            async with self.busy:
                batch = self._next_batch()
                if not batch:
                    continue
                try:
                    done = await asyncio.to_thread(self._sample, batch)
                except Exception as error:
                    for request in batch:
                        if not request.answer.done():
                            request.answer.set_exception(error)
                    continue
            for request, generated in zip(batch, done, strict=True):
                request.settle(generated)

    async def _gathered(self) -> None:
        seen = -1
        while seen < len(self.waiting) < self.config.max_num_seqs:
            seen = len(self.waiting)
            await asyncio.sleep(GATHER_SECONDS)

    def _next_batch(self) -> list[Request]:
        """Requests with the settings of the first, that one among them. Prompts of like length and
        equal ones go together: there is less to pad, and an equal prompt is read once."""
        if not self.waiting:
            return []
        sampling = self.waiting[0].sampling
        same = [request for request in self.waiting if request.sampling == sampling]
        first, most = same[0], self.config.max_num_seqs
        same.sort(key=lambda request: (len(request.prompt_ids), request.prompt_ids))
        # Batches are cut at the same places whichever comes first, so that a run can be repeated.
        start = same.index(first) // most * most
        batch = same[start : start + most]
        chosen = {id(request) for request in batch}
        self.waiting = [request for request in self.waiting if id(request) not in chosen]
        return batch

    def _sample(self, batch: list[Request]) -> list[Generated]:
        return generate(
            self.model,
            [request.prompt_ids for request in batch],
            [request.seed for request in batch],
            batch[0].sampling,
            self.eos_token_ids,
            self.pad_token_id,
            self.abort,
        )

    def _seed(self, prompt_ids: tuple[int, ...]) -> int:
        """A seed for each request of each step: neither a pause in a run nor the order in which
        requests arrive changes what a group samples."""
        number = self.requests_of_step[prompt_ids]
        self.requests_of_step[prompt_ids] += 1
        return seed_of(self.config.seed, self.replica_rank, self.global_steps, prompt_ids, number)

    def _sampling(self, params: Mapping[str, Any], prompt_length: int) -> Sampling:
        room = self.config.prompt_length + self.config.response_length - prompt_length
        limit = self.config.max_model_len
        requested = params.get("max_tokens") or params.get("max_new_tokens")
        tokens = min(requested or self.config.response_length, room)
        if limit is not None:
            tokens = min(tokens, limit - prompt_length)
        if tokens < 1:
            raise ValueError(
                f"A prompt of {prompt_length} tokens leaves no room for a response: raise "
                "data.max_prompt_length or actor_rollout_ref.rollout.max_model_len."
            )
        if float(params.get("repetition_penalty", 1.0)) != 1:
            raise ValueError(
                "The transformers rollout samples from the policy as it is; repetition_penalty "
                "would make it another one. Leave it at 1."
            )
        return Sampling(
            max_tokens=tokens,
            temperature=float(params.get("temperature", 1.0)),
            top_p=float(params.get("top_p", 1.0)),
            top_k=int(params.get("top_k", -1)),
            ignore_eos=bool(params.get("ignore_eos", self.config.ignore_eos)),
        )
