"""Ways to generate: vLLM, transformers, or an endpoint that runs already."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from egpo_verl.cli import count
from egpo_verl.errors import UserError
from egpo_verl.evaluate.chat import Chat

BACKENDS = ("vllm", "transformers", "endpoint")
TOO_LONG = "too long"
"""Note of a prompt that leaves no room in the model's context; its answer is empty."""
CUT_OFF = "cut off"
"""Note of an answer that reached the longest length."""


class Backend(Protocol):
    """Answers chats.

    Attributes:
        name: one of `BACKENDS`.
        batch_size: questions that it answers at a time.
        notes: key -> `TOO_LONG` or `CUT_OFF`, for answers of which that is true; whoever keeps the
            answer takes the note out, since another sample has the same key.
    """

    name: str
    batch_size: int
    notes: dict[str, str]

    def settings(self) -> dict[str, Any]:
        """All that an answer depends on: model, template, temperature, version, ... (JSON)."""

    def generate(self, chats: Iterable[Chat], sample: int = 0) -> Iterator[tuple[str, str]]:
        """Key and raw text of each answer, thought included, in any order.

        Where the chat template opens the thought in the prompt, the text begins with `<think>`,
        so that every response reads alike. `sample` numbers several answers to one question.
        """


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that every benchmark shares."""
    add = parser.add_argument_group("model and generation").add_argument
    add(
        "--model",
        required=True,
        metavar="DIR_OR_NAME",
        help="a Hugging Face folder, a verl checkpoint (.../global_step_N), a hub name, or the "
        "name at the endpoint",
    )
    add("--backend", choices=BACKENDS, help="(the first of them that is there)")
    add("--base_url", metavar="URL", help="of an OpenAI-compatible endpoint")
    add(
        "--api_key_env",
        default="OPENAI_API_KEY",
        metavar="NAME",
        help="environment variable with the endpoint's key (OPENAI_API_KEY); many need none",
    )
    add("--temperature", type=_temperature, default=0.0, help="of sampling; 0 is greedy (0)")
    add("--max_tokens", type=count, default=4096, help="longest answer, thought included (4096)")
    add(
        "--context",
        type=count,
        metavar="N",
        help="tokens of prompt and answer together (the model's own bound)",
    )
    add("-n", "--samples", type=count, default=1, help="answers to each question (1)")
    part = parser.add_mutually_exclusive_group().add_argument
    part("--limit", type=count, metavar="N", help="only the first N questions of each category")
    part("--draw", type=count, metavar="N", help="only N of each category, drawn by --seed")
    add("--batch_size", type=count, help="questions at a time (8; endpoint 64, vllm 512)")
    add("--dtype", default="auto", help="of the weights: auto, float32, bfloat16, float16 (auto)")
    add("--device", help="cpu, cuda, ... for transformers (cuda where there is one)")
    add("--seed", type=int, default=0, help="of sampling, and of --draw (0)")
    add("--output_dir", type=Path, required=True, metavar="DIR", help="answers, scores, tables")


def check(args: argparse.Namespace) -> None:
    """Raise UserError for options that contradict each other."""
    if args.samples > 1 and args.temperature == 0:
        raise UserError(
            "--samples above 1 needs a --temperature above 0: greedy answers are all the same."
        )
    if args.backend == "endpoint" and not args.base_url:
        raise UserError("--backend endpoint needs --base_url, such as http://localhost:8000/v1.")


def open_backend(args: argparse.Namespace) -> Backend:
    """The backend that `args` ask for, its model loaded; UserError where it cannot be had."""
    check(args)
    name = args.backend or default_backend(args)
    if name == "endpoint":
        from egpo_verl.evaluate.backends.endpoint import open_endpoint

        return open_endpoint(args)
    if name == "vllm":
        from egpo_verl.evaluate.backends.vllm_backend import open_vllm

        return open_vllm(args)
    from egpo_verl.evaluate.backends.transformers_backend import open_transformers

    return open_transformers(args)


def default_backend(args: argparse.Namespace) -> str:
    """An endpoint that is named; else vLLM where it and a GPU are there; else transformers."""
    if args.base_url:
        return "endpoint"
    return "vllm" if find_spec("vllm") and _has_gpu() else "transformers"


def _has_gpu() -> bool:
    import torch  # seconds to import, and only asked where vllm is there

    return torch.cuda.is_available()


def _temperature(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 10:
        raise argparse.ArgumentTypeError(f"{text!r} is not a temperature from 0 to 10")
    return value
