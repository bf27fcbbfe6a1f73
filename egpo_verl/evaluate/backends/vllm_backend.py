"""Generation by vLLM in this process: for a GPU."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from typing import Any

from egpo_verl.errors import UserError
from egpo_verl.evaluate.backends import CUT_OFF, TOO_LONG
from egpo_verl.evaluate.backends.local import Asking, LocalBackend
from egpo_verl.evaluate.backends.templating import Templated, templated
from egpo_verl.evaluate.chat import Chat
from egpo_verl.evaluate.model import resolve

BATCH_SIZE = 512
"""Prompts given to vLLM together: it keeps the GPU busy, and a kill loses no more than these."""


def open_vllm(args: argparse.Namespace) -> VllmBackend:
    """Load the model that `args` name; UserError where vLLM is not there."""
    try:
        vllm = import_module("vllm")
    except ImportError as error:
        raise UserError(
            "--backend vllm needs vLLM; install it with `pip install 'egpo-verl[gpu]'`."
        ) from error
    model = resolve(args.model, args.output_dir / "merged")
    llm = vllm.LLM(model=model.source, dtype=args.dtype, seed=args.seed, max_model_len=args.context)
    asking = Asking(
        model=model,
        dtype=args.dtype,
        temperature=args.temperature,
        max_tokens=args.max_tokens,
        context=int(llm.llm_engine.model_config.max_model_len),
        seed=args.seed,
    )
    return VllmBackend(asking, args.batch_size or BATCH_SIZE, vllm, llm)


@dataclass
class VllmBackend(LocalBackend):
    """vLLM's offline `LLM`, given tokens, so that the template is applied as everywhere here."""

    vllm: Any
    llm: Any
    name: str = "vllm"

    def settings(self) -> dict[str, Any]:
        template = self.llm.get_tokenizer().chat_template
        return self.asking.settings(self.name, self.vllm.__version__, template)

    def generate(self, chats: Iterable[Chat], sample: int = 0) -> Iterator[tuple[str, str]]:
        tokenizer = self.llm.get_tokenizer()
        prompts = (templated(tokenizer, chat) for chat in chats)
        fitting: list[Templated] = []
        for prompt in prompts:
            if len(prompt.token_ids) < self.asking.context:
                fitting.append(prompt)
            else:
                self.notes[prompt.key] = TOO_LONG
                yield prompt.key, ""
        rest = iter(fitting)
        while some := list(islice(rest, self.batch_size)):
            yield from self._batch(some, sample)

    def _batch(self, prompts: list[Templated], sample: int) -> Iterator[tuple[str, str]]:
        sampling = self.vllm.SamplingParams(
            temperature=self.asking.temperature,
            max_tokens=self.asking.max_tokens,
            seed=self.asking.seed + sample,
        )
        inputs = [{"prompt_token_ids": list(prompt.token_ids)} for prompt in prompts]
        answers = self.llm.generate(inputs, sampling, use_tqdm=False)
        for prompt, answer in zip(prompts, answers, strict=True):
            output = answer.outputs[0]
            if output.finish_reason == "length":
                self.notes[prompt.key] = CUT_OFF
            yield prompt.key, prompt.opened + output.text
