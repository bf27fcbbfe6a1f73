"""The whole of verl's `_compute_advantage`, transfer included: EGPO beside `grpo` in one run.

    python benchmarks/advantage_stage.py --whole              # 1,024 x 8 responses of 2,048 tokens
    python benchmarks/advantage_transfer.py --length 8192 --record  # and what a record adds

verl's own v1 trainer, a real TransferQueue in a Ray actor of its own, rows as `advantage_stage.py`
makes them. The estimators take turns on the same rows; the median turn of each counts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import ray
import torch
import transfer_queue as tq
from advantage_stage import GROUP, make_batch, make_tokenizer
from hydra import compose, initialize_config_module
from rich.console import Console
from rich.table import Table
from tensordict import NonTensorStack, TensorDict
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync

from egpo_verl.integration import record

PROMPT = 512
RECORD = "choosing, copying and handing over the record"
Spent = dict[str, list[float]]


def composed(rows: int, *overrides: str) -> Any:
    """verl's configuration as `main_ppo` composes it."""
    sizes = [f"data.train_batch_size={rows // GROUP}", f"actor_rollout_ref.rollout.n={GROUP}"]
    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose("ppo_trainer", overrides=["+egpo=paper", "+machine=cpu", *sizes, *overrides])


def trainer(tokenizer: Any, config: Any) -> PPOTrainerSync:
    """verl's own trainer with what this method reads, and neither model nor workers."""
    this = object.__new__(PPOTrainerSync)
    this.config, this.tokenizer = config, tokenizer
    this.global_steps, this.total_training_steps = 1, 10
    this.local_trigger_step, this.parameter_sync_step = 0, 1
    return this


def fill(tokenizer: Any, rows: int, length: int) -> Any:
    """Put what rollouts and old log probs leave for `rows` responses; verl's `KVBatchMeta`."""
    ids, mask = make_batch(tokenizer, rows, length)
    draw = torch.Generator().manual_seed(1)
    lengths = mask.sum(dim=1).tolist()
    part = 1024
    batch: Any = None
    for top in range(0, rows, part):
        chunk = range(top, min(top + part, rows))

        def nested(values: list[torch.Tensor]) -> torch.Tensor:
            return torch.nested.as_nested_tensor(values, layout=torch.jagged)

        def of_floats(chunk: range = chunk) -> torch.Tensor:
            return nested([torch.rand(lengths[row], generator=draw) for row in chunk])

        rewards = [torch.zeros(lengths[row]) for row in chunk]
        for row, reward in zip(chunk, rewards, strict=True):
            reward[-1] = float(row % 3 == 0)
        question = [torch.randint(100, 1000, (PROMPT,), generator=draw) for _ in chunk]
        prompts = [question[(row - top) // GROUP * GROUP] for row in chunk]
        fields = {
            "uid": NonTensorStack(*[f"uid{row // GROUP}" for row in chunk]),
            "prompts": nested(prompts),
            "responses": nested([ids[row, : lengths[row]] for row in chunk]),
            "response_mask": nested([mask[row, : lengths[row]] for row in chunk]),
            "rm_scores": nested(rewards),
            **{
                name: of_floats()
                for name in ("old_log_probs", "rollout_log_probs", "ref_log_prob", "entropy")
            },
            "data_source": NonTensorStack(*["made"] * len(chunk)),
            "extra_info": NonTensorStack(*[{"index": row} for row in chunk]),
            "raw_prompt": NonTensorStack(*[[{"role": "user", "content": "q"}] for _ in chunk]),
            "reward_model": NonTensorStack(*[{"ground_truth": "[]"} for _ in chunk]),
            "extra_fields": NonTensorStack(
                *[{"reward_extra_info": {"score": 1.0, "acc": 1.0, "reason": 0}} for _ in chunk]
            ),
        }
        meta = tq.kv_batch_put(
            keys=[f"uid{row // GROUP}_{row % GROUP}_0" for row in chunk],
            partition_id="train",
            fields=TensorDict(fields, batch_size=len(chunk)),
            tags=[{} for _ in chunk],
        )
        if batch is None:
            batch = meta
        else:
            batch.keys.extend(meta.keys)
            batch.tags.extend(meta.tags)
    return batch


@contextmanager
def watched() -> Iterator[tuple[Spent, dict[str, int]]]:
    """Seconds and bytes of what the driver fetches, by fields."""
    get, spent, received = tq.kv_batch_get, defaultdict(list), defaultdict(int)

    def timed(**arguments: Any) -> Any:
        start = time.perf_counter()
        data = get(**arguments)
        name = ", ".join(arguments.get("select_fields") or ["all"])
        spent[name].append(time.perf_counter() - start)
        for value in data.values():
            if isinstance(value, torch.Tensor):
                values = value.values() if value.is_nested else value
                received[name] += values.numel() * values.element_size()
        return data

    def chosen(*arguments: Any) -> Any:
        start = time.perf_counter()
        rows = choose(*arguments)
        spent[RECORD].append(time.perf_counter() - start)
        return rows

    def saved(*arguments: Any) -> None:
        start = time.perf_counter()
        save(*arguments)
        spent[RECORD].append(time.perf_counter() - start)

    choose, save = record.whole_groups, record.save
    tq.kv_batch_get, record.whole_groups, record.save = timed, chosen, saved
    try:
        yield spent, received
    finally:
        tq.kv_batch_get, record.whole_groups, record.save = get, choose, save


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=1024, help=f"of {GROUP} responses each")
    parser.add_argument("--length", type=int, default=2048, help="tokens of the longest response")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--record", action="store_true", help="also EGPO with a record of 8 groups")
    arguments = parser.parse_args(argv)
    rows = arguments.prompts * GROUP
    tokenizer = make_tokenizer()
    ray.init(address="local", num_cpus=4, include_dashboard=False, log_to_driver=False)
    tq.init(composed(rows).transfer_queue)
    batch = fill(tokenizer, rows, arguments.length)
    tokens = (
        tq.kv_batch_get(keys=batch.keys, partition_id="train", select_fields=["entropy"])["entropy"]
        .values()
        .numel()
    )
    with tempfile.TemporaryDirectory() as folder:
        arms = {"grpo": ["algorithm.adv_estimator=grpo"], "egpo": []}
        if arguments.record:
            arms["egpo, recorded"] = [f"+algorithm.egpo.record_dir={folder}"]
        trainers = {name: trainer(tokenizer, composed(rows, *arms[name])) for name in arms}
        times: Spent = defaultdict(list)
        fetched: dict[str, tuple[Spent, dict[str, int]]] = {}
        for turn in range(arguments.turns + 1):
            for name, this in trainers.items():
                this.global_steps = turn
                with watched() as parts:
                    start = time.perf_counter()
                    this._compute_advantage(batch, {})
                    if turn:
                        times[name].append(time.perf_counter() - start)
                fetched[name] = parts
        written = [file.stat().st_size for file in Path(folder).glob("*.parquet")]
    show(times, fetched, tokens, f"{arguments.prompts} x {GROUP} x {arguments.length}", written)
    tq.close()


def show(
    times: Spent,
    fetched: dict[str, tuple[Spent, dict[str, int]]],
    tokens: int,
    title: str,
    written: list[int],
) -> None:
    stock = median(times["grpo"])
    table = Table(title=f"_compute_advantage, {title} tokens at most, {tokens:,} response tokens")
    for heading in ("estimator", "s", "/ grpo", "fetching, s", "bytes a response token"):
        table.add_column(heading, justify="right")
    for name, seconds in times.items():
        spent, received = fetched[name]
        table.add_row(
            name,
            f"{median(seconds):.2f}",
            f"{median(seconds) / stock:.2f}",
            f"{sum(sum(s) for fields, s in spent.items() if fields != RECORD):.2f}",
            f"{sum(received.values()) / tokens:.2f}",
        )
    console = Console(width=120)
    console.print(table)
    for name, (spent, received) in fetched.items():
        for fields, seconds in spent.items():
            console.print(f"{name}: {fields}: {sum(seconds):.2f} s, {received[fields]:,} bytes")
    if written:
        console.print(f"records: {len(written)} files, {max(written):,} bytes the largest")


if __name__ == "__main__":
    main()
