"""Backends answer every chat once, say what was too long or cut off, and load what verl saved."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from egpo_verl.client.client import Client
from egpo_verl.errors import UserError
from egpo_verl.evaluate.backends import CUT_OFF, TOO_LONG, add_arguments, check, open_backend
from egpo_verl.evaluate.backends.endpoint import EndpointBackend
from egpo_verl.evaluate.backends.local import Asking
from egpo_verl.evaluate.backends.vllm_backend import VllmBackend
from egpo_verl.evaluate.chat import Chat
from egpo_verl.evaluate.model import Model, resolve

TINY = Path(__file__).parents[1] / "egpo_verl" / "toolworld" / "model"


def chat(key: str, words: str, system: str = "You call functions.") -> Chat:
    messages = ({"role": "system", "content": system}, {"role": "user", "content": words})
    return Chat(key, messages)


def options(folder: Path, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(["--output_dir", str(folder), *words])


def test_an_endpoint_is_asked_until_it_answers(serve: Callable[..., str], tmp_path: Path) -> None:
    book = {f"question {n}": [[f"answer {n}"]] for n in range(20)}
    url = serve(book, "--faults", "4")
    backend = open_backend(options(tmp_path, "--model", "m", "--base_url", url))
    assert isinstance(backend, EndpointBackend)
    backend.client = Client(replace(backend.client.endpoint, backoff=0.01))
    chats = [chat(f"q{n}", f"question {n}") for n in range(20)]
    assert dict(backend.generate(chats)) == {f"q{n}": f"answer {n}" for n in range(20)}
    assert backend.notes == {}


def test_an_endpoint_tells_what_is_wrong_with_an_answer(
    serve: Callable[..., str], tmp_path: Path
) -> None:
    book = {
        "CUT OFF": [["<think>a</think>[f("]],
        "THINK APART": [["[f()]"]],
        "opened": [["thought</think>[g()]"]],
    }
    url = serve(book)
    backend = open_backend(options(tmp_path, "--model", "m", "--base_url", url))
    words = ["CUT OFF", "THINK APART", "opened", "TOO LONG", "REFUSE"]
    texts = dict(backend.generate([chat(word, word) for word in words]))
    assert texts == {
        "CUT OFF": "<think>a</think>[f(",
        "THINK APART": "<think>apart</think>[f()]",
        "opened": "<think>thought</think>[g()]",
        "TOO LONG": "",
    }
    assert backend.notes == {"CUT OFF": CUT_OFF, "TOO LONG": TOO_LONG}


def test_an_endpoint_that_cannot_be_used_is_one_sentence(
    serve: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = serve({})
    unknown = open_backend(options(tmp_path, "--model", "unknown", "--base_url", url))
    with pytest.raises(UserError, match="does not serve unknown"):
        list(unknown.generate([chat("q", "hello")]))
    monkeypatch.setenv("MY_KEY", "wrong")
    words = ["--model", "m", "--base_url", url, "--api_key_env", "MY_KEY"]
    keyless = open_backend(options(tmp_path, *words))
    with pytest.raises(UserError, match="--api_key_env") as caught:
        list(keyless.generate([chat("q", "hello")]))
    assert "Bearer" not in str(caught.value)
    assert "MY_KEY" not in json.dumps(keyless.settings())


def test_whatever_an_endpoint_answers_is_data(
    serve: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    url = serve({"fine": [["[f()]"]]})
    backend = open_backend(options(tmp_path, "--model", "m", "--base_url", url))
    assert isinstance(backend, EndpointBackend)
    backend.client = Client(replace(backend.client.endpoint, backoff=0.01))
    words = ["NO JSON", "fine", "HALF LETTER", "ECHO"]
    responses = dict(backend.generate([chat(word, word) for word in words]))
    assert responses == {"fine": "[f()]", "HALF LETTER": "one ? two", "ECHO": "Bearer ***"}


def test_an_endpoint_that_is_not_there_is_named_at_once(tmp_path: Path) -> None:
    pytest.importorskip("openai")
    words = ["--model", "m", "--base_url", "http://me:secret@127.0.0.1:9/v1"]
    backend = open_backend(options(tmp_path, *words))
    with pytest.raises(UserError, match=r"http://127\.0\.0\.1:9/v1 cannot be reached"):
        list(backend.generate([chat(f"q{n}", "hello") for n in range(100)]))


def test_an_endpoint_that_answers_nothing_is_given_up(
    serve: Callable[..., str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = serve({})
    words = ["--model", "NO JSON", "--base_url", url, "--batch_size", "2"]
    backend = open_backend(options(tmp_path, *words))
    assert isinstance(backend, EndpointBackend)
    backend.client = Client(replace(backend.client.endpoint, backoff=0.01, tries=2))
    chats = [chat(f"q{n}", "hello") for n in range(100)]
    assert list(backend.generate(chats)) == []
    assert url in caplog.text
    assert "10 questions in a row" in caplog.text
    assert len([line for line in caplog.messages if "stays unanswered" in line]) < 20


def test_questions_that_an_endpoint_never_answers_do_not_keep_it_from_the_others(
    serve: Callable[..., str], tmp_path: Path
) -> None:
    words = ["--model", "m", "--base_url", serve({"fine": [["[f()]"]]}), "--batch_size", "1"]
    backend = open_backend(options(tmp_path, *words))
    assert isinstance(backend, EndpointBackend)
    backend.client = Client(replace(backend.client.endpoint, backoff=0.01, tries=2))
    chats = [*(chat(f"q{n}", "NO JSON") for n in range(25)), chat("last", "fine")]
    assert list(backend.generate(chats)) == [("last", "[f()]")]


def test_options_that_contradict_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(UserError, match="temperature above 0"):
        check(options(tmp_path, "--model", "m", "-n", "2"))
    with pytest.raises(UserError, match="needs --base_url"):
        check(options(tmp_path, "--model", "m", "--backend", "endpoint"))
    with pytest.raises(UserError, match="needs vLLM"):
        open_backend(options(tmp_path, "--model", "m", "--backend", "vllm"))


def test_an_endpoints_password_is_not_kept(tmp_path: Path) -> None:
    pytest.importorskip("openai")
    words = ["--model", "m", "--base_url", "https://me:secret@host:8000/v1"]
    assert open_backend(options(tmp_path, *words)).settings()["base_url"] == "host:8000"


class FakeVllm:
    """The part of vLLM that we call; every answer is the number of tokens of its prompt.

    vLLM itself needs a GPU and another torch than these tests: `gpu/` has a test of the real one.
    """

    __version__ = "0.24.0"

    class SamplingParams:
        def __init__(self, **arguments: Any) -> None:
            self.arguments = arguments

    def __init__(self) -> None:
        self.batches: list[int] = []

    def generate(self, prompts: list[Any], sampling: Any, use_tqdm: bool) -> list[Any]:
        self.batches.append(len(prompts))
        lengths = [len(prompt["prompt_token_ids"]) for prompt in prompts]
        namespace = argparse.Namespace
        return [
            namespace(
                outputs=[
                    namespace(text=f"{n} {sampling.arguments['seed']}", finish_reason="length")
                ]
            )
            for n in lengths
        ]

    def get_tokenizer(self) -> Any:
        def tokenize(text: str, **_: Any) -> dict[str, list[int]]:
            return {"input_ids": [0] * len(text)}

        def apply(messages: list[dict[str, str]], **_: Any) -> str:
            return "".join(m["content"] for m in messages) + "<think>"

        tokenize.chat_template = "words"  # type: ignore[attr-defined]
        tokenize.apply_chat_template = apply  # type: ignore[attr-defined]
        return tokenize


def test_vllm_is_given_tokens_in_batches_that_a_kill_can_afford() -> None:
    pytest.importorskip("jinja2")
    vllm = FakeVllm()
    asking = Asking(
        model=Model("folder", "run/step", "abc"),
        dtype="auto",
        temperature=0.7,
        max_tokens=8,
        context=20,
        seed=5,
    )
    backend = VllmBackend(asking, batch_size=2, vllm=vllm, llm=vllm)
    chats = [chat(f"q{n}", "x" * n, system="") for n in (1, 2, 3, 30)]
    texts = dict(backend.generate(chats, sample=2))
    # Seven letters of <think>, which the template opens in the prompt and the text shows.
    assert texts == {"q1": "<think>8 7", "q2": "<think>9 7", "q3": "<think>10 7", "q30": ""}
    assert vllm.batches == [2, 1]
    assert backend.notes == {"q1": CUT_OFF, "q2": CUT_OFF, "q3": CUT_OFF, "q30": TOO_LONG}
    assert backend.settings()["weights"] == "abc"


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Load the tiny model with the options given."""
    pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("out")

    def start(*words: str) -> Any:
        return open_backend(options(folder, "--model", str(TINY), "--device", "cpu", *words))

    return start


@pytest.mark.slow
class TestTransformers:
    """The tiny model of this repository, which reads 1,024 tokens."""

    @pytest.mark.parametrize("temperature", ["0", "1"])
    def test_a_batch_says_what_each_prompt_gets_alone(
        self, load: Callable[..., Any], temperature: str
    ) -> None:
        chats = [chat(f"q{n}", "find a recipe " * n) for n in range(1, 8)]
        words = ("--max_tokens", "24", "--temperature", temperature)
        together = dict(load(*words, "--batch_size", "8").generate(chats))
        alone = dict(load(*words, "--batch_size", "1").generate(chats))
        assert together == alone
        assert set(together) == {c.key for c in chats}

    def test_long_prompts_are_answered_with_nothing_and_noted(
        self, load: Callable[..., Any]
    ) -> None:
        backend = load("--max_tokens", "64")
        chats = [chat("short", "hello"), chat("long", "recipe " * 3000)]
        texts = dict(backend.generate(chats))
        assert texts["long"] == ""
        assert backend.notes["long"] == TOO_LONG
        assert texts["short"]

    def test_a_prompt_near_the_context_gets_the_room_that_is_left(
        self, load: Callable[..., Any]
    ) -> None:
        from egpo_verl.evaluate.backends.templating import templated

        backend = load("--max_tokens", "1000")
        tokenizer = backend.tokenizer
        base = len(templated(tokenizer, chat("q", "")).token_ids)
        word = len(templated(tokenizer, chat("q", " dish" * 10)).token_ids) - base
        near = chat("near", " dish" * (10 * (1018 - base) // word))
        room = 1024 - len(templated(tokenizer, near).token_ids)
        assert 0 < room < 20
        text = dict(backend.generate([near]))["near"]
        assert len(tokenizer(text)["input_ids"]) <= room

    def test_samples_differ_and_come_again(self, load: Callable[..., Any]) -> None:
        backend = load("--max_tokens", "24", "--temperature", "1.0")
        chats = [chat("a", "find a recipe"), chat("b", "book a hotel")]
        first, second = dict(backend.generate(chats, 0)), dict(backend.generate(chats, 1))
        assert first != second
        assert dict(load("--max_tokens", "24", "--temperature", "1.0").generate(chats, 1)) == second

    def test_the_settings_name_model_weights_and_template(self, load: Callable[..., Any]) -> None:
        settings = load("--max_tokens", "24").settings()
        assert settings["model"] == "toolworld/model"
        assert settings["dtype"] == "float32"
        assert settings["weights"] == resolve(str(TINY), Path("none")).digest
        json.dumps(settings)


@pytest.mark.slow
def test_shards_that_verl_saved_are_merged_once(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("verl")
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(TINY, dtype=torch.float32)
    actor = tmp_path / "run" / "global_step_7" / "actor"
    shutil.copytree(TINY, actor / "huggingface", ignore=shutil.ignore_patterns("*.safetensors"))
    torch.save(network.state_dict(), actor / "model_world_size_1_rank_0.pt")
    (actor / "fsdp_config.json").write_text('{"FSDP_version": 1, "world_size": 1}')

    model = resolve(str(actor.parent), tmp_path / "merged")
    assert model.label == "run/global_step_7"
    merged = AutoModelForCausalLM.from_pretrained(model.source, dtype=torch.float32)
    for name, weights in network.state_dict().items():
        # The merger stores 16 bits.
        torch.testing.assert_close(merged.state_dict()[name], weights, atol=2e-2, rtol=2e-2)

    written = {path: path.stat().st_mtime_ns for path in Path(model.source).iterdir()}
    assert resolve(str(actor), tmp_path / "merged") == model
    assert {path: path.stat().st_mtime_ns for path in Path(model.source).iterdir()} == written


@pytest.mark.slow
def test_shards_that_cannot_be_merged_are_one_sentence_and_leave_nothing(tmp_path: Path) -> None:
    pytest.importorskip("verl")
    actor = tmp_path / "run" / "global_step_7" / "actor"
    shutil.copytree(TINY, actor / "huggingface", ignore=shutil.ignore_patterns("*.safetensors"))
    (actor / "model_world_size_1_rank_0.pt").write_bytes(b"no weights")
    (actor / "fsdp_config.json").write_text('{"FSDP_version": 1, "world_size": 1}')
    with pytest.raises(UserError, match=r"verl.model_merger cannot merge the shards in") as caught:
        resolve(str(actor), tmp_path / "merged")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "merged").glob("*"))


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="neither weights"):
        resolve(str(tmp_path), tmp_path / "merged")
    with pytest.raises(UserError, match="is no folder"):
        resolve(str(tmp_path / "nowhere"), tmp_path / "merged")
    assert resolve("org/name", tmp_path / "merged").source == "org/name"
