"""What a training records of its responses: each one's tokens, entropies and numbers."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from omegaconf import OmegaConf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, ByT5Tokenizer, PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

from egpo_verl.advantage import EgpoAdvantage, EgpoOptions, egpo_advantage
from egpo_verl.cot import cot_mask
from egpo_verl.inspect.files import read_sample
from egpo_verl.inspect.schema import OPTIONS, SCHEMA
from egpo_verl.integration.batch import Batch
from egpo_verl.integration.record import RecordOptions, save, whole_groups
from egpo_verl.integration.record_table import Responses
from egpo_verl.integration.token_text import token_texts

MODEL = Path(__file__).parents[1] / "egpo_verl" / "toolworld" / "model"
RESPONSES = ("<think>Paris, then</think>\n[weather(city='Paris')]", "<think>no")
KEYS = ["a_0_0", "a_1_0"]
PADDING = ["padb_0_0"]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(MODEL)


@pytest.fixture(scope="module")
def step(tokenizer: Any) -> tuple[Batch, Responses]:
    """Two responses to one prompt and a row of padding, and what a trainer knows of the two."""
    ids = [tokenizer(text)["input_ids"] + [tokenizer.eos_token_id] for text in RESPONSES]
    rows = [torch.tensor(row) for row in [*ids, [tokenizer.eos_token_id]]]
    responses = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    lengths = torch.tensor([*map(len, ids), 0])
    mask = (torch.arange(responses.shape[1]) < lengths[:, None]).long()
    scores = torch.zeros(responses.shape)
    scores[0, lengths[0] - 1] = 1.0
    batch = Batch(
        torch.linspace(0, 1, responses.numel()).view(responses.shape), responses, [], tokenizer
    )
    batch.thought = cot_mask(tokenizer, responses, mask)
    batch.real = mask.any(dim=-1)
    labels = np.array(["a", "a", "pad"], dtype=object)
    batch.advantage = egpo_advantage(
        scores, mask, labels, batch.entropy, batch.thought, EgpoOptions()
    )
    recorded_responses = Responses(
        keys=KEYS,
        tokens={
            "responses": rows[:2],
            "response_mask": [torch.ones(len(row), dtype=torch.int64) for row in ids],
            "rm_scores": [scores[row, : len(ids[row])] for row in range(2)],
        },
        fields={
            "raw_prompt": [[{"role": "user", "content": "Weather in Paris?"}]] * 2,
            "reward_model": [{"style": "rule", "ground_truth": "[]"}] * 2,
            "data_source": ["toolworld"] * 2,
            "extra_info": [{"index": np.int64(7), "tools": "[]"}] * 2,
        },
        reward=[{"acc": np.float64(1.0), "reason": 0}, {}],
    )
    return batch, recorded_responses


def trainer(tokenizer: Any, update: int = 0) -> SimpleNamespace:
    """What a record reads of a trainer of verl, at its last step."""
    return SimpleNamespace(
        config=OmegaConf.create({"algorithm": {"egpo": {"lam": 0.5}}}),
        tokenizer=tokenizer,
        global_steps=3,
        total_training_steps=3,
        local_trigger_step=update,
    )


@pytest.fixture
def written(step: Any, tokenizer: Any, tmp_path: Path) -> Path:
    save(trainer(tokenizer), step[0], [0, 1], step[1], RecordOptions(tmp_path))
    return tmp_path / "3.parquet"


def test_a_response_is_written_token_by_token(written: Path, tokenizer: Any, step: Any) -> None:
    table = pq.read_table(written)
    assert table.schema.equals(SCHEMA)
    first, second = table.to_pylist()
    assert [first["key"], second["key"]] == KEYS
    assert "".join(first["tokens"]) == RESPONSES[0] + tokenizer.eos_token
    assert (first["response"], second["response"]) == RESPONSES
    in_thought = zip(first["tokens"], first["thought"], strict=True)
    assert "".join(token for token, is_thought in in_thought if is_thought) == "Paris, then"
    assert first["token_entropy"] == pytest.approx(
        step[0].entropy[0, : len(first["tokens"])].tolist(), abs=6e-4
    )
    assert (first["step"], first["data_source"], first["ability"]) == (3, "toolworld", None)
    assert json.loads(first["prompt"]) == [{"role": "user", "content": "Weather in Paris?"}]
    assert json.loads(first["extra_info"]) == {"index": 7, "tools": "[]"}
    assert json.loads(first["reward"]) == {"acc": 1.0, "reason": 0}
    assert (first["score"], second["score"], second["reward"]) == (1.0, 0.0, "{}")


def test_the_numbers_are_those_of_the_advantage(written: Path, step: Any) -> None:
    advantage: EgpoAdvantage = step[0].advantage
    for row, answer in enumerate(pq.read_table(written).to_pylist()):
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


def test_inspect_reads_the_options_and_the_groups(written: Path) -> None:
    assert json.loads(pq.read_schema(written).metadata[OPTIONS])["lam"] == 0.5
    sample = read_sample([written.parent], limit=10, seed=0)
    assert {response.group for response in sample.responses} == {"a"}


def test_each_update_of_a_step_has_its_file(step: Any, tokenizer: Any, tmp_path: Path) -> None:
    save(trainer(tokenizer, update=2), step[0], [0, 1], step[1], RecordOptions(tmp_path / "new"))
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["3-2.parquet"]


def test_whole_groups_are_chosen_and_no_padding() -> None:
    labels = ["b", "pad", "a", "b", "c", "a"]
    real = torch.tensor([True, False, True, True, True, True])
    assert whole_groups(labels, real, RecordOptions(Path("x"), groups=2)) == [0, 2, 3, 5]
    assert whole_groups(labels, real, RecordOptions(Path("x"))) == [0, 2, 3, 4, 5]


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
