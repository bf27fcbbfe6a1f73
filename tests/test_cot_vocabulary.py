"""Which tokenizers can be read, how long an analysis is kept, and what bad input is told."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import ByT5Tokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from egpo_verl.cot import cot_mask
from egpo_verl.cot.vocabulary import CLOSE, DEAD, OPEN, read_back, vocabulary_of


def bytes_only() -> PreTrainedTokenizerFast:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({char: i for i, char in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>")


def thought_in(tokenizer: PreTrainedTokenizerBase, text: str, prompt: str = "") -> str:
    ids, before = (
        torch.tensor([tokenizer(t, add_special_tokens=False)["input_ids"]], dtype=torch.long)
        for t in (text, prompt)
    )
    return tokenizer.decode(ids[cot_mask(tokenizer, ids, torch.ones_like(ids), before)])


@pytest.mark.parametrize(
    ("pieces", "state"),
    [
        (["<think>"], OPEN),
        (["</think>"], CLOSE),
        (["<", "think", ">"], OPEN),
        (["x</", "thi", "nk", ">"], CLOSE),
        (["<", "/", "t", "h", "i", "n", "k", ">"], CLOSE),
        (["so <thi", "nk", ">\n", " \n\t"], OPEN),
        (["<think>", "x"], DEAD),
        (["<thin", "g>"], DEAD),
        (["</", " think>"], DEAD),
        (["<//", "think>"], DEAD),
        (["< ", "think>"], DEAD),
        (["<THINK>"], DEAD),
    ],
)
def test_reads_a_tag_from_its_end(pieces: list[str], state: int) -> None:
    reached = 0
    for piece in reversed(pieces):
        if reached < OPEN:
            reached = read_back(reached, piece)
    assert reached == state


def test_a_tokenizer_written_in_python() -> None:
    """ByT5 has no Rust backend and decodes the bytes of a cut character to nothing."""
    tokenizer = ByT5Tokenizer()
    assert not tokenizer.is_fast
    assert thought_in(tokenizer, "a <think>\nété 🙂</think>b") == "\nété 🙂"
    assert thought_in(tokenizer, "so</think>b", prompt="a <think>\n") == "so"
    assert thought_in(tokenizer, "so</think>b", prompt="a <think>é") == ""
    assert thought_in(tokenizer, "<thiénk>so") == ""


def word_pieces() -> Tokenizer:
    """BERT's way: decoding puts blanks between words, which tears tags apart."""
    words = ["[UNK]", "<", ">", "/", "think", "x", "a"]
    tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def no_brackets() -> Tokenizer:
    """A vocabulary that lacks `<`, without byte fallback."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=30, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(["I think that this is a box"] * 9, trainer)
    return tokenizer


def strips_tags() -> Tokenizer:
    tokenizer = bytes_only().backend_tokenizer
    tokenizer.normalizer = normalizers.Replace("think", "THINK")
    return tokenizer


@pytest.mark.parametrize("make", [word_pieces, no_brackets, strips_tags])
def test_refuses_a_tokenizer_that_tears_tags(make: type) -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=make())
    with pytest.raises(ValueError, match=r"cannot say where a thought is.* add <think>") as error:
        thought_in(tokenizer, "x")
    assert "\n" not in str(error.value)


def test_tags_in_the_vocabulary_mend_it() -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=word_pieces())
    tokenizer.add_tokens(["<think>", "</think>"])
    assert thought_in(tokenizer, "a <think> x x </think> a") == "x x"


def test_analyses_a_tokenizer_once() -> None:
    tokenizer = bytes_only()
    assert vocabulary_of(tokenizer) is vocabulary_of(tokenizer)


def test_notices_tokens_added_later() -> None:
    tokenizer = bytes_only()
    assert thought_in(tokenizer, "<think>so</think>") == "so"
    tokenizer.add_tokens(["<think>s", "</think>"])
    assert thought_in(tokenizer, "<think>so</think>") == "o"
    tokenizer.add_special_tokens({"additional_special_tokens": ["o"]})
    assert thought_in(tokenizer, "<think>so no</think>") == ""


def test_forgets_a_tokenizer_that_is_gone() -> None:
    tokenizer = bytes_only()
    thought_in(tokenizer, "<think>so</think>")
    gone = weakref.ref(tokenizer)
    del tokenizer
    gc.collect()
    assert gone() is None


def test_ids_above_the_vocabulary() -> None:
    """An embedding is often larger than its vocabulary, and any of its ids may be sampled."""
    tokenizer = bytes_only()
    ids = tokenizer("<think>so</think>", add_special_tokens=False)["input_ids"]
    ids = torch.tensor([[*ids[:8], 300, *ids[8:]], [*ids[:3], 300, *ids[3:]]])
    mask = cot_mask(tokenizer, ids, torch.ones_like(ids))
    assert mask.int().tolist() == [[0] * 7 + [1] * 3 + [0] * 8, [0] * 18]


@pytest.mark.parametrize("alien", [-100, 50_000])
def test_ids_of_another_tokenizer(alien: int) -> None:
    ids = torch.tensor([[5, alien, 7]])
    with pytest.raises(ValueError, match=rf"{alien}.*pass the policy's own tokenizer"):
        cot_mask(bytes_only(), ids, torch.ones_like(ids))


def test_shapes_and_types() -> None:
    tokenizer = bytes_only()
    ids = torch.tensor([tokenizer("<think>so</think>", add_special_tokens=False)["input_ids"]] * 2)
    expected = cot_mask(tokenizer, ids, torch.ones_like(ids))
    for same in (
        cot_mask(tokenizer, ids.int(), torch.ones_like(ids)),
        cot_mask(tokenizer, ids, torch.ones(ids.shape)),
        cot_mask(tokenizer, ids, torch.ones(ids.shape, dtype=torch.bool)),
        cot_mask(tokenizer, ids.t().contiguous().t(), torch.ones_like(ids)),
    ):
        assert torch.equal(same, expected)
    assert cot_mask(tokenizer, ids[:0], ids[:0]).shape == (0, 17)
    assert cot_mask(tokenizer, ids[:, :0], ids[:, :0]).shape == (2, 0)
    with pytest.raises(ValueError, match=r"share one shape.*\(2, 17\) and \(2, 16\)"):
        cot_mask(tokenizer, ids, ids[:, 1:])
    with pytest.raises(ValueError, match=r"share one shape"):
        cot_mask(tokenizer, ids[0], ids[0])
    with pytest.raises(ValueError, match=r"prompts must have 2 rows"):
        cot_mask(tokenizer, ids, torch.ones_like(ids), prompts=ids[:1])


@pytest.mark.parametrize(("rows", "length"), [(72, 8192), (2, 600_000)])
def test_a_large_batch_reads_as_its_rows_alone(rows: int, length: int) -> None:
    """More than half a million tokens are read in blocks, of one row at least."""
    tokenizer = bytes_only()
    text = "<think>so</think>be it <think>or not"
    whole = torch.tensor(tokenizer(text, add_special_tokens=False)["input_ids"])
    ids = torch.zeros(rows, length, dtype=torch.long)
    for row in range(rows):
        ids[row, row : row + len(whole)] = whole
    mask = torch.ones_like(ids, dtype=torch.bool)
    mask[:, 100:] = False
    together = cot_mask(tokenizer, ids, mask)
    alone = [cot_mask(tokenizer, ids[row : row + 1], mask[row : row + 1]) for row in range(rows)]
    assert torch.equal(together, torch.cat(alone))
    assert together[0, : len(whole)].sum() == len("so") + len("or not")


def test_leaves_its_input_alone() -> None:
    tokenizer = bytes_only()
    ids = torch.tensor([tokenizer("<think>so</think>", add_special_tokens=False)["input_ids"]])
    mask = torch.ones_like(ids, dtype=torch.bool)
    before = ids.clone(), mask.clone()
    cot_mask(tokenizer, ids, mask, ids)
    assert torch.equal(ids, before[0])
    assert torch.equal(mask, before[1])
