"""vLLM as the evaluation's backend, beside transformers. Skips where vLLM finds no device.

    python -m pytest tests/gpu/test_gpu_evaluation.py -q

vLLM's build for the CPU will do.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

import pytest

from egpo_verl.evaluate.backends import add_arguments, open_backend
from egpo_verl.evaluate.chat import Chat

MODEL = Path(__file__).parents[2] / "egpo_verl" / "toolworld" / "model"


def device() -> str:
    """What vLLM would run on; nothing where it is not installed."""
    if importlib.util.find_spec("vllm") is None:
        return ""
    from vllm.platforms import current_platform

    return str(current_platform.device_type)


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not device(), reason="no vLLM with a device here"),
]


def answered(backend: str, chats: list[Chat], folder: Path) -> tuple[dict[str, str], list[str]]:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = ["--model", str(MODEL), "--backend", backend, "--output_dir", str(folder)]
    words += ["--dtype", "float32", "--max_tokens", "100", "--context", "512"]
    opened = open_backend(parser.parse_args(words))
    return dict(opened.generate(chats)), sorted(opened.notes)


def test_vllm_answers_what_transformers_answers(tmp_path: Path) -> None:
    questions = [f"Book {n} seats to Oslo and tell me the weather there." for n in range(2, 30)]
    questions.append("far too long " * 400)
    chats = [
        Chat(str(n), ({"role": "user", "content": words},)) for n, words in enumerate(questions)
    ]
    texts, notes = answered("vllm", chats, tmp_path)
    assert len(set(texts.values())) > 1
    assert str(len(chats) - 1) in notes
    assert (texts, notes) == answered("transformers", chats, tmp_path)
