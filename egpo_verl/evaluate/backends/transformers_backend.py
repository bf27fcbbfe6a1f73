"""Generation by transformers, in batches: for a machine without vLLM, or without a GPU."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from egpo_verl import hub
from egpo_verl.errors import UserError
from egpo_verl.evaluate.backends import CUT_OFF, TOO_LONG
from egpo_verl.evaluate.backends.local import Asking, LocalBackend
from egpo_verl.evaluate.backends.templating import Templated, templated
from egpo_verl.evaluate.chat import Chat
from egpo_verl.evaluate.model import resolve

BATCH_SIZE = 8
UNBOUNDED = 1 << 30
"""Context of a model that states none."""


def open_transformers(args: argparse.Namespace) -> TransformersBackend:
    """Load the model that `args` name; UserError where it does not load."""
    try:
        import torch
        import transformers

        from egpo_verl.sampling.attention import share_heads
    except ImportError as error:
        raise UserError(
            f"generation needs {error.name}; install it with `pip install 'egpo-verl[cpu]'`, or "
            "use an endpoint that runs already: --base_url URL."
        ) from error
    model = resolve(args.model, args.output_dir / "merged")
    device = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    dtype = args.dtype if args.dtype != "auto" else ("float32" if device == "cpu" else "bfloat16")
    try:
        tokenizer = hub.load(transformers.AutoTokenizer.from_pretrained, model.source)
        network = transformers.AutoModelForCausalLM.from_pretrained(
            model.source, dtype=getattr(torch, dtype)
        ).to(device)
    except (OSError, ValueError, AttributeError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(f"--model {args.model} does not load: {reason}") from error
    # Only where an answer ends is the model's to say; its folder's top_k, repetition penalty and
    # the like would else be mixed into our sampling.
    network.generation_config = transformers.GenerationConfig(
        eos_token_id=network.generation_config.eos_token_id
    )
    share_heads(network)
    asking = Asking(
        model=model,
        dtype=dtype,
        temperature=args.temperature,
        max_tokens=args.max_tokens,
        context=args.context or _longest(network),
        seed=args.seed,
    )
    return TransformersBackend(asking, args.batch_size or BATCH_SIZE, tokenizer, network.eval())


@dataclass
class TransformersBackend(LocalBackend):
    """The sampler of `sampling/` over prompts sorted by length.

    Attributes:
        tokenizer, network: transformers' own, loaded.
    """

    tokenizer: Any
    network: Any
    name: str = "transformers"

    def settings(self) -> dict[str, Any]:
        import transformers

        return self.asking.settings(
            self.name, transformers.__version__, self.tokenizer.chat_template
        )

    def generate(self, chats: Iterable[Chat], sample: int = 0) -> Iterator[tuple[str, str]]:
        prompts = sorted(
            (templated(self.tokenizer, chat) for chat in chats),
            key=lambda prompt: len(prompt.token_ids),
        )
        batch: list[Templated] = []
        for prompt in prompts:
            room = self.asking.context - len(prompt.token_ids)
            if room < 1:
                self.notes[prompt.key] = TOO_LONG
                yield prompt.key, ""
            elif room < self.asking.max_tokens:
                # Alone, so that its smaller room cuts off no other answer.
                yield from self._batch([prompt], room, sample)
            else:
                batch.append(prompt)
                if len(batch) == self.batch_size:
                    yield from self._batch(batch, self.asking.max_tokens, sample)
                    batch = []
        if batch:
            yield from self._batch(batch, self.asking.max_tokens, sample)

    def _batch(
        self, prompts: Sequence[Templated], room: int, sample: int
    ) -> Iterator[tuple[str, str]]:
        from egpo_verl.sampling.draws import seed_of
        from egpo_verl.sampling.sampler import Sampling, end_tokens, generate

        ends, pad = end_tokens(self.network, self.tokenizer)
        responses = generate(
            self.network,
            [prompt.token_ids for prompt in prompts],
            [seed_of(self.asking.seed, sample, prompt.key) for prompt in prompts],
            Sampling(room, temperature=self.asking.temperature),
            ends,
            pad,
        )
        for prompt, response in zip(prompts, responses, strict=True):
            tokens = response.token_ids
            if tokens[-1] in ends:
                tokens = tokens[:-1]
            else:
                self.notes[prompt.key] = CUT_OFF
            yield prompt.key, prompt.opened + self._text(tokens)

    def _text(self, tokens: list[int]) -> str:
        # Cleaning up would take spaces away inside string arguments.
        return str(self.tokenizer.decode(tokens, clean_up_tokenization_spaces=False))


def _longest(network: Any) -> int:
    longest = getattr(network.config, "max_position_embeddings", None)
    return int(longest) if longest else UNBOUNDED
