"""What a training step writes for `inspect`: each answer's tokens, entropies and numbers."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import transfer_queue
from omegaconf import OmegaConf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, ByT5Tokenizer, PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

from egpo_verl.advantage import EgpoAdvantage, egpo_advantage
from egpo_verl.advantage.options import EgpoOptions
from egpo_verl.cot import cot_mask
from egpo_verl.errors import UserError
from egpo_verl.inspect.files import read_sample
from egpo_verl.inspect.schema import OPTIONS, SCHEMA
from egpo_verl.integration.record import answers_table, dump, token_texts, write

MODEL = Path(__file__).parents[1] / "egpo_verl" / "toolworld" / "model"
RESPONSES = ("<think>Paris, then</think>\n[weather(city='Paris')]", "<think>no", "")
KEYS = ["a_0_0", "a_1_0", "padb_0_0"]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(MODEL)


def nested(rows: list[list[float]]) -> torch.Tensor:
    return torch.nested.as_nested_tensor([torch.tensor(row) for row in rows], layout=torch.jagged)


def batch(tokenizer: Any) -> tuple[dict[str, Any], torch.Tensor, torch.Tensor, EgpoAdvantage]:
    """Two answers to one prompt and a row of padding, as verl's queue holds them."""
    ids = [tokenizer(text)["input_ids"] + [tokenizer.eos_token_id] for text in RESPONSES]
    masks = [[1] * len(row) for row in ids[:2]] + [[0]]
    scores = [
        [0.0] * (len(row) - 1) + [score] for row, score in zip(ids, (1.0, 0.0, 0.0), strict=True)
    ]
    columns = {
        "responses": nested(ids),
        "response_mask": nested(masks),
        "rm_scores": nested(scores),
        "raw_prompt": [[{"role": "user", "content": "Weather in Paris?"}]] * 3,
        "reward_model": [{"style": "rule", "ground_truth": "[]"}] * 3,
        "data_source": ["toolworld"] * 3,
        "extra_info": [{"index": np.int64(7), "tools": "[]"}] * 3,
        "extra_fields": [{"reward_extra_info": {"acc": np.float64(1.0), "reason": 0}}, {}, {}],
    }
    padded = columns["responses"].to_padded_tensor(0)
    mask = columns["response_mask"].to_padded_tensor(0)
    entropy = torch.linspace(0, 1, padded.numel()).view(padded.shape)
    thought = cot_mask(tokenizer, padded, mask)
    advantage = egpo_advantage(
        columns["rm_scores"].to_padded_tensor(0.0),
        mask,
        np.array(["a", "a", "pad"], dtype=object),
        entropy,
        thought,
        EgpoOptions(),
    )
    return columns, entropy, thought, advantage


def test_an_answer_is_written_token_by_token(tokenizer: Any) -> None:
    columns, entropy, thought, advantage = batch(tokenizer)
    table = answers_table(3, KEYS, columns, entropy, thought, advantage, tokenizer)
    assert table.schema == SCHEMA
    first, second = table.to_pylist()
    assert [first["key"], second["key"]] == KEYS[:2], "a row of padding is no answer"
    end = tokenizer.eos_token
    assert "".join(first["tokens"]) == RESPONSES[0] + end
    assert (first["response"], second["response"]) == RESPONSES[:2]
    in_thought = zip(first["tokens"], first["thought"], strict=True)
    assert "".join(token for token, is_thought in in_thought if is_thought) == "Paris, then"
    assert first["token_entropy"] == pytest.approx(
        entropy[0, : len(first["tokens"])].tolist(), abs=6e-4
    )
    assert (first["step"], first["data_source"], first["ability"]) == (3, "toolworld", None)
    assert json.loads(first["prompt"]) == [{"role": "user", "content": "Weather in Paris?"}]
    assert json.loads(first["extra_info"]) == {"index": 7, "tools": "[]"}
    assert json.loads(first["reward"]) == {"acc": 1.0, "reason": 0}
    assert (first["score"], second["score"], second["reward"]) == (1.0, 0.0, "{}")


def test_the_numbers_are_those_of_the_advantage(tokenizer: Any) -> None:
    columns, entropy, thought, advantage = batch(tokenizer)
    table = answers_table(3, KEYS, columns, entropy, thought, advantage, tokenizer)
    for row, answer in enumerate(table.to_pylist()):
        counted = [
            value
            for value, is_thought in zip(answer["token_entropy"], answer["thought"], strict=True)
            if is_thought
        ]
        assert answer["cot_tokens"] == len(counted)
        assert answer["entropy"] == pytest.approx(np.mean(counted), abs=1e-3)
        assert answer["base"] + answer["bonus"] == pytest.approx(
            advantage.advantages[row, 0].item(), abs=1e-6
        )


def test_a_character_of_several_tokens_stands_at_its_last_one() -> None:
    tokenizer = ByT5Tokenizer()
    rows = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("aé🙂b", "ü")]
    texts = token_texts(tokenizer, rows).to_pylist()
    assert texts == ["a", "", "é", "", "", "", "🙂", "b", "", "ü"]


def test_tokens_that_hold_the_end_of_one_character_and_the_begin_of_the_next() -> None:
    letters = bytes_to_unicode()
    merges = [(letters[left], letters[right]) for left, right in ((0xAC, 0xE8), (0x9E, 0xE3))]
    words = [*letters.values(), *("".join(pair) for pair in merges)]
    model = models.BPE(vocab={word: place for place, word in enumerate(words)}, merges=merges)
    backend = Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    cutting = PreTrainedTokenizerFast(tokenizer_object=backend)
    ids = cutting("本語の!")["input_ids"]
    assert token_texts(cutting, [ids]).to_pylist() == ["", "", "", "", "", "", "本語の", "!"]


def test_bytes_that_are_no_text_stay_in_their_row(tokenizer: Any) -> None:
    byte_level = ByT5Tokenizer()
    smile = byte_level("🙂", add_special_tokens=False)["input_ids"]
    texts = token_texts(byte_level, [smile[:2], smile, smile[2:]]).to_pylist()
    assert texts[5] == "🙂"
    assert "🙂" not in texts[:5] + texts[6:]
    assert token_texts(tokenizer, []).to_pylist() == []


def trainer_of(folder: Path, tokenizer: Any, update: int = 0) -> SimpleNamespace:
    config = {"trainer": {"rollout_data_dir": str(folder)}, "algorithm": {"egpo": {"lam": 0.5}}}
    return SimpleNamespace(
        config=OmegaConf.create(config),
        tokenizer=tokenizer,
        global_steps=3,
        local_trigger_step=update,
        _dump_executor=ThreadPoolExecutor(max_workers=1),
        _dump_futures=[],
    )


@pytest.mark.parametrize(("update", "name"), [(0, "3.parquet"), (2, "3-2.parquet")])
def test_the_step_lies_beside_verls_rollouts_and_inspect_reads_it(
    tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, update: int, name: str
) -> None:
    columns, entropy, thought, advantage = batch(tokenizer)
    monkeypatch.setattr(transfer_queue, "kv_batch_get", lambda **_: columns)
    trainer = trainer_of(tmp_path, tokenizer, update)
    dump(trainer, SimpleNamespace(keys=KEYS, partition_id="train"), entropy, thought, advantage)
    (written,) = trainer._dump_futures
    written.result()
    assert [file.name for file in (tmp_path / "egpo").iterdir()] == [name]
    metadata = pq.read_schema(tmp_path / "egpo" / name).metadata
    assert json.loads(metadata[OPTIONS])["lam"] == 0.5
    sample = read_sample([tmp_path], limit=10, seed=0)
    assert [answer.key for answer in sample.answers] == KEYS[:2]
    assert {answer.group for answer in sample.answers} == {"a"}


def test_a_failure_to_write_reaches_verls_dump(
    tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns, entropy, thought, advantage = batch(tokenizer)
    monkeypatch.setattr(transfer_queue, "kv_batch_get", lambda **_: columns)
    (tmp_path / "egpo").write_text("in the way")
    trainer = trainer_of(tmp_path, tokenizer)
    dump(trainer, SimpleNamespace(keys=KEYS, partition_id="train"), entropy, thought, advantage)
    with pytest.raises(UserError, match=str(tmp_path)):
        trainer._dump_futures[0].result()


def test_what_cannot_be_finished_leaves_nothing(
    tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns, entropy, thought, advantage = batch(tokenizer)
    table = answers_table(3, KEYS, columns, entropy, thought, advantage, tokenizer)

    def full_disk(_: Any, part: Path, **__: Any) -> None:
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device", str(part))

    monkeypatch.setattr(pq, "write_table", full_disk)
    with pytest.raises(UserError, match="No space left"):
        write(table, tmp_path / "3.parquet")
    assert list(tmp_path.iterdir()) == []
