"""Demonstrations for verl's SFT trainer, as the token ids that the rollout would see.

verl's dataset (verl/utils/dataset/multiturn_sft_dataset.py) renders every message alone, where
templates such as Qwen3's leave the thought out, and trains on each turn of the assistant, those of
the history too, which have no thought. Here the prompt is rendered as for a rollout, and only the
last message, the response, is trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor
from torch.utils.data import Dataset

from egpo_verl.calls.thought import THINK_OPEN, left_open

TRUNCATIONS = ("error", "left", "right")


class Demonstrations(Dataset[dict[str, Tensor]]):
    """`data.custom_cls` of verl's SFT trainer, for the files that `preprocess ... --sft` writes."""

    def __init__(
        self,
        parquet_files: str | Sequence[str],
        tokenizer: Any,
        config: Mapping[str, Any],
        processor: Any = None,
        max_samples: int = -1,
    ) -> None:
        """As verl calls it.

        Args:
            parquet_files: one or several paths.
            config: verl's `data`.
            processor: of images and sounds, which no row has.
            max_samples: rows to take, at random where `config.shuffle` says so; -1 for all.

        Raises:
            ValueError: verl is asked to pad, or to truncate in an unknown way; or the training
                files make no batch, and verl trains on whole batches alone.
        """
        if config.get("pad_mode", "no_padding") != "no_padding":
            raise ValueError("demonstrations are not padded: set data.pad_mode=no_padding")
        self._truncation = config.get("truncation", "error")
        if self._truncation not in TRUNCATIONS:
            raise ValueError(f"data.truncation must be one of {', '.join(TRUNCATIONS)}")
        self._longest = int(config.get("max_length", 1024))
        self._tokenizer = tokenizer
        self._template = dict(config.get("apply_chat_template_kwargs") or {})
        key = config.get("messages_key", "messages")
        files = [parquet_files] if isinstance(parquet_files, str) else list(parquet_files)
        self._dialogues: list[list[dict[str, str]]] = [
            messages
            for file in files
            for messages in pq.read_table(file, columns=[key]).column(key).to_pylist()
        ]
        if 0 < max_samples < len(self._dialogues):
            places = np.arange(max_samples)
            if config.get("shuffle", False):
                chooser = np.random.default_rng(config.get("seed"))
                places = chooser.choice(len(self._dialogues), max_samples, replace=False)
            self._dialogues = [self._dialogues[place] for place in places]
        batch = int(config.get("train_batch_size", 1))
        if parquet_files == config.get("train_files") and len(self._dialogues) < batch:
            raise ValueError(
                f"{len(self._dialogues)} demonstrations make no batch of data.train_batch_size="
                f"{batch}, so there is nothing to train on: lower it, or demonstrate more rows"
            )

    def __len__(self) -> int:
        return len(self._dialogues)

    def __getitem__(self, place: int) -> dict[str, Tensor]:
        """`input_ids`, `position_ids` and `loss_mask`, 1 at the tokens of the response."""
        prompt, response = self._encoded(self._dialogues[place])
        ids = torch.tensor([*prompt, *response])
        mask = torch.tensor([0] * len(prompt) + [1] * len(response))
        if len(ids) > self._longest:
            if self._truncation == "error":
                raise ValueError(
                    f"demonstration {place} has {len(ids)} tokens, data.max_length allows "
                    f"{self._longest}: raise it, or preprocess with a smaller --max_prompt_length"
                )
            window = (
                slice(-self._longest, None) if self._truncation == "left" else slice(self._longest)
            )
            ids, mask = ids[window], mask[window]
        return {"input_ids": ids, "position_ids": torch.arange(len(ids)), "loss_mask": mask}

    def _encoded(self, dialogue: Sequence[Mapping[str, str]]) -> tuple[list[int], list[int]]:
        """The prompt and the response with its end; a thought that the template opens is open."""
        text = self._tokenizer.apply_chat_template(
            dialogue[:-1], add_generation_prompt=True, tokenize=False, **self._template
        )
        response = dialogue[-1]["content"]
        if left_open(text):
            response = response.removeprefix(THINK_OPEN)
        prompt = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        answer = self._tokenizer(response, add_special_tokens=False)["input_ids"]
        return prompt, [*answer, self._tokenizer.eos_token_id]
