"""A training step's answers token by token, for `python -m egpo_verl.inspect`.

Where verl writes its rollouts (`trainer.rollout_data_dir`), the hook writes
`<rollout_data_dir>/egpo/<step>.parquet` beside them: one row an answer, with the text and the
entropy of every token, which tokens are thought, and what EGPO made of them. A step of several
updates (`separate_async`) has one file each, `<step>-<update>.parquet`. A file is there whole or
not at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from egpo_verl.advantage.options import EgpoOptions
from egpo_verl.cli import write_file_aside
from egpo_verl.inspect.schema import FOLDER, OPTIONS, SCHEMA

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

    from egpo_verl.advantage import EgpoAdvantage

NESTED = ("responses", "response_mask", "rm_scores")
"""Fields of verl's TransferQueue, a tensor of its own length for each row."""
LISTED = ("raw_prompt", "reward_model", "data_source", "ability", "extra_info", "extra_fields")
"""Fields that hold objects; a data set may lack any of them."""
ENTROPY_DIGITS = 3
"""Of a token, in nats: few distinct values, which parquet packs into less than two bytes each."""
NOT_TEXT = "\ufffd"
MOST_PIECES = 16
"""Tokens that are taken together in search of a whole text; only bytes that are none need more."""


def dump(
    trainer: Any,
    batch: Any,
    entropy: torch.Tensor,
    thought: torch.Tensor,
    advantage: EgpoAdvantage,
) -> None:
    """Write the step with verl's own dump thread; an error there ends the run, as in verl's dump.

    Args:
        trainer: verl's v1 `PPOTrainer`.
        batch: its `KVBatchMeta`.
        entropy: (bs, len) float, nats.
        thought: (bs, len) bool.
        advantage: what EGPO computed for the batch.
    """
    import transfer_queue as tq

    rows = tq.kv_batch_get(
        keys=batch.keys, partition_id=batch.partition_id, select_fields=[*NESTED, *LISTED]
    )
    there = set(rows.keys())
    columns = {name: rows[name] for name in NESTED}
    columns |= {name: list(rows[name]) for name in LISTED if name in there}
    answers = answers_table(
        trainer.global_steps, batch.keys, columns, entropy, thought, advantage, trainer.tokenizer
    )
    options = EgpoOptions.from_mapping(trainer.config.algorithm.get("egpo"))
    answers = answers.replace_schema_metadata({OPTIONS: json.dumps(asdict(options))})
    update = trainer.local_trigger_step
    name = f"{trainer.global_steps}-{update}" if update else f"{trainer.global_steps}"
    path = Path(trainer.config.trainer.rollout_data_dir, FOLDER, f"{name}.parquet")
    trainer._dump_futures.append(trainer._dump_executor.submit(write, answers, path))


def write(answers: pa.Table, path: Path) -> None:
    """Write the file whole; UserError where it cannot be written."""
    with write_file_aside(path) as part:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(answers, part, compression="zstd")


def answers_table(
    step: int,
    keys: Sequence[str],
    columns: Mapping[str, Any],
    entropy: torch.Tensor,
    thought: torch.Tensor,
    advantage: EgpoAdvantage,
    tokenizer: PreTrainedTokenizerBase,
) -> pa.Table:
    """The rows of `SCHEMA` for a batch, without verl's padding rows.

    Args:
        step: of the training.
        keys: (bs,) verl's keys.
        columns: by name, `NESTED` as nested tensors and `LISTED` as lists of bs objects.
        entropy, thought, advantage: as for `dump`.
        tokenizer: the policy's.
    """
    generated = columns["response_mask"].to_padded_tensor(0).bool().numpy()
    kept = np.flatnonzero(generated.any(axis=1))
    # To index a nested tensor unbinds all of it, so it is unbound once.
    ids, scores = columns["responses"].unbind(), columns["rm_scores"].unbind()
    responses = [ids[row].tolist() for row in kept.tolist()]
    offsets = pa.array(np.cumsum([0, *map(len, responses)]), pa.int32())
    lengths = columns["responses"].offsets().diff().numpy()
    valid = np.arange(generated.shape[1]) < lengths[kept, np.newaxis]

    def per_token(values: np.ndarray) -> pa.ListArray:
        return pa.ListArray.from_arrays(offsets, pa.array(values[kept][valid]))

    def per_row(name: str) -> list[Any]:
        found = columns.get(name)
        return [None] * len(kept) if found is None else [found[row] for row in kept.tolist()]

    def numbers(values: torch.Tensor) -> pa.Array:
        return pa.array(values.numpy()[kept])

    rewards = [(fields or {}).get("reward_extra_info") or {} for fields in per_row("extra_fields")]
    truths = [(model or {}).get("ground_truth") for model in per_row("reward_model")]
    return pa.table(
        {
            "step": [step] * len(kept),
            "key": [keys[row] for row in kept.tolist()],
            "data_source": per_row("data_source"),
            "ability": per_row("ability"),
            "prompt": [as_json(messages) for messages in per_row("raw_prompt")],
            "response": tokenizer.batch_decode(responses, skip_special_tokens=True),
            "ground_truth": [t if t is None or isinstance(t, str) else as_json(t) for t in truths],
            "extra_info": [as_json(info or {}) for info in per_row("extra_info")],
            "reward": [as_json(reward) for reward in rewards],
            "score": [float(scores[row].sum()) for row in kept.tolist()],
            "base": numbers(advantage.base),
            "entropy": numbers(advantage.entropy),
            "bonus": numbers(advantage.bonus),
            "clipped": numbers(advantage.clipped),
            "cot_tokens": numbers(advantage.cot_tokens),
            "tokens": pa.ListArray.from_arrays(offsets, token_texts(tokenizer, responses)),
            "token_entropy": per_token(entropy.float().numpy().round(ENTROPY_DIGITS)),
            "thought": per_token(thought.numpy()),
            "generated": per_token(generated),
        },
        schema=SCHEMA,
    )


def token_texts(tokenizer: PreTrainedTokenizerBase, rows: Sequence[Sequence[int]]) -> pa.Array:
    """The text of every token, one row after the other: (tokens,) strings.

    Where characters are cut across tokens, the last of these has them and the others are empty.
    """
    flat = np.fromiter((token for row in rows for token in row), dtype=np.int64)
    ids, places = np.unique(flat, return_inverse=True)
    decode = _decoder(tokenizer)
    texts = [decode((token,)) for token in ids.tolist()]
    pieces = np.array([_is_piece(text) for text in texts], dtype=bool)
    cut = np.flatnonzero(pieces[places])
    ends = {end - 1 for end in np.cumsum([len(row) for row in rows]).tolist()}
    empty, held = len(texts), list[int]()
    texts.append("")
    for place in cut.tolist():
        held.append(place)
        text = decode(tuple(flat[held].tolist()))
        follows = pieces[places[place + 1]] if place + 1 < len(flat) else False
        if _is_piece(text) and follows and place not in ends and len(held) < MOST_PIECES:
            continue
        places[held] = empty
        places[place] = len(texts)
        texts.append(text)
        held = []
    return pa.array(texts, pa.string()).take(pa.array(places))


def _is_piece(text: str) -> bool:
    """Of a character: decoders write U+FFFD for it, or nothing."""
    return not text or NOT_TEXT in text


def _decoder(tokenizer: PreTrainedTokenizerBase) -> Callable[[tuple[int, ...]], str]:
    """Gives the text of ids where they do not begin a sequence: there, some drop a space."""
    anchor = tokenizer("a", add_special_tokens=False)["input_ids"][-1:]

    def whole(ids: Sequence[int]) -> str:
        text: str = tokenizer.decode(
            ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text

    start = len(whole(anchor))
    return lru_cache(maxsize=None)(lambda ids: whole([*anchor, *ids])[start:])


def as_json(value: Any) -> str:
    """JSON text of what verl hands around; arrays become lists, anything else its `str`."""
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)
