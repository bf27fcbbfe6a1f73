"""From rollout files to the data of the page, and one sentence where they cannot be read."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import b64encode
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egpo_verl.errors import UserError
from egpo_verl.inspect.__main__ import main
from egpo_verl.inspect.call_diff import diff
from egpo_verl.inspect.files import Sample, read_sample
from egpo_verl.inspect.page import content, page
from egpo_verl.inspect.response import Response
from egpo_verl.reward import Reason, compute_score

# 64 responses, 8 to each of 8 prompts: a step of the tiny model on toolworld.
TINY = Path(__file__).with_name("tiny_rollouts.parquet")
TOOLS = json.dumps(
    [
        {
            "name": "book",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string"},
                    "nights": {"type": "integer"},
                    "sea": {"type": "boolean", "default": False},
                },
                "required": ["city", "nights"],
            },
        }
    ]
)
EXPECTED = json.dumps([{"name": "book", "arguments": {"city": "Oslo", "nights": 2}}])


def response(answer: str, reference: str | None = EXPECTED, **extra_info: Any) -> Response:
    text = answer if "think>" in answer else f"<think>So.</think>\n{answer}"
    scored = None if reference is None else compute_score("demo", text, reference, {"tools": TOOLS})
    return Response(
        step=1,
        group="a",
        key="a_0_0",
        source="demo",
        ability=None,
        messages=[{"role": "user", "content": "Two nights in Oslo, please."}],
        text=text,
        ground_truth=reference,
        extra_info={"tools": TOOLS, **extra_info},
        score=0.0 if scored is None else float(scored["score"]),
        reason=None if scored is None else int(scored["reason"]),
    )


def verl_line(**fields: Any) -> str:
    line = {"input": "Hi?", "output": "[f()]", "gts": EXPECTED, "score": 0.0, "step": 4} | fields
    return json.dumps(line) + "\n"


# How a response's arguments compare with city='Oslo', nights=2 and sea=False, which is a default.
ARGUMENTS = {
    "[book(city='Oslo', nights=2)]": {"city": "same", "nights": "same", "sea": "left out"},
    "[book(city='Oslo', nights=3, sea=False)]": {
        "city": "same",
        "nights": "different",
        "sea": "same",
    },
    "[book(city='oslo', nights=2)]": {"city": "different", "nights": "same", "sea": "left out"},
    "[book(city='Oslo')]": {"city": "same", "nights": "missing", "sea": "left out"},
    "[book(city='Oslo', nights=2, stars=4)]": {
        "city": "same",
        "nights": "same",
        "sea": "left out",
        "stars": "extra",
    },
    "[book(city='Oslo', nights=True)]": {
        "city": "same",
        "nights": "different",
        "sea": "left out",
    },
    "<think>never closed [book(city='Oslo', nights=2)]": None,
    "[book(city='Oslo', nights=2)]</think>": None,
}


@pytest.mark.parametrize("text", ARGUMENTS)
def test_each_argument_is_set_beside_the_one_expected(text: str) -> None:
    pairs = diff(response(text)).pairs
    if ARGUMENTS[text] is None:
        assert pairs is None
    else:
        assert pairs is not None
        (pair,) = pairs
        assert (pair.made, pair.expected) == ("book", "book")
        assert {each.name: each.state for each in pair.arguments} == ARGUMENTS[text]


def test_calls_are_paired_by_likeness_whatever_their_order() -> None:
    truth = [
        {"name": "book", "arguments": {"city": "Oslo", "nights": 2}},
        {"name": "book", "arguments": {"city": "Rome", "nights": 5}},
    ]
    text = "[book(city='Rome', nights=4), book(city='Oslo', nights=2), fly(to='Bern')]"
    pairs = diff(response(text, json.dumps(truth))).pairs
    assert pairs is not None
    assert [(pair.made, pair.expected) for pair in pairs] == [
        ("book", "book"),
        ("book", "book"),
        ("fly", None),
    ]
    assert [each.value for each in pairs[0].arguments[:2]] == ["'Oslo'", "2"]
    assert [each.state for each in pairs[1].arguments[:2]] == ["same", "different"]
    assert [each.state for each in pairs[2].arguments] == ["extra"]
    (missing,) = diff(response("[]")).pairs or []
    assert (missing.made, missing.arguments[0].state) == (None, "missing")


def test_alternatives_are_all_shown() -> None:
    truth = {
        "calls": [
            {"name": "book", "arguments": {"city": ["Oslo", "Christiania"]}, "omissible": ["city"]}
        ],
        "alternatives": True,
    }
    (pair,) = diff(response("[book(city='Bergen')]", json.dumps(truth))).pairs or []
    assert pair.arguments[0].expected == ["'Oslo'", "'Christiania'"]


def test_an_answer_that_is_no_list_of_calls_is_compared_as_text() -> None:
    shown = diff(response("book(city='Rome', nights=2)"))
    assert shown.pairs is None
    assert shown.pieces is not None
    of_answer, of_reference = shown.pieces
    assert [text for text, same in of_answer if not same] == ["Rome"]
    assert [text for text, same in of_reference if not same] == ["[", "Oslo", "]"]
    assert (
        "".join(text for text, _ in of_reference)
        == shown.expected
        == "[book(city='Oslo', nights=2)]"
    )
    unlike = diff(response("I cannot help with that, sorry."))
    assert unlike.pieces == (
        [("I cannot help with that, sorry.", False)],
        [("[book(city='Oslo', nights=2)]", False)],
    )


def test_where_no_call_is_expected_or_no_reference_known_there_is_nothing_to_pair() -> None:
    for text in ("Nothing fits.", "[book()]"):
        shown = diff(response(text, "[]"))
        assert (shown.answer, shown.expected, shown.pairs, shown.pieces) == (text, "", None, None)
    unknown = response("[book()]", None)
    assert diff(unknown).expected is None
    assert diff(replace(unknown, ground_truth="{")).expected is None


@given(st.text(), st.sampled_from(["python", "hermes", "json", "klingon"]))
def test_whatever_a_model_writes_can_be_shown(text: str, form: str) -> None:
    written = replace(response("", EXPECTED, call_form=form), text=text)
    shown = content(Sample([written], 1, 1), "t", 0)
    assert shown["prompts"][0]["responses"][0]["text"] == text
    json.dumps(shown, allow_nan=False)


def test_the_tiny_models_responses_are_judged_as_the_reward_judged_them() -> None:
    sample = read_sample([TINY], limit=1000, seed=0)
    assert (len(sample.responses), sample.total_responses, sample.total_prompts) == (64, 64, 8)
    for each in sample.responses:
        pairs = diff(each).pairs
        states = {argument.state for pair in pairs or [] for argument in pair.arguments}
        assert each.trace is not None
        assert "".join(each.trace.tokens).startswith(each.text)
        if each.reason == Reason.OK:
            assert states <= {"same", "left out"}
        elif each.reason in (Reason.WRONG_ARGUMENT, Reason.WRONG_COUNT):
            assert states & {"different", "missing", "extra"}
        else:
            assert pairs is None


def test_a_sample_holds_whole_prompts_and_repeats_itself() -> None:
    sample = read_sample([TINY], limit=20, seed=1)
    assert sorted(Counter(each.group for each in sample.responses).values()) == [8, 8]
    assert (sample.total_responses, sample.total_prompts) == (64, 8)
    again, other = (read_sample([TINY], limit=20, seed=seed) for seed in (1, 2))
    assert again == sample
    assert [each.key for each in other.responses] != [each.key for each in sample.responses]
    assert len(read_sample([TINY], limit=3, seed=1).responses) == 8, "at least one prompt"


def test_egpos_files_come_before_verls_and_steps_in_their_order(tmp_path: Path) -> None:
    table = pq.read_table(TINY)
    for step in (10, 9):
        numbered = table.set_column(0, "step", pa.array([step] * len(table), pa.int32()))
        pq.write_table(numbered, tmp_path / f"{step}.parquet")
    (tmp_path / "9.jsonl").write_text(verl_line())
    sample = read_sample([tmp_path], limit=1000, seed=0)
    assert [each.step for each in sample.responses] == [9] * 64 + [10] * 64
    (only,) = read_sample([tmp_path / "9.jsonl"], limit=9, seed=0).responses
    assert (only.step, only.trace, only.messages) == (
        4,
        None,
        [{"role": "prompt", "content": "Hi?"}],
    )


def test_verls_validation_lines_say_why(tmp_path: Path) -> None:
    lines = [verl_line(uid=f"u_{n}_0", reason=float(n), score=None) for n in (60, 64)]
    (tmp_path / "4.jsonl").write_text("".join(lines))
    first, second = read_sample([tmp_path], limit=9, seed=0).responses
    assert (first.reason, second.reason, first.group, second.group) == (60, 64, "u", "u")


def test_turns_of_chatml_without_its_special_tokens_are_told_apart(tmp_path: Path) -> None:
    prompt = "system\nBe brief.\nuser\nHow are\nyou?\nassistant\n"
    (tmp_path / "1.jsonl").write_text(verl_line(input=prompt))
    (only,) = read_sample([tmp_path], limit=9, seed=0).responses
    assert only.messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How are\nyou?"},
    ]


def test_no_text_can_leave_the_element_that_holds_the_data() -> None:
    hostile = "</script><script>alert(1)</script><!--<script> \u2028 @@SCRIPT@@ \ud800"
    document = page(Sample([response(hostile, json.dumps([]))], 1, 1), hostile, seed=0)
    data = document.split('<script id="data" type="application/json">')[1].split("</script>")[0]
    assert json.loads(data)["prompts"][0]["responses"][0]["calls"]["answer"].startswith("</script>")
    assert document.count("<script") == document.count("</script>") == 2
    script = document.rsplit("<script>", 1)[1].split("</script>")[0]
    (allowed,) = re.findall(r"script-src 'sha256-([\w+/=]+)'", document)
    assert b64encode(sha256(script.encode()).digest()).decode() == allowed
    assert not re.search(r"""(src|href)=|url\(|@import|https?:""", document)


def test_the_command_writes_a_page_and_prints_what_is_on_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "page.html"
    assert main([str(TINY), "--out", str(out), "--limit", "16"]) == 0
    printed = capsys.readouterr().out
    assert "16 of 64 responses (a sample of whole prompts, seed 0; --limit shows more)" in printed
    assert main([str(TINY), "--out", str(out)]) == 0
    assert capsys.readouterr().out.startswith("64 responses: ")
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]


def test_the_page_needs_the_base_installation_only(tmp_path: Path) -> None:
    program = (
        "import sys; "
        "absent = ('torch', 'numpy', 'verl', 'transformers', 'ray', 'matplotlib'); "
        "sys.modules.update(dict.fromkeys(absent)); "
        "from egpo_verl.inspect.__main__ import main; "
        f"sys.exit(main([{str(TINY)!r}, '--out', {str(tmp_path / 'page.html')!r}]))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("nowhere", None, "does not exist: train with +algorithm.egpo.record_dir"),
        (".", None, "holds no rollouts"),
        ("1.parquet", b"PAR1", "not a parquet file"),
        ("1.jsonl", b"{}\n", "1.jsonl:1 is not a line of verl's rollouts"),
        ("1.jsonl", verl_line().encode() + b"[1]\n", "1.jsonl:2 is not a line"),
        ("1.jsonl", b'{"input": 3, "output": "", "score": 0}', "1.jsonl:1 is not a line"),
        ("1.jsonl", b"\xff\xfe", "cannot be read as text"),
        ("1.jsonl", b"", "no response in there"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes | None,
    sentence: str,
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    out = tmp_path / "page.html"
    assert main([str(tmp_path / name), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert len(error.splitlines()) == 1
    assert not out.exists()


def test_other_parquet_files_and_unwritable_pages_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pq.write_table(pa.table({"prompt": ["hi"]}), tmp_path / "train.parquet")
    with pytest.raises(UserError, match="is no file of rollouts"):
        read_sample([tmp_path / "train.parquet"], limit=9, seed=0)
    assert main([str(TINY), "--out", str(tmp_path / "no" / "page.html")]) == 2
    assert "cannot be written" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        main([str(TINY), "--limit", "0"])
    assert stopped.value.code == 2
