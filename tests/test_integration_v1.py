"""verl's v1 trainer with EGPO: its own `_compute_advantage`, over a real TransferQueue."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import ray
import torch
import transfer_queue as tq
from hydra import compose, initialize_config_module
from tensordict import NonTensorStack, TensorDict
from transformers import AutoTokenizer
from verl.trainer.ppo.v1 import trainer_base
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync

from egpo_verl.advantage import NotFinite, egpo
from egpo_verl.cot import cot_mask
from egpo_verl.inspect.files import read_sample

pytestmark = pytest.mark.slow

MODEL = Path(__file__).parents[1] / "egpo_verl" / "toolworld" / "model"
GROUPS, ROLLOUTS = 3, 4
TEXTS = (
    "<think>Paris, then</think>\n[weather(city='Paris')]",
    "<think>no",
    "the answer</think>[weather(city='Rome')]",
    "[weather(city='Paris')]",
)


@pytest.fixture(scope="module")
def queue() -> Iterator[None]:
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    tq.init(composed().transfer_queue)
    yield
    tq.close()
    ray.shutdown()


def composed(*overrides: str) -> Any:
    with initialize_config_module("verl.trainer.config", version_base=None):
        rows = [f"data.train_batch_size={GROUPS}", f"actor_rollout_ref.rollout.n={ROLLOUTS}"]
        groups = ["+egpo=paper", "+machine=cpu"]
        return compose("ppo_trainer", overrides=[*groups, *rows, *overrides])


def trainer(*overrides: str) -> PPOTrainerSync:
    """verl's trainer with what this method reads, and neither model nor workers."""
    self = object.__new__(PPOTrainerSync)
    self.config = composed(*overrides)
    self.tokenizer = AutoTokenizer.from_pretrained(MODEL)
    self.global_steps, self.total_training_steps = 1, 1
    self.local_trigger_step, self.parameter_sync_step = 0, 1
    return self


@pytest.fixture
def batch(queue: None, request: pytest.FixtureRequest) -> Iterator[tuple[Any, dict[str, Any]]]:
    """What the rollouts and the old-log-prob pass leave in the queue."""
    rows = content()
    partition = f"train-{request.node.name}"[:40]
    tags = [{"is_padding": False, "seq_len": 9} for _ in rows["keys"]]
    fields = TensorDict(rows["fields"], batch_size=len(rows["keys"]))
    meta = tq.kv_batch_put(keys=rows["keys"], partition_id=partition, fields=fields, tags=tags)
    yield meta, rows
    tq.kv_clear(keys=rows["keys"], partition_id=partition)


def content() -> dict[str, Any]:
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    random = torch.Generator().manual_seed(7)
    ids = [torch.tensor(tokenizer(text)["input_ids"]) for text in TEXTS] * GROUPS
    lengths = [len(row) for row in ids]
    scores = [torch.zeros(length) for length in lengths]
    for row, score in enumerate(scores):
        score[-1] = float(row % 3 == 0)
    prompts = [
        torch.tensor(tokenizer(f"question {g} <think>\n")["input_ids"]) for g in range(GROUPS)
    ]
    infos = [{"score": 1.0, "acc": row % 2, "reason": 7} for row in range(len(ids))]
    uids = [f"uid{group}" for group in range(GROUPS) for _ in range(ROLLOUTS)]

    def nested(rows: list[torch.Tensor]) -> torch.Tensor:
        return torch.nested.as_nested_tensor(rows, layout=torch.jagged)

    def of_floats() -> torch.Tensor:
        return nested([torch.rand(length, generator=random) for length in lengths])

    fields = {
        "uid": NonTensorStack(*uids),
        "prompts": nested([prompts[row // ROLLOUTS] for row in range(len(ids))]),
        "responses": nested(ids),
        "response_mask": nested([torch.ones(length, dtype=torch.int64) for length in lengths]),
        "rm_scores": nested(scores),
        "old_log_probs": of_floats(),
        "rollout_log_probs": of_floats(),
        "ref_log_prob": of_floats(),
        "entropy": of_floats(),
        "data_source": NonTensorStack(*["toolworld"] * len(ids)),
        "extra_info": NonTensorStack(*[{"index": row} for row in range(len(ids))]),
        "raw_prompt": NonTensorStack(*[[{"role": "user", "content": "hi"}]] * len(ids)),
        "reward_model": NonTensorStack(*[{"ground_truth": "[]"}] * len(ids)),
        "extra_fields": NonTensorStack(*[{"reward_extra_info": info} for info in infos]),
    }
    keys = [f"{uid}_{row % ROLLOUTS}_0" for row, uid in enumerate(uids)]
    return {"keys": keys, "fields": fields, "uids": uids, "tokenizer": tokenizer}


def expected(rows: dict[str, Any], config: Any) -> torch.Tensor:
    fields = rows["fields"]
    mask = fields["response_mask"].to_padded_tensor(0)
    thought = cot_mask(
        rows["tokenizer"], fields["responses"].to_padded_tensor(0), mask, fields["prompts"]
    )
    advantages, _ = egpo(
        fields["rm_scores"].to_padded_tensor(0.0),
        mask,
        np.array(rows["uids"], dtype=object),
        fields["entropy"].to_padded_tensor(0.0),
        thought,
        config=config.algorithm,
    )
    return advantages


def advantages(meta: Any) -> torch.Tensor:
    data = tq.kv_batch_get(
        keys=meta.keys, partition_id=meta.partition_id, select_fields=["advantages"]
    )
    return data["advantages"].to_padded_tensor(0.0)


def test_advantages_are_those_of_the_pure_function_and_metrics_are_logged(batch: Any) -> None:
    meta, rows = batch
    this, metrics = trainer(), dict[str, Any]()
    this._compute_advantage(meta, metrics)
    assert torch.equal(advantages(meta), expected(rows, this.config))
    assert metrics["egpo/cot_entropy"] > 0
    assert metrics["egpo/failed_rollouts"] == 0
    assert (metrics["reward/acc"], metrics["reward/reason_7"]) == (0.5, 1.0)


def test_grpo_gets_the_same_advantages_as_egpo_without_lambda_and_no_metrics(batch: Any) -> None:
    meta, _ = batch
    metrics: dict[str, Any] = {}
    trainer("algorithm.adv_estimator=grpo")._compute_advantage(meta, metrics)
    stock = advantages(meta)
    assert not [name for name in metrics if name.startswith(("egpo/", "reward/"))]
    trainer("algorithm.egpo.lam=0")._compute_advantage(meta, metrics)
    assert torch.equal(advantages(meta), stock)


def test_twelve_more_bytes_a_response_token_and_one_prompt_a_group(
    batch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    meta, rows = batch
    received: dict[str, int] = {}
    get = tq.kv_batch_get

    def counted(**arguments: Any) -> Any:
        data = get(**arguments)
        for name, value in data.items():
            if isinstance(value, torch.Tensor):
                values = value.values() if value.is_nested else value
                received[name] = received.get(name, 0) + values.numel() * values.element_size()
        return data

    monkeypatch.setattr(tq, "kv_batch_get", counted)
    trainer("algorithm.adv_estimator=grpo")._compute_advantage(meta, {})
    stock = sum(received.values())
    received.clear()
    trainer()._compute_advantage(meta, {})
    tokens = rows["fields"]["responses"].values().numel()
    prompts = received.pop("prompts")
    assert sum(received.values()) - stock <= 12 * tokens
    assert prompts == rows["fields"]["prompts"].values().numel() * 8 / ROLLOUTS


def test_several_outputs_of_a_rollout_count_once(queue: None) -> None:
    rows = content()
    keys = [f"{uid}_{row % ROLLOUTS // 2}_{row % 2}" for row, uid in enumerate(rows["uids"])]
    meta = tq.kv_batch_put(
        keys=keys,
        partition_id="sessions",
        fields=TensorDict(rows["fields"], batch_size=len(keys)),
        tags=[{}] * len(keys),
    )
    metrics: dict[str, Any] = {}
    trainer("algorithm.egpo.lam=0", "actor_rollout_ref.rollout.n=2")._compute_advantage(
        meta, metrics
    )
    ours = advantages(meta)
    trainer("algorithm.adv_estimator=grpo")._compute_advantage(meta, {})
    assert torch.equal(ours, advantages(meta)), "verl's GRPO takes each rollout's last output"
    assert metrics["egpo/failed_rollouts"] == 0
    tq.kv_clear(keys=keys, partition_id="sessions")


@pytest.mark.parametrize("estimator", ["egpo", "grpo"])
def test_episodes_are_counted_by_rollout_and_not_by_row(queue: None, estimator: str) -> None:
    """In each group one rollout has three messages and the other one; verl pads with a copy."""
    rows = content()
    places = ["0_0", "0_1", "0_2", "1_0"]
    keys = [f"{uid}_{places[row % ROLLOUTS]}" for row, uid in enumerate(rows["uids"])]
    keys[-1] = "pad_0_0"
    counts = {"calls": 1, "tool_errors": 0, "turns_solved": 1}
    episodes = [
        {
            "reward_extra_info": {"acc": float(place[0])},
            "env": {**counts, "messages": 3 - 2 * int(place[0]), "no_room": int(place[0])},
        }
        for _ in range(GROUPS)
        for place in places
    ]
    masks = list(rows["fields"]["response_mask"].unbind())
    masks[-1] = torch.zeros_like(masks[-1])
    changed = {
        "extra_fields": NonTensorStack(*episodes),
        "response_mask": torch.nested.as_nested_tensor(masks, layout=torch.jagged),
    }
    meta = tq.kv_batch_put(
        keys=keys,
        partition_id=f"episodes-{estimator}",
        fields=TensorDict(rows["fields"] | changed, batch_size=len(keys)),
        tags=[{"is_padding": key.startswith("pad")} for key in keys],
    )
    metrics: dict[str, Any] = {}
    live = ["+env=own", f"algorithm.adv_estimator={estimator}"]
    trainer(*live)._compute_advantage(meta, metrics)
    short, long = GROUPS - 1, GROUPS
    number = short + long
    assert metrics["env/turns"] == pytest.approx((3 * long + short) / number)
    assert metrics["env/no_room_frac"] == pytest.approx(short / number)
    assert metrics["env/calls"] == metrics["env/turns_solved"] == 1
    if estimator == "egpo":
        assert metrics["reward/acc"] == pytest.approx(short / number)
        turns = [name for name in metrics if "_turn_" in name]
        assert turns == [f"egpo/cot_entropy_turn_{turn}" for turn in (1, 2, 3)]
    else:
        assert not any(name.startswith("egpo/") for name in metrics)
    tq.kv_clear(keys=keys, partition_id=meta.partition_id)


def test_rejected_tokens_do_not_hide_the_thought(batch: Any) -> None:
    """Half of the tokens are rejected, tags among them; verl trains on the rest."""
    meta, rows = batch
    correction = "algorithm.rollout_correction"
    rejects = [f"{correction}.rollout_rs=token_k2", f"{correction}.rollout_rs_threshold=0.02"]
    metrics: dict[str, Any] = {}
    trainer(*rejects)._compute_advantage(meta, metrics)
    fields, mask = rows["fields"], advantages_mask(meta)
    whole = fields["response_mask"].to_padded_tensor(0)
    responses = fields["responses"].to_padded_tensor(0)
    thought = cot_mask(rows["tokenizer"], responses, whole, fields["prompts"])
    assert 0 < mask.sum() < whole.sum()
    real = mask.any(dim=-1)
    tokens = (thought & mask.bool()).sum(dim=-1)[real].float().mean()
    assert metrics["egpo/cot_tokens"] == pytest.approx(float(tokens))


def advantages_mask(meta: Any) -> torch.Tensor:
    data = tq.kv_batch_get(
        keys=meta.keys, partition_id=meta.partition_id, select_fields=["response_mask"]
    )
    return data["response_mask"].to_padded_tensor(0)


@pytest.mark.parametrize("reason", [float("nan"), float("inf"), "timeout", None, 7])
def test_a_reward_may_return_anything(batch: Any, reason: Any) -> None:
    meta, _ = batch
    fields: list[Any] = [{"reward_extra_info": {"reason": reason, "acc": 1.0}} for _ in meta.keys]
    fields[1:5] = [None, "text", {"reward_extra_info": [1]}, {}]
    put(meta, {"extra_fields": NonTensorStack(*fields)})
    metrics: dict[str, Any] = {}
    trainer()._compute_advantage(meta, metrics)
    assert metrics["reward/acc"] == 1.0
    assert [name for name in metrics if "reason" in name] == ["reward/reason_7"] * (reason == 7)


def test_rejected_responses_count_in_the_reward_and_are_recorded_as_generated(
    batch: Any, tmp_path: Path
) -> None:
    meta, rows = batch
    correction = "algorithm.rollout_correction"
    rejects = [f"{correction}.rollout_rs=seq_mean_k2", f"{correction}.rollout_rs_threshold=0.08"]
    metrics: dict[str, Any] = {}
    trainer(*rejects, f"+algorithm.egpo.record_dir={tmp_path}")._compute_advantage(meta, metrics)
    rejected = ~advantages_mask(meta).any(dim=-1)
    assert 0 < rejected.sum() < len(rejected)
    assert metrics["reward/acc"] == 0.5
    (file,) = tmp_path.iterdir()
    records = pq.read_table(file).to_pylist()
    assert len(records) == len(rows["keys"])
    assert all(all(record["generated"]) for record in records)


def put(meta: Any, fields: dict[str, Any]) -> None:
    tq.kv_batch_put(
        keys=meta.keys,
        partition_id=meta.partition_id,
        fields=TensorDict(fields, batch_size=len(meta.keys)),
    )


def test_each_later_prompt_of_an_agent_loop_is_its_own(queue: None) -> None:
    """The second output of one rollout follows an open `<think>`, that of the other does not."""
    rows = content()
    keys = [f"{uid}_{row % ROLLOUTS // 2}_{row % 2}" for row, uid in enumerate(rows["uids"])]
    tokenizer, fields = rows["tokenizer"], rows["fields"]
    ends = ["<think>\n" if row % ROLLOUTS == 1 else "a tool's result" for row in range(len(keys))]
    prompts = [torch.tensor(tokenizer(end)["input_ids"]) for end in ends]
    fields["prompts"] = torch.nested.as_nested_tensor(prompts, layout=torch.jagged)
    text = torch.tensor(tokenizer("so it is</think>[now()]")["input_ids"])
    for name in ("responses", "response_mask", "rm_scores", "entropy"):
        value = text if name == "responses" else torch.ones_like(text)
        value = value.float() if name in ("rm_scores", "entropy") else value
        fields[name] = torch.nested.as_nested_tensor([value] * len(keys), layout=torch.jagged)
    for name in ("old_log_probs", "rollout_log_probs", "ref_log_prob"):
        fields[name] = torch.nested.as_nested_tensor(
            [torch.zeros(len(text))] * len(keys), layout=torch.jagged
        )
    meta = tq.kv_batch_put(
        keys=keys,
        partition_id="prompts",
        fields=TensorDict(fields, batch_size=len(keys)),
        tags=[{}] * len(keys),
    )
    metrics: dict[str, Any] = {}
    trainer("actor_rollout_ref.rollout.n=2")._compute_advantage(meta, metrics)
    assert metrics["egpo/no_cot_frac"] == 0.5, "one of two rollouts thinks, in one of its messages"
    tq.kv_clear(keys=keys, partition_id="prompts")


def test_an_odd_score_is_named_by_its_row(batch: Any) -> None:
    meta, rows = batch
    scores = rows["fields"]["rm_scores"].unbind()
    scores[5][-1] = torch.nan
    tq.kv_batch_put(
        keys=meta.keys,
        partition_id=meta.partition_id,
        fields=TensorDict(
            {"rm_scores": torch.nested.as_nested_tensor(list(scores), layout=torch.jagged)},
            batch_size=len(meta.keys),
        ),
    )
    with pytest.raises(NotFinite, match=r"row 5: nan.*answer to row 5 of data_source=toolworld"):
        trainer()._compute_advantage(meta, {})


def test_nothing_is_recorded_unless_asked_for(batch: Any, tmp_path: Path) -> None:
    trainer(f"trainer.rollout_data_dir={tmp_path}")._compute_advantage(batch[0], {})
    assert not list(tmp_path.iterdir()), "verl's own option is verl's alone"


def test_whole_groups_are_recorded_for_inspect(batch: Any, tmp_path: Path) -> None:
    this = trainer(f"+algorithm.egpo.record_dir={tmp_path}", "+algorithm.egpo.record_groups=2")
    this._compute_advantage(batch[0], {})
    assert [file.name for file in tmp_path.iterdir()] == ["1.parquet"]
    answers = read_sample([tmp_path], limit=100, seed=0).responses
    assert len(answers) == 2 * ROLLOUTS
    assert {answer.text for answer in answers} <= set(TEXTS)


def test_a_record_that_cannot_be_written_is_a_warning(
    batch: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("verl"), "propagate", True)
    (tmp_path / "file").write_text("in the way")
    this = trainer(f"+algorithm.egpo.record_dir={tmp_path / 'file'}")
    with caplog.at_level("WARNING", logger="verl"):
        this._compute_advantage(batch[0], {})
    assert "were not recorded" in caplog.text


def test_every_trainer_mode_shares_the_method() -> None:
    for name in ("PPOTrainerSync", "PPOTrainerColocateAsync", "PPOTrainerSeparateAsync"):
        classes = [c for c in trainer_base.TRAINER_REGISTRY.values() if c.__name__ == name]
        assert classes, name
        assert classes[0]._compute_advantage is trainer_base.PPOTrainer._compute_advantage
