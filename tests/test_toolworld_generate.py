"""The generator: the same tasks everywhere, splits that do not touch, references that are right."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egpo_verl.calls import ToolSet
from egpo_verl.datasets.parquet.rows import to_row
from egpo_verl.datasets.sample import Sample
from egpo_verl.reward import compute_score
from egpo_verl.toolworld import DEFAULT_LEVELS, KINDS, SPLITS, demonstrations, generate
from egpo_verl.toolworld.catalogue import SPECS
from egpo_verl.toolworld.levels import PLAIN_LEVELS

ALL_LEVELS = tuple(PLAIN_LEVELS)
FINGERPRINT = "fdcc0613dc0b6b17"


def fingerprint(rows: list[tuple[Sample, str]]) -> str:
    """A digest of all that a user gets."""
    text = json.dumps([[*sample.messages, *sample.tools, gold] for sample, gold in rows])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_rows_are_those_of_every_other_machine_and_python() -> None:
    # A changed digest means changed tasks: older runs are no longer comparable, and the committed
    # model was warmed on other data. Change it only on purpose.
    rows = [row for split in SPLITS for row in demonstrations(100, 0, split, ALL_LEVELS)]
    assert fingerprint(rows) == FINGERPRINT


def test_rows_do_not_depend_on_the_hash_seed_of_the_process() -> None:
    program = (
        "from egpo_verl.toolworld import generate; print([s.messages for s in generate(30, 7)])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {f"{[sample.messages for sample in generate(30, 7)]}\n"}


def test_the_generator_needs_neither_torch_nor_transformers() -> None:
    program = (
        "import sys; from egpo_verl.toolworld import generate; list(generate(3)); "
        "sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_longer_run_begins_with_a_shorter_one() -> None:
    assert list(generate(20, 3, "test")) == list(islice(generate(60, 3, "test"), 20))


def test_another_seed_gives_other_tasks() -> None:
    assert questions(generate(50, 0)) != questions(generate(50, 1))


def test_no_question_and_no_open_value_of_train_stands_in_a_test_split() -> None:
    train = list(generate(4000, 0, "train", ALL_LEVELS))
    texts, values = questions(train), open_values(train)
    assert len(values) > 2000
    for split in ("test", "test_hard"):
        samples = list(generate(800, 1, split, ALL_LEVELS))
        assert not texts & questions(samples)
        assert not values & open_values(samples)


def test_only_the_hard_test_knows_the_held_out_tools() -> None:
    held_out = {spec.name for spec in SPECS if spec.held_out}
    for split in ("train", "test"):
        samples = list(generate(1500, 0, split, ALL_LEVELS))
        assert not held_out & {tool["name"] for sample in samples for tool in sample.tools}
    hard = list(generate(1500, 0, "test_hard", ALL_LEVELS))
    assert {call.name for sample in hard for call in sample.calls} == held_out


def test_training_calls_at_least_sixty_tools() -> None:
    called = {call.name for s in generate(6000, 0, "train", ALL_LEVELS) for call in s.calls}
    assert len(called) >= 60
    assert len({spec.name for spec in SPECS}) == len(SPECS)


def test_calls_state_every_kind_of_value() -> None:
    kinds = {(spec.name, param.name): param.kind for spec in SPECS for param in spec.params}
    calls = [call for sample in generate(2000, 0, levels=(3,)) for call in sample.calls]
    stated = {kinds[call.name, name] for call in calls for name in call.arguments}
    assert stated == {"string", "integer", "number", "boolean", "enum", "array", "object"}


def test_calls_state_every_optional_value_now_and_then() -> None:
    calls = [call for sample in generate(6000, 0, levels=(2, 3)) for call in sample.calls]
    for spec in SPECS:
        for param in spec.params if not spec.held_out else ():
            stated = {param.name in call.arguments for call in calls if call.name == spec.name}
            assert stated == ({True} if param.required else {True, False})


@pytest.mark.parametrize("level", ALL_LEVELS)
def test_a_level_asks_what_it_promises(level: int) -> None:
    samples = list(generate(600, 0, "train", (level,)))
    promised = PLAIN_LEVELS[level]
    assert {sample.extra["difficulty"] for sample in samples} == {level}
    assert {sample.extra["kind"] for sample in samples} == set(promised.kinds)
    for sample in samples:
        kind, calls, offered = sample.extra["kind"], len(sample.calls), len(sample.tools)
        if kind == "single":
            assert (calls, offered) == (1, 1)
        elif kind == "multiple":
            assert calls == 1
            assert offered >= 2
        elif kind == "parallel":
            assert promised.calls[0] <= calls <= promised.calls[1]
        else:
            assert calls == 0
        assert offered <= promised.offered[1]


def test_the_default_levels_hold_every_kind_of_task() -> None:
    assert {sample.extra["kind"] for sample in generate(300)} == set(KINDS)
    assert {sample.extra["difficulty"] for sample in generate(300)} == set(DEFAULT_LEVELS)


@pytest.mark.parametrize("split", SPLITS)
def test_every_reference_fits_its_tools_and_every_gold_response_earns_the_reward(
    split: str,
) -> None:
    for sample, gold in demonstrations(500, 0, split, ALL_LEVELS):
        assert ToolSet.from_json(json.dumps(sample.tools)).check(sample.calls) is None
        assert reward(sample, gold) == 1.0, gold


def test_the_gold_response_of_another_task_earns_nothing() -> None:
    rows = list(demonstrations(80, 0, levels=(1,)))
    for (sample, _), (other, gold) in pairwise(rows):
        assert sample.calls == other.calls or reward(sample, gold) == 0.0


def test_a_careless_teacher_gets_calls_wrong_by_two_habits_and_leaves_refusals_alone() -> None:
    gold = list(demonstrations(400, 0))
    rows = list(demonstrations(400, 0, noise=0.35))
    assert [sample for sample, _ in rows] == [sample for sample, _ in gold]
    for (sample, response), (_, right) in zip(rows, gold, strict=True):
        assert reward(sample, response) == float(response == right)
        assert sample.calls or response == right
    wrong = sum(response != right for (_, response), (_, right) in zip(rows, gold, strict=True))
    assert 150 < wrong < 270


def test_thoughts_of_one_tool_are_worded_in_many_ways() -> None:
    thoughts = [
        gold.split("</think>")[0].replace(str(next(iter(sample.calls[0].arguments.values()))), "")
        for sample, gold in demonstrations(3000, 0, levels=(1,))
        if sample.calls[0].name == "get_menu"
    ]
    assert len(thoughts) > 20
    assert len(set(thoughts)) > 0.8 * len(thoughts)


@given(seed=st.integers(), split=st.sampled_from(SPLITS), level=st.sampled_from(ALL_LEVELS))
@settings(max_examples=60)
def test_any_seed_gives_a_task_whose_gold_response_earns_the_reward(
    seed: int, split: str, level: int
) -> None:
    ((sample, gold),) = demonstrations(1, seed, split, (level,))
    assert reward(sample, gold) == 1.0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"split": "validation"}, "train, test, test_hard"),
        ({"levels": (1, 9)}, "9"),
        ({"levels": ()}, "levels"),
        ({"n": -1}, "-1"),
    ],
)
def test_a_wrong_request_is_refused_at_once(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        generate(**{"n": 1, **arguments})


def reward(sample: Sample, response: str) -> float:
    """The reward of the parquet row."""
    row = to_row(sample, 0)
    truth = row["reward_model"]["ground_truth"]
    result = compute_score(row["data_source"], response, truth, row["extra_info"])
    return float(result["score"])


def questions(samples: Any) -> set[str]:
    """What is asked."""
    return {sample.messages[0]["content"] for sample in samples}


def open_values(samples: list[Sample]) -> set[str]:
    """The strings and numbers of calls that come from open pools, each as JSON."""
    params = {spec.name: {param.name: param for param in spec.params} for spec in SPECS}
    return {
        json.dumps(value)
        for sample in samples
        for call in sample.calls
        for name, value in call.arguments.items()
        if params[call.name][name].kind in ("string", "number")
    }
