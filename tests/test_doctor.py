"""The doctor says what is wrong with a model, data or environment, and how to fix it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest

from egpo_verl.doctor.__main__ import main
from egpo_verl.doctor.environment import check_model_and_data
from egpo_verl.doctor.finding import Finding, State, described, guarded, one_line
from egpo_verl.doctor.levels import check_level
from egpo_verl.doctor.machine import check_machine
from egpo_verl.doctor.rows import check_data
from egpo_verl.doctor.sample import TINY_MODEL, check_reward, check_sample
from egpo_verl.doctor.template import check_template
from egpo_verl.doctor.tokenizer import check_tokenizer, load_tokenizer
from egpo_verl.doctor.versions import check_versions, missing
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
    ("template", "state", "says", "fix"),
    [
        (None, State.FAIL, "there is none", "custom_chat_template"),
        (NO_SYSTEM + TURNS, State.FAIL, "refuses a system message: no system", "takes a system"),
        (TURNS + "<|assistant|><think>\n", State.WARN, "opens <think>", "--think_in_prompt"),
        (TURNS + "<think>\n\n</think>\n\n", State.WARN, "empty thought", "enable_thinking"),
        (NO_TOOL + TURNS, State.WARN, "refuses turns of tools: no tools", "--max_turns 2"),
    ],
)
def test_a_template_that_ruins_training(
    tmp_path: Path, template: str | None, state: State, says: str, fix: str
) -> None:
    (finding,) = bad(check_template(load_tokenizer(model_with(tmp_path, template))))
    assert (finding.state, says in finding.text, fix in finding.fix) == (state, True, True), finding


def test_a_template_that_refuses_is_no_bug_of_ours(rows: Path, tmp_path: Path) -> None:
    findings = bad(check_model_and_data(model_with(tmp_path, NO_SYSTEM + TURNS), [str(rows)]))
    assert [one.check for one in findings] == ["chat template", "sample row", "data and template"]
    assert all("no system" in one.text and "bug" not in one.fix for one in findings)


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
        if any(one.text.startswith("opens <think>") for one in findings):
            opening.add(name)
    assert "deepseek_r1_distill" in opening
    assert not opening & {"qwen3", "qwen3_instruct_2507", "llama3_2"}


def test_a_template_that_forgets_thoughts_is_told_and_is_no_fault(tmp_path: Path) -> None:
    findings = list(check_template(load_tokenizer(model_with(tmp_path, FORGETFUL))))
    assert bad(findings) == []
    assert "earlier thoughts are left out" in findings[-1].text


def test_where_the_template_opens_the_thought_the_sample_starts_inside_it(tmp_path: Path) -> None:
    opened = load_tokenizer(model_with(tmp_path, TURNS + "<|assistant|><think>\n"))
    findings = list(check_sample(opened))
    assert bad(findings) == []
    assert [one.check for one in findings] == ["sample row", "thought", "advantage"]


def test_an_end_of_turn_that_never_stops_sampling(tmp_path: Path) -> None:
    """What a conversion of SmolLM2 from GGUF left behind: eos was another token."""
    other_end = {"eos_token": "<|pad|>"}
    name = model_with(
        tmp_path, TURNS, tokenizer_config=other_end, generation_config={"eos_token_id": 0}
    )
    (finding,) = bad(check_tokenizer(load_tokenizer(name), name))
    assert "ends a turn with <|end|>, but sampling stops only at <|pad|>" in finding.text


def test_a_second_end_in_the_generation_config_serves(tmp_path: Path) -> None:
    other_end = {"eos_token": "<|pad|>"}
    name = model_with(
        tmp_path, TURNS, tokenizer_config=other_end, generation_config={"eos_token_id": [0, 1]}
    )
    assert bad(check_tokenizer(load_tokenizer(name), name)) == []


def test_tags_that_are_special_are_stripped_before_the_reward(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(model_with(tmp_path, TURNS, config={"vocab_size": 2000}))
    tokenizer.add_special_tokens({"additional_special_tokens": ["<think>", "</think>"]})
    (finding,) = bad(check_tokenizer(tokenizer, str(tmp_path)))
    assert "verl would show the reward \"They ask.[f(a='b')]\"" in finding.text
    assert '"special": false' in finding.fix
    (finding,) = bad(check_sample(tokenizer))
    assert "a right answer earns 0: the response does not open with a thought" in finding.text


def test_more_ids_than_embeddings(tmp_path: Path) -> None:
    name = model_with(tmp_path, TURNS, config={"vocab_size": 1000})
    (finding,) = bad(check_tokenizer(load_tokenizer(name), name))
    assert "ids up to 1535, but the model only 1000 embeddings" in finding.text


def changed(rows: Path, into: Path, change: Callable[[dict[str, Any]], None], at: int = 7) -> str:
    """A copy of the file with one row changed."""
    table = pq.read_table(rows)
    content = table.to_pylist()
    change(content[at])
    pq.write_table(type(table).from_pylist(content, schema=table.schema), into)
    return str(into)


def test_rows_that_we_wrote_are_healthy(rows: Path) -> None:
    findings = list(check_data(str(rows), load_tokenizer(str(TINY_MODEL))))
    assert bad(findings) == []
    assert "100 rows read" in findings[0].text


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
        (unknown_function, "row 7: its reference earns 0: a function is called that is not"),
        (no_reward_model, "row 7 has no reference that can be read: TypeError"),
        (no_prompt, "row 7 has a prompt that is no list of messages"),
    ],
)
def test_a_row_that_could_never_be_answered_right(
    rows: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], says: str
) -> None:
    (finding,) = bad(check_data(changed(rows, tmp_path / "rows.parquet", change)))
    assert finding.state is State.FAIL
    assert says in finding.text
    assert "egpo_verl.preprocess" in finding.fix


def test_rows_of_a_benchmark_are_healthy_by_its_own_rules(tmp_path: Path) -> None:
    """Among them one that any call answers, and one with alternatives."""
    samples = Path(__file__).parents[1] / "data" / "samples" / "bfcl"
    made = ["--local_dataset_path", str(samples), "--local_save_dir", str(tmp_path)]
    assert preprocess(["bfcl", *made]) == 0
    name = str(tmp_path / "test.parquet")
    (finding,) = check_data(name)
    counts = "4 rows read, 1 of them without a call"
    assert (finding.state, finding.text) == (
        State.OK,
        f"{name}: {counts}; right answers earn 1",
    )


def test_rows_that_do_not_know_of_the_open_thought(rows: Path, tmp_path: Path) -> None:
    opened = load_tokenizer(model_with(tmp_path, TURNS + "<|assistant|><think>\n"))
    (finding,) = bad(check_data(str(rows), opened))
    assert finding.state is State.FAIL
    assert "opens <think> after 100 of 100 prompts whose rows say otherwise" in finding.text


def test_prompts_beyond_verls_default_limit(rows: Path, tmp_path: Path) -> None:
    def lengthen(row: dict[str, Any]) -> None:
        row["prompt"][-1]["content"] = "word " * 2000

    name = changed(rows, tmp_path / "rows.parquet", lengthen)
    (finding,) = bad(check_data(name, load_tokenizer(str(TINY_MODEL))))
    assert finding.state is State.WARN
    assert "data.max_prompt_length to at least" in finding.fix


@pytest.mark.parametrize("content", [b"", b"no parquet at all", b"PAR1 cut off PAR1"])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(content)
    (finding,) = check_data(str(path))
    assert finding.state is State.FAIL
    assert "is not a parquet file" in finding.text


def test_damaged_pages_of_a_file_with_a_good_footer(rows: Path, tmp_path: Path) -> None:
    content = bytearray(rows.read_bytes())
    content[4 : len(content) // 2] = b"\xff" * (len(content) // 2 - 4)
    path = tmp_path / "rows.parquet"
    path.write_bytes(bytes(content))
    (finding,) = check_data(str(path))
    assert (finding.state, finding.check) == (State.FAIL, "data")
    assert "cannot be read" in finding.text


def distribution(folder: Path, name: str, version: str) -> None:
    """What pip leaves behind for a library, which is all that versions are read from."""
    about = folder / f"{name}-{version}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_this_environment_has_what_is_asked_for() -> None:
    assert bad(check_versions()) == []


@pytest.mark.parametrize(
    ("name", "version", "state", "requirement"),
    [
        ("ray", "2.10.0", State.FAIL, "verl asks for ray>=2.41.0"),
        ("verl", "0.8.0", State.WARN, "egpo-verl[cpu] asks for verl==0.9.1"),
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
    requirement: str,
) -> None:
    distribution(tmp_path, name, version)
    monkeypatch.syspath_prepend(tmp_path)
    # Where vLLM is installed, other versions are asked for.
    monkeypatch.setattr("egpo_verl.doctor.versions.extra", lambda: "cpu")
    finding = next(one for one in bad(check_versions()) if name in one.text)
    assert (finding.state, finding.text) == (state, f"{name} {version}, but {requirement}")
    assert finding.fix == f"pip install '{requirement.rpartition(' ')[2]}'"


def test_without_the_libraries_of_training_it_says_which_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    light = ["/no/site-packages"]
    monkeypatch.setattr("sys.path", light)
    problems = bad(check_versions())
    assert any("verl is not installed" in one.text for one in problems)
    assert any("egpo-verl[gpu]" in one.fix for one in problems)


@pytest.mark.parametrize(
    ("version", "state", "level"),
    [
        ("0.9.1", State.OK, "is trained"),
        ("0.8.0", State.OK, "is hook-tested"),
        ("0.7.0", State.OK, "is hook-tested"),
        ("0.10.0.dev0", State.WARN, "is unknown"),
        ("0.6.1", State.WARN, "is unknown"),
    ],
)
def test_the_level_of_support_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, state: State, level: str
) -> None:
    distribution(tmp_path, "verl", version)
    monkeypatch.syspath_prepend(tmp_path)
    (finding,) = check_level()
    assert (finding.state, f"verl {version} {level}" in finding.text) == (state, True)


def test_a_verl_before_its_v1_trainer_needs_no_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, version in [("verl", "0.8.0"), ("torch", "2.9.0"), ("ray", "2.50.0")]:
        distribution(tmp_path, name, version)
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    assert "TransferQueue" not in missing()
    distribution(tmp_path / "newer", "verl", "0.9.0")
    monkeypatch.setattr("sys.path", [str(tmp_path / "newer")])
    assert "TransferQueue" in missing()


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
    h200 = SimpleNamespace(name="H200", total_memory=139 << 30)
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda index: h200)
    with monkeypatch.context() as bare:
        bare.setattr("sys.path", ["/no/site-packages"])
        first, engine, attention = check_machine()
    assert first.text == "8 x H200 (139 GiB)"
    assert "none of vllm" in engine.text
    assert "--no-build-isolation" in attention.fix

    distribution(tmp_path, "vllm", "0.24.0")
    distribution(tmp_path, "flash_attn", "2.8.3")
    distribution(tmp_path, "torch", "2.10.0")
    monkeypatch.syspath_prepend(tmp_path)
    assert bad(check_machine()) == []
    # With vLLM, verl's pins count.
    assert any("torch==2.11.0" in one.text for one in bad(check_versions()))


def test_a_cluster_that_does_not_answer_ends_the_wait() -> None:
    (finding,) = check_workers(limit=0.1)
    assert (finding.state, finding.text) == (State.FAIL, "no answer within 0.1 s")
    assert "ray status" in finding.fix


def test_a_tokenizer_that_does_not_load(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "tokenizer.json").write_text("{")
    (finding,) = check_model_and_data(str(tmp_path))
    assert finding.state is State.FAIL
    assert "does not load" in finding.text


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
    assert last.text.endswith("RuntimeError: no answer (from OSError: disk gone)")


def test_an_error_is_described_on_one_line() -> None:
    assert one_line(described(ImportError("a\nb"))) == "ImportError: a b"
    assert len(one_line("x" * 10_000)) == 400


@pytest.mark.parametrize("arguments", [["--modell", "x"], ["--data"], ["stray"]])
def test_bad_arguments_end_with_one_sentence_and_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
