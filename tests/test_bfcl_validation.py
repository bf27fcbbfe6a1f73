"""BFCL as validation inside training: one `data_source` a category, judged as BFCL judges."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from egpo_verl.calls import Call, Reference, render
from egpo_verl.datasets.parquet.rows import from_row
from egpo_verl.errors import UserError
from egpo_verl.evaluate.bfcl.official import Official
from egpo_verl.evaluate.response import split_response
from egpo_verl.preprocess import main
from egpo_verl.reward import Reason, compute_score

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "data" / "samples" / "bfcl"
RIGHT = "[paint.mix(colour='navy', litres=2)]"
THOUGHT = "<think>So.</think>\n"


@pytest.fixture
def rows(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Rows of the samples by their data source."""
    return {row["data_source"]: row for row in written(SAMPLES, tmp_path)}


def written(source: Path, folder: Path) -> list[dict[str, Any]]:
    words = ["bfcl", "--local_dataset_path", str(source), "--local_save_dir", str(folder)]
    assert main(words) == 0
    rows: list[dict[str, Any]] = pq.read_table(folder / "test.parquet").to_pylist()
    return rows


def scored(row: dict[str, Any], response: str) -> dict[str, float | int]:
    truth = row["reward_model"]["ground_truth"]
    return compute_score(row["data_source"], response, truth, row["extra_info"])


def test_every_category_is_a_data_source(rows: dict[str, dict[str, Any]]) -> None:
    assert rows.keys() == {
        "bfcl_simple_python",
        "bfcl_irrelevance",
        "bfcl_live_multiple",
        "bfcl_live_relevance",
    }


@pytest.mark.parametrize(
    ("category", "response", "acc", "format_ok", "reason"),
    [
        ("simple_python", f"{THOUGHT}{RIGHT}", 1, 1, Reason.OK),
        # The scorer strips the thought and asks for no template; we tell whether it held.
        ("simple_python", RIGHT, 1, 0, Reason.OK),
        ("simple_python", f"<think>a</think><think>b</think>{RIGHT}", 1, 0, Reason.OK),
        ("simple_python", f"<think>{RIGHT}", 0, 0, Reason.NO_CALL_MADE),
        ("simple_python", f"{THOUGHT}```\n{RIGHT}\n```", 1, 1, Reason.OK),
        ("simple_python", f"{THOUGHT}{RIGHT[1:-1]}", 1, 1, Reason.OK),
        ("simple_python", f"{THOUGHT}Sure: {RIGHT}", 0, 1, None),
        ("simple_python", f"{THOUGHT}[paint.mix(colour='NA-VY.', litres=2)]", 1, 1, Reason.OK),
        ("simple_python", f"{THOUGHT}[paint.mix(colour='sky', litres=2)]", 0, 1, None),
        # A listed answer that the declared type refuses.
        ("live_multiple", f"{THOUGHT}[paint.mix(colour='red', litres='1')]", 1, 1, Reason.OK),
        ("irrelevance", f"{THOUGHT}None of them can sing.", 1, 1, Reason.OK),
        ("irrelevance", "None of them can sing.", 1, 0, Reason.OK),
        ("irrelevance", f"{THOUGHT}[]", 1, 1, Reason.OK),
        ("irrelevance", f"{THOUGHT}[paint.mix(colour=", 1, 1, Reason.OK),
        ("irrelevance", f"{THOUGHT}{RIGHT}", 0, 1, Reason.CALL_NOT_WANTED),
        ("irrelevance", f"{THOUGHT}[sing('loud')]", 0, 1, Reason.CALL_NOT_WANTED),
        ("irrelevance", f"{THOUGHT}[sing(song=hymn)]", 0, 1, Reason.CALL_NOT_WANTED),
        ("irrelevance", f"{THOUGHT}[sing(verses=1 + 2)]", 0, 1, Reason.CALL_NOT_WANTED),
        ("irrelevance", f"{THOUGHT}[sing(verses=song.verses)]", 1, 1, Reason.OK),
        ("irrelevance", f"{THOUGHT}[sing(verses=1 < 2)]", 1, 1, Reason.OK),
        ("irrelevance", f"{THOUGHT}[sing('loud'", 1, 1, Reason.OK),
        ("live_relevance", f"{THOUGHT}{RIGHT}", 1, 1, Reason.OK),
        ("live_relevance", f"{THOUGHT}[anything(a=1)]", 1, 1, Reason.OK),
        ("live_relevance", f"{THOUGHT}I cannot.", 0, 1, Reason.NO_CALL_MADE),
        ("live_relevance", f"{THOUGHT}[]", 0, 1, Reason.NO_CALL_MADE),
        ("live_relevance", "", 0, 0, Reason.NO_CALL_MADE),
    ],
)
def test_a_row_is_judged_as_bfcl_judges(
    rows: dict[str, dict[str, Any]],
    category: str,
    response: str,
    acc: int,
    format_ok: int,
    reason: Reason | None,
) -> None:
    result = scored(rows[f"bfcl_{category}"], response)
    assert (result["acc"], result["format_ok"]) == (acc, format_ok)
    assert result["score"] == acc
    if reason is not None:
        assert Reason(result["reason"]) is reason


def test_calls_of_another_form_are_read_too(tmp_path: Path) -> None:
    words = ["bfcl", "--local_dataset_path", str(SAMPLES), "--local_save_dir", str(tmp_path)]
    assert main([*words, "--call_form", "hermes"]) == 0
    row, *_ = pq.read_table(tmp_path / "test.parquet").to_pylist()
    call = {"name": "paint.mix", "arguments": {"colour": "navy", "litres": 2}}
    assert scored(row, f"{THOUGHT}<tool_call>\n{json.dumps(call)}\n</tool_call>")["acc"] == 1


@pytest.mark.parametrize(
    "text",
    [
        f"[f(1, a={'-' * 3900}1)]",
        f"[f(1, a=b{'.c' * 1900})]",
        f"[f({'(' * 199}1{')' * 199})]",
        f"[f(1, a={'-' * 30_000}1)]",
        "[f(1, '\ud800')]",
        "[f(1,\0)]",
        "[f(*x, **y)]",
    ],
)
def test_hostile_text_is_judged_and_never_raises(
    rows: dict[str, dict[str, Any]], text: str
) -> None:
    for row in rows.values():
        assert scored(row, f"{THOUGHT}{text}")["acc"] in (0.0, 1.0)


def test_the_rows_of_training_sets_keep_the_strict_rules() -> None:
    truth = json.dumps([{"name": "f", "arguments": {"x": "Navy"}}])
    assert compute_score("xlam", "[f(x='navy')]", truth)["reason"] == Reason.NO_THOUGHT
    assert compute_score("xlam", f"{THOUGHT}[f(x='navy')]", truth)["acc"] == 0
    assert compute_score("xlam", f"{THOUGHT}I see [f(x='Navy')]", "[]")["acc"] == 0


def test_unknown_rules_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown rules"):
        Reference.from_json('{"calls": [], "rules": "mine"}')


def test_verl_logs_an_accuracy_for_each_category(rows: dict[str, dict[str, Any]]) -> None:
    """By verl's naming of what its validation logs."""
    trainer = pytest.importorskip("verl.trainer.ppo.ray_trainer").RayPPOTrainer
    judged = [(name, scored(row, f"{THOUGHT}{RIGHT}")) for name, row in rows.items()]
    infos = {key: [result[key] for _, result in judged] for key in judged[0][1]}
    names = np.array([name for name, _ in judged])
    uids = [str(number) for number in range(len(judged))]
    metrics = trainer._val_metrics_update(None, names, uids, infos, [])
    assert metrics["val-core/bfcl_simple_python/acc/mean@1"] == 1.0
    assert metrics["val-core/bfcl_live_multiple/acc/mean@1"] == 0.0
    assert metrics["val-core/bfcl_irrelevance/acc/mean@1"] == 0.0
    assert metrics["val-core/bfcl_live_relevance/acc/mean@1"] == 1.0
    assert metrics["val-aux/bfcl_live_multiple/schema_ok/mean@1"] == 1.0
    assert metrics["val-aux/bfcl_live_multiple/match_ok/mean@1"] == 0.0


WORDS = ("None of the functions can do that.", "I need the city first.", "No.", "[]", "")


def answer(
    calls: tuple[Call, ...], offered: str, mutations: dict[str, Any], chance: random.Random
) -> str:
    """A right answer, a changed one, a call where none is wanted, or words; often untidy."""
    if not calls:
        text = chance.choice((*WORDS, f"[{offered}(a=1)]", f"[{offered}(1)]", f"[{offered}(a="))
    else:
        mutation = mutations[chance.choice(list(mutations))]
        changed = mutation(calls) if chance.random() < 0.5 else None
        text = render(calls if changed is None else changed)
    untidy: list[Callable[[str], str]] = [
        lambda t: f"```\n{t}\n```",
        lambda t: f"```python\n{t}\n```",
        lambda t: t[1:-1],
        lambda t: t[:-2],
        lambda t: f"Sure: {t}",
        lambda t: f"{t}\nDone.",
    ]
    if chance.random() < 0.2:
        text = chance.choice(untidy)(text)
    if chance.random() < 0.9:
        return f"{THOUGHT}{text}"
    return chance.choice((text, f"<think>So {text}", f"<think>a</think><think>b</think>{text}"))


@pytest.mark.slow
def test_accuracy_is_the_official_one_on_the_same_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All 3,491 questions, answered by a seeded mix, through `bfcl evaluate` and our reward."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from bfcl_mutations import MUTATIONS

    try:
        official = Official(tmp_path / "scorer", None, 600, Console(stderr=True))
    except UserError as error:
        pytest.skip(str(error))
    (data,) = official.python.parents[1].glob("lib/*/site-packages/bfcl_eval/data")
    chance = random.Random(1)
    answers: dict[str, dict[str, str]] = defaultdict(dict)
    ours: dict[str, list[float]] = defaultdict(list)
    for row in written(data, tmp_path / "rows"):
        extra = json.loads(row["extra_info"]["facts"])
        tools = json.loads(row["extra_info"]["tools"])
        offered = tools[0]["name"] if tools else "f"
        response = answer(from_row(row).calls, offered, MUTATIONS, chance)
        ours[extra["category"]].append(scored(row, response)["acc"])
        answers[extra["category"]][extra["id"]] = split_response(response).answer
    for category, texts in answers.items():
        official.write("made", category, texts)
    official.evaluate(["made"], list(answers), partial=False)
    apart = {}
    for category, accs in ours.items():
        theirs = official.scored("made", category)
        assert theirs is not None
        assert theirs.total == len(accs)
        mine, official_score = 100 * sum(accs) / len(accs), 100 * theirs.correct / theirs.total
        apart[category] = abs(mine - official_score)
        Console().print(f"{category}: BFCL {official_score:.2f}, ours {mine:.2f} of {len(accs)}")
    assert len(apart) == 11
    assert max(apart.values()) == 0, apart
