"""How a model that this process has loaded is asked: the same for vLLM and transformers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from egpo_verl.evaluate.model import Model


@dataclass(frozen=True)
class Asking:
    """A loaded model, and how its answers are drawn.

    Attributes:
        dtype: of the weights.
        temperature: 0 is greedy.
        max_tokens: longest answer.
        context: tokens of prompt and answer together.
    """

    model: Model
    dtype: str
    temperature: float
    max_tokens: int
    context: int
    seed: int

    def settings(self, backend: str, version: str, chat_template: object) -> dict[str, Any]:
        """All that an answer depends on (`Backend.settings`)."""
        return {
            "backend": backend,
            "version": version,
            "model": self.model.label,
            "weights": self.model.digest or self.model.source,
            "template": hashlib.sha256(str(chat_template).encode()).hexdigest()[:12],
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "dtype": self.dtype,
            "context": self.context,
            "seed": self.seed,
        }


@dataclass
class LocalBackend:
    """What the backends that load a model share (`Backend`).

    Attributes:
        batch_size: prompts at a time.
    """

    asking: Asking
    batch_size: int
    notes: dict[str, str] = field(default_factory=dict, init=False)
