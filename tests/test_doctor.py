"""The doctor says what is wrong with a model, data or environment, and how to mend it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from egpo_verl.doctor import __main__ as doctor
from egpo_verl.doctor.finding import Finding, State, described, guarded, one_line
from egpo_verl.doctor.machine import check_machine
from egpo_verl.doctor.rows import check_data
from egpo_verl.doctor.sample import TINY_MODEL, check_reward, check_sample
from egpo_verl.doctor.template import check_template
from egpo_verl.doctor.tokenizer import check_tokenizer, load_tokenizer
from egpo_verl.doctor.versions import check_versions
from egpo_verl.doctor.workers import check_workers
from egpo_verl.preprocess import main as preprocess

TURNS = "{%- for m in messages -%}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{%- endfor -%}"
NO_SYSTEM = (
    "{%- if messages[0]['role'] == 'system' -%}{{ raise_exception('no system') }}{%- endif -%}"
)
NO_TOOL = (
    "{%- for m in messages -%}{%- if m['role'] == 'tool' -%}"
    "{{ raise_exception('no tools') }}{%- endif -%}{%- endfor -%}"
)
FORGETFUL = TURNS.replace("m['content']", "m['content'].split('</think>')[-1]")


def model_with(folder: Path, template: str | None, **changed: Any) -> str:
    """The tiny model's folder with another chat template, and other fields of `FILE.json`."""
    shutil.copytree(TINY_MODEL, folder, dirs_exist_ok=True)
    (folder / "chat_template.jinja").unlink()
    if template is not None:
        (folder / "chat_template.jinja").write_text(template)
    for name, fields in changed.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    return str(folder)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toolworld")
    made = ["--local_save_dir", str(folder), "--num_train", "150", "--num_test", "5"]
    assert preprocess(["toolworld", *made]) == 0
    return folder / "train.parquet"


def bad(findings: Iterable[Finding]) -> list[Finding]:
    return [one for one in findings if one.state is not State.OK]


def test_the_shipped_model_is_healthy() -> None:
    tokenizer = load_tokenizer(str(TINY_MODEL))
    assert bad(check_template(tokenizer)) == []
    assert bad(check_tokenizer(tokenizer, str(TINY_MODEL))) == []
    assert bad(check_sample(tokenizer)) == []
    assert bad(check_reward()) == []


@pytest.mark.parametrize(
    ("template", "state", "says", "cure"),
    [
        (None, State.FAIL, "there is none", "custom_chat_template"),
        (NO_SYSTEM + TURNS, State.FAIL, "refuses a system message: no system", "takes a system"),
        (TURNS + "<|assistant|><think>\n", State.WARN, "opens <think>", "--think_in_prompt"),
        (TURNS + "<think>\n\n</think>\n\n", State.WARN, "thought of its own", "enable_thinking"),
        (NO_TOOL + TURNS, State.WARN, "refuses turns of tools: no tools", "--max_turns 2"),
    ],
)
def test_a_template_that_spoils_training(
    tmp_path: Path, template: str | None, state: State, says: str, cure: str
) -> None:
    (found,) = bad(check_template(load_tokenizer(model_with(tmp_path, template))))
    assert (found.state, says in found.said, cure in found.cure) == (state, True, True), found


def test_a_template_that_refuses_is_no_bug_of_ours(rows: Path, tmp_path: Path) -> None:
    findings = bad(doctor.check_model_and_data(model_with(tmp_path, NO_SYSTEM + TURNS), str(rows)))
    assert [one.check for one in findings] == ["chat template", "sample row", "data and template"]
    assert all("no system" in one.said and "bug" not in one.cure for one in findings)


def test_published_templates_are_all_looked_at(
    rows: Path, tmp_path: Path, chat_templates: dict[str, str]
) -> None:
    """Whatever a template does, it is told in our words."""
    few = tmp_path / "few.parquet"
    pq.write_table(pq.read_table(rows).slice(0, 3), few)
    tokenizer = load_tokenizer(str(TINY_MODEL))
    opening = set()
    for name, template in chat_templates.items():
        tokenizer.chat_template = template
        findings = list(check_template(tokenizer))
        findings += [*check_sample(tokenizer), *check_data(str(few), tokenizer)]
        if any(one.said.startswith("opens <think>") for one in findings):
            opening.add(name)
    assert "deepseek_r1_distill" in opening
    assert not opening & {"qwen3", "qwen3_instruct_2507", "llama3_2"}


def test_a_template_that_forgets_thoughts_is_told_and_is_no_fault(tmp_path: Path) -> None:
    findings = list(check_template(load_tokenizer(model_with(tmp_path, FORGETFUL))))
    assert bad(findings) == []
    assert "earlier thoughts are left out" in findings[-1].said


def test_where_the_template_opens_the_thought_the_sample_starts_inside_it(tmp_path: Path) -> None:
    opened = load_tokenizer(model_with(tmp_path, TURNS + "<|assistant|><think>\n"))
    findings = list(check_sample(opened))
    assert bad(findings) == []
    assert [one.check for one in findings] == ["sample row", "thought", "advantage"]


def test_an_end_of_turn_that_never_stops_sampling(tmp_path: Path) -> None:
    """What a conversion of SmolLM2 from GGUF left behind: eos was another token."""
    spoilt = {"eos_token": "<|pad|>"}
    name = model_with(
        tmp_path, TURNS, tokenizer_config=spoilt, generation_config={"eos_token_id": 0}
    )
    (found,) = bad(check_tokenizer(load_tokenizer(name), name))
    assert "ends a turn with <|end|>, but sampling stops only at <|pad|>" in found.said


def test_a_second_end_in_the_generation_config_serves(tmp_path: Path) -> None:
    spoilt = {"eos_token": "<|pad|>"}
    name = model_with(
        tmp_path, TURNS, tokenizer_config=spoilt, generation_config={"eos_token_id": [0, 1]}
    )
    assert bad(check_tokenizer(load_tokenizer(name), name)) == []


def test_tags_that_are_special_are_stripped_before_the_reward(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(model_with(tmp_path, TURNS, config={"vocab_size": 2000}))
    tokenizer.add_special_tokens({"additional_special_tokens": ["<think>", "</think>"]})
    (found,) = bad(check_tokenizer(tokenizer, str(tmp_path)))
    assert "verl would show the reward \"They ask.[f(a='b')]\"" in found.said
    assert '"special": false' in found.cure
    (found,) = bad(check_sample(tokenizer))
    assert "a right answer earns 0: the response does not open with a thought" in found.said


def test_more_ids_than_embeddings(tmp_path: Path) -> None:
    name = model_with(tmp_path, TURNS, config={"vocab_size": 1000})
    (found,) = bad(check_tokenizer(load_tokenizer(name), name))
    assert "ids up to 1535, but the model only 1000 embeddings" in found.said


def changed(rows: Path, into: Path, change: Callable[[dict[str, Any]], None], at: int = 7) -> str:
    """A copy of the file with one row changed."""
    table = pq.read_table(rows)
    found = table.to_pylist()
    change(found[at])
    pq.write_table(type(table).from_pylist(found, schema=table.schema), into)
    return str(into)


def test_rows_that_we_wrote_are_healthy(rows: Path) -> None:
    findings = list(check_data(str(rows), load_tokenizer(str(TINY_MODEL))))
    assert bad(findings) == []
    assert "100 rows read" in findings[0].said


def broken_reference(row: dict[str, Any]) -> None:
    row["reward_model"]["ground_truth"] = "ship it"


def unknown_function(row: dict[str, Any]) -> None:
    row["reward_model"]["ground_truth"] = '[{"name": "no_such_tool", "arguments": {}}]'


def no_reward_model(row: dict[str, Any]) -> None:
    row["reward_model"] = None


def no_prompt(row: dict[str, Any]) -> None:
    row["prompt"] = []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (broken_reference, "row 7 has no reference that can be read: JSONDecodeError"),
        (unknown_function, "row 7: its own reference earns 0: a function is called that is not"),
        (no_reward_model, "row 7 has no reference that can be read: TypeError"),
        (no_prompt, "row 7 has a prompt that is no list of messages"),
    ],
)
def test_a_row_that_could_never_be_answered_right(
    rows: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], says: str
) -> None:
    (found,) = bad(check_data(changed(rows, tmp_path / "rows.parquet", change)))
    assert found.state is State.FAIL
    assert says in found.said
    assert "egpo_verl.preprocess" in found.cure


def test_rows_of_a_benchmark_are_healthy_by_its_own_rules(tmp_path: Path) -> None:
    """Among them one that any call answers, and one with alternatives."""
    samples = Path(__file__).parents[1] / "data" / "samples" / "bfcl"
    made = ["--local_dataset_path", str(samples), "--local_save_dir", str(tmp_path)]
    assert preprocess(["bfcl", *made]) == 0
    (found,) = check_data(str(tmp_path / "test.parquet"))
    assert (found.state, found.said) == (
        State.OK,
        "4 rows read, 1 want no call; right answers earn 1",
    )


def test_rows_that_do_not_know_of_the_open_thought(rows: Path, tmp_path: Path) -> None:
    opened = load_tokenizer(model_with(tmp_path, TURNS + "<|assistant|><think>\n"))
    (found,) = bad(check_data(str(rows), opened))
    assert found.state is State.FAIL
    assert "opens <think> after 100 of 100 prompts whose rows say otherwise" in found.said


def test_prompts_beyond_verls_default_limit(rows: Path, tmp_path: Path) -> None:
    def lengthen(row: dict[str, Any]) -> None:
        row["prompt"][-1]["content"] = "word " * 2000

    name = changed(rows, tmp_path / "rows.parquet", lengthen)
    (found,) = bad(check_data(name, load_tokenizer(str(TINY_MODEL))))
    assert found.state is State.WARN
    assert "data.max_prompt_length to at least" in found.cure


@pytest.mark.parametrize("content", [b"", b"no parquet at all", b"PAR1 cut off PAR1"])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(content)
    (found,) = check_data(str(path))
    assert found.state is State.FAIL
    assert "is not a parquet file" in found.said


def test_spoilt_pages_of_a_file_with_a_good_footer(rows: Path, tmp_path: Path) -> None:
    content = bytearray(rows.read_bytes())
    content[4 : len(content) // 2] = b"\xff" * (len(content) // 2 - 4)
    path = tmp_path / "rows.parquet"
    path.write_bytes(bytes(content))
    (found,) = check_data(str(path))
    assert (found.state, found.check) == (State.FAIL, "data")
    assert "cannot be read" in found.said


def distribution(folder: Path, name: str, version: str) -> None:
    """What pip leaves behind for a library, which is all that versions are read from."""
    about = folder / f"{name}-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_this_environment_has_what_is_asked_for() -> None:
    assert bad(check_versions()) == []


@pytest.mark.parametrize(
    ("name", "version", "state", "asked"),
    [
        ("ray", "2.10.0", State.FAIL, "verl asks for ray>=2.41.0"),
        ("verl", "0.8.0", State.FAIL, "egpo-verl[cpu] asks for verl==0.9.1"),
        ("torch", "2.4.0", State.WARN, "egpo-verl[cpu] asks for torch>=2.8"),
        ("wrapt", "1.10.0", State.FAIL, "egpo-verl asks for wrapt>=1.16"),
        ("TransferQueue", "0.1.2", State.FAIL, "egpo-verl[cpu] asks for TransferQueue>=0.1.10"),
    ],
)
def test_a_wrong_version_is_named_with_the_right_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    version: str,
    state: State,
    asked: str,
) -> None:
    distribution(tmp_path, name, version)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("egpo_verl.doctor.versions.extra", lambda: "cpu")
    found = next(one for one in bad(check_versions()) if name in one.said)
    assert (found.state, found.said) == (state, f"{name} {version}, but {asked}")
    assert found.cure == f"pip install '{asked.rpartition(' ')[2]}'"


def test_without_the_libraries_of_training_it_says_which_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    light = ["/no/site-packages"]
    monkeypatch.setattr("sys.path", light)
    found = bad(check_versions())
    assert any("verl is not installed" in one.said for one in found)
    assert any("egpo-verl[gpu]" in one.cure for one in found)


class EightGpus:
    """What verl's platform says of a machine that this test does not have."""

    device_name = "cuda"

    def is_available(self) -> bool:
        return True

    def device_count(self) -> int:
        return 8


def test_a_machine_with_gpus_needs_an_engine_and_attention(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verl.plugin.platform.get_platform", EightGpus)
    monkeypatch.setattr("egpo_verl.doctor.machine._model_of", lambda device: "H200 (139 GiB)")
    with monkeypatch.context() as bare:
        bare.setattr("egpo_verl.doctor.machine.installed", lambda name: None)
        first, engine, attention = check_machine()
    assert first.said == "8 x H200 (139 GiB)"
    assert "none of vllm" in engine.said
    assert "--no-build-isolation" in attention.cure

    distribution(tmp_path, "vllm", "0.24.0")
    distribution(tmp_path, "flash_attn", "2.8.3")
    distribution(tmp_path, "torch", "2.10.0")
    monkeypatch.syspath_prepend(tmp_path)
    assert bad(check_machine()) == []
    # With vLLM, verl's own pins count.
    assert any("torch==2.11.0" in one.said for one in bad(check_versions()))


def test_a_cluster_that_does_not_answer_ends_the_wait() -> None:
    (found,) = check_workers(limit=0.1)
    assert (found.state, found.said) == (State.FAIL, "no answer within 0.1 s")
    assert "ray status" in found.cure


def test_a_tokenizer_that_does_not_load(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "tokenizer.json").write_text("{")
    (found,) = doctor.check_model_and_data(str(tmp_path), None)
    assert found.state is State.FAIL
    assert "does not load" in found.said


def test_an_error_within_a_check_is_a_finding() -> None:
    def looks() -> Iterable[Finding]:
        yield Finding(State.OK, "first", "fine")
        try:
            raise OSError("disk gone")
        except OSError as error:
            raise RuntimeError("no answer") from error

    first, last = guarded("it", looks)
    assert first.state is State.OK
    assert last.state is State.FAIL
    assert last.said.endswith("RuntimeError: no answer (from OSError: disk gone)")


def test_an_error_is_described_on_one_line() -> None:
    assert one_line(described(ImportError("a\nb"))) == "ImportError: a b"
    assert len(one_line("x" * 10_000)) == 400


@pytest.mark.parametrize("arguments", [["--modell", "x"], ["--data"], ["stray"]])
def test_bad_arguments_end_with_one_sentence_and_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        doctor.main(arguments)
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
