"""Tasks whose values must be derived: references are right, splits apart, and thoughts tell."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egpo_verl.calls import ToolSet
from egpo_verl.datasets.parquet.rows import from_row, to_row
from egpo_verl.datasets.sample import Sample
from egpo_verl.reward import compute_score
from egpo_verl.toolworld import (
    DERIVED_LEVELS,
    SKILLS,
    SPLITS,
    TEACHERS,
    demonstrations,
    generate,
    ways,
)

LEVELS = tuple(DERIVED_LEVELS)
MIX = {"careful": 0.2, "checker": 0.15, "jumper": 0.65}
FINGERPRINT = "2df3697c95dac39f"
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LARGE = {"hours": 60, "weeks": 7, "years": 12, "kilometers": 1000, "euros": 100}
UNIT = r"(minutes|days|months|meters|cents)"


def test_rows_are_those_of_every_other_machine_and_python() -> None:
    # The committed model was warmed on this data: change it only on purpose.
    digest = hashlib.sha256()
    for split in SPLITS:
        for sample, response in demonstrations(200, 0, split, LEVELS, teachers=MIX):
            row = [list(sample.messages), list(sample.tools), response]
            digest.update(json.dumps(row).encode())
    assert digest.hexdigest()[:16] == FINGERPRINT


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("level", [6, 7])
def test_every_reference_is_what_the_question_means(split: str, level: int) -> None:
    for sample in generate(600, 3, split, (level,)):
        solve = SOLVERS[sample.extra["skill"]]
        assert solve(sample) in (sample.calls[0].name, *derived(sample)), sample


def test_two_values_of_a_call_are_what_the_question_means() -> None:
    for sample in generate(200, 3, "train", (8,)):
        for skill in sample.extra["skill"].split("+"):
            value = SOLVERS[skill](sample)
            assert value in (sample.calls[0].name, *derived(sample)), sample


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_holds_every_skill_and_tells_it(level: int) -> None:
    samples = list(generate(600, 0, "train", (level,)))
    skills = Counter(skill for s in samples for skill in s.extra["skill"].split("+"))
    assert set(skills) == set(SKILLS)
    assert min(skills.values()) > 50
    assert {len(s.extra["skill"].split("+")) for s in samples} == {DERIVED_LEVELS[level].values}
    assert {s.extra["difficulty"] for s in samples} == {level}
    assert {s.extra["kind"] for s in samples} == {"multiple"}


def test_no_question_and_no_derived_value_of_train_stands_in_a_test_split() -> None:
    train = list(generate(6000, 0, "train", LEVELS))
    texts, values = {all_text(sample) for sample in train}, derived_values(train)
    for split in ("test", "test_hard"):
        samples = list(generate(500, 1, split, LEVELS))
        assert not texts & {all_text(sample) for sample in samples}
        assert not values & derived_values(samples)


def test_only_the_hard_test_knows_the_held_out_tools() -> None:
    names = {
        split: {tool["name"] for sample in generate(600, 0, split, LEVELS) for tool in sample.tools}
        for split in SPLITS
    }
    called = {call.name for s in generate(600, 0, "test_hard", LEVELS) for call in s.calls}
    assert names["train"] == names["test"]
    assert not called & names["train"]


def test_a_question_is_asked_in_many_wordings() -> None:
    samples = list(generate(1500, 0, "train", (6, 7)))
    for skill in SKILLS:
        texts = {frame(sample) for sample in samples if sample.extra["skill"] == skill}
        assert len(texts) > 40, skill


def test_todays_date_stands_in_the_system_message_of_the_row() -> None:
    for sample in generate(100, 0, "train", LEVELS):
        if sample.messages[0]["role"] == "system":
            row = to_row(sample, 0)
            assert row["prompt"][0]["content"].endswith(f"\n\n{sample.messages[0]['content']}")
            assert from_row(row).messages == sample.messages


@pytest.mark.parametrize("split", SPLITS)
def test_every_reference_fits_its_tools_and_two_teachers_always_earn_the_reward(split: str) -> None:
    for teacher, way in (("careful", False), ("checker", True)):
        for sample, response in demonstrations(200, 0, split, LEVELS, teachers={teacher: 1}):
            assert ToolSet.from_json(json.dumps(sample.tools)).check(sample.calls) is None
            assert reward(sample, response) == 1.0, response
            assert ways(response) == {"derives": True, "checks": way}


def test_a_checker_mends_some_of_its_first_values() -> None:
    rows = list(demonstrations(400, 0, "train", (6,), teachers={"checker": 1}))
    mended = sum("corrected" in response for _, response in rows)
    assert 0.3 < mended / len(rows) < 0.5


@pytest.mark.parametrize("level", [6, 7])
def test_a_jumper_is_mostly_wrong_and_neither_derives_nor_checks(level: int) -> None:
    rows = list(demonstrations(600, 0, "train", (level,), teachers={"jumper": 1}))
    right = sum(reward(sample, response) for sample, response in rows)
    assert 0.2 < right / len(rows) < 0.4
    for sample, response in rows:
        assert ways(response) == {"derives": False, "checks": False}
        assert result(sample, response)["schema_ok"] == 1.0


def test_the_mix_of_teachers_is_the_one_asked_for() -> None:
    thoughts = [ways(text) for _, text in demonstrations(2000, 0, "train", (6,), teachers=MIX)]
    shares = {way: sum(thought[way] for thought in thoughts) / 2000 for way in thoughts[0]}
    assert shares["derives"] == pytest.approx(0.35, abs=0.04)
    assert shares["checks"] == pytest.approx(0.15, abs=0.03)


def test_thoughts_of_plain_levels_tell_no_way() -> None:
    for _, response in demonstrations(500, 0, "train", (1, 2, 3)):
        assert ways(response) == {"derives": False, "checks": False}


def test_the_teachers_do_not_change_the_tasks() -> None:
    tasks = list(generate(60, 5, "train", (1, 6, 7)))
    for teacher in TEACHERS:
        rows = demonstrations(60, 5, "train", (1, 6, 7), teachers={teacher: 1})
        assert [sample for sample, _ in rows] == tasks


def test_levels_of_both_kinds_are_drawn_as_often_as_they_are_named() -> None:
    for split in SPLITS:
        levels = Counter(s.extra["difficulty"] for s in generate(600, 0, split, (1, 6, 6)))
        assert levels[6] / 600 == pytest.approx(2 / 3, abs=0.07)


@given(seed=st.integers(), split=st.sampled_from(SPLITS), level=st.sampled_from(LEVELS))
@settings(max_examples=60, deadline=None)
def test_any_seed_gives_a_task_that_a_careful_teacher_gets_right(
    seed: int, split: str, level: int
) -> None:
    ((sample, response),) = demonstrations(1, seed, split, (level,))
    assert reward(sample, response) == 1.0


def question(sample: Sample) -> str:
    """The last message."""
    return str(sample.messages[-1]["content"])


def all_text(sample: Sample) -> str:
    """All messages."""
    return json.dumps(sample.messages)


def frame(sample: Sample) -> str:
    """The words of the question, without names and numbers."""
    return re.sub(r"[A-Z]\w+|\d+", "_", question(sample))


def derived(sample: Sample) -> list[Any]:
    """The values of the call."""
    return list(sample.calls[0].arguments.values())


def derived_values(samples: list[Sample]) -> set[str]:
    """What the question asks to derive, as far as it is an argument."""
    return {
        json.dumps(SOLVERS[skill](sample))
        for sample in samples
        for skill in sample.extra["skill"].split("+")
        if skill != "condition"
    }


OF_CITIES = re.compile(
    r"On \w+ I am [^.]*\.|My city on [^.]*\.|my city of \w+|where I am on \w+", re.IGNORECASE
)


def by_date(sample: Sample) -> str:
    """The date that the question tells by today's."""
    told = re.fullmatch(r"Today is (\w+), (\S+)\.", sample.messages[0]["content"])
    assert told is not None
    today, text = date.fromisoformat(told[2]), OF_CITIES.sub("", question(sample)).lower()
    assert DAYS[today.weekday()] == told[1]
    named = {"in two weeks": 14, "two weeks from": 14, "a week from tomorrow": 8}
    named |= {"in a week": 7, "a week from today": 7, "day after tomorrow": 2, "tomorrow": 1}
    for words, ahead in named.items():
        if words in text:
            return (today + timedelta(days=ahead)).isoformat()
    number = re.search(r"(\d+) days(?: from now| from today| after today|)", text)
    if number and not any(day.lower() in text for day in DAYS):
        return (today + timedelta(days=int(number[1]))).isoformat()
    later = any(word in text for word in ("after next", "second", "a week after"))
    weekday = next(place for place, day in enumerate(DAYS) if day.lower() in text)
    coming = today + timedelta(days=1)
    while coming.weekday() != weekday:
        coming += timedelta(days=1)
    return (coming + timedelta(days=7 if later else 0)).isoformat()


def by_sum(sample: Sample) -> int:
    """The sum or difference that the question tells."""
    text = re.sub(r"\d{4}-\d\d-\d\d", "", question(sample))
    match = re.search(r"(\d+) [a-z ]+?(and|plus|minus|less|, but|but)(?: another)? (\d+)", text)
    assert match is not None, text
    sign = 1 if match[2] in ("and", "plus") else -1
    return int(match[1]) + sign * int(match[3])


def by_unit(sample: Sample) -> int:
    """The amount in the smaller unit."""
    text = question(sample)
    large = sum(
        int(number) * LARGE[unit]
        for number, unit in re.findall(rf"(\d+) ({'|'.join(LARGE)})", text)
    )
    return large + sum(int(number) for number, _ in re.findall(rf"(\d+)(?: more)? {UNIT}", text))


def by_same(sample: Sample) -> str:
    """The city that another mention gives."""
    earlier = [m["content"] for m in sample.messages[:-1] if m["role"] == "user"]
    cities_before = [re.findall(r"in (\w+)\?", text)[0] for text in earlier]
    text = question(sample)
    if cities_before:
        return str(cities_before[0] if " first" in text else cities_before[-1])
    cities = dict(re.findall(r"(\w+) (?:lives|is) in ([A-Z]\w+)\.", text))
    cities |= dict(re.findall(r"home of (\w+) is (\w+)\.", text))
    cities |= dict(re.findall(r"On (\w+) I am in ([A-Z]\w+)\.", text))
    cities |= dict(re.findall(r"My city on (\w+) is (\w+)\.", text))
    links = dict(re.findall(r"(\w+) (?:lives in the same city as|is where) (\w+)(?: is)?\.", text))
    links |= dict(re.findall(r"On (\w+) I am in the same city as on (\w+)\.", text))
    links |= dict(re.findall(r"On (\w+) I am where I am on (\w+)\.", text))
    start = (set(links) - set(links.values())).pop()
    while start in links:
        start = links[start]
    return str(cities[start])


def by_table(sample: Sample) -> int | str:
    """What the table of the question gives."""
    text = question(sample)
    rows = re.findall(r"([A-Z][a-z]+ [A-Z][a-z]+|[a-z]+)(?::| costs| \||) (\d\d)\b", text)
    prices = {name: int(price) for name, price in rows}
    request = re.search(
        r"(?:price|cost) of (\w+)(?: (?:and|plus) (\w+))?|what (\w+)(?: and (\w+))? cost", text
    )
    if request:
        return sum(prices[name] for name in request.groups() if name)
    least = any(word in text for word in ("cheapest", "lowest", "costs least"))
    named = {name: price for name, price in prices.items() if name[0].isupper()}
    return (min if least else max)(named, key=named.__getitem__)


def by_condition(sample: Sample) -> str:
    """The tool whose description takes the number of the call."""
    number = next(iter(sample.calls[0].arguments.values()))
    fitting = [tool["name"] for tool in sample.tools if takes(tool["description"], number)]
    assert len(fitting) == 1
    return str(fitting[0])


def takes(description: str, number: int) -> bool:
    """Whether a description covers the number."""
    first, *rest = map(int, re.findall(r"\d+", description))
    if rest:
        return first <= number <= rest[0]
    return number <= first if "at most" in description else number > first


SOLVERS = {
    "date": by_date,
    "sum": by_sum,
    "unit": by_unit,
    "same": by_same,
    "table": by_table,
    "condition": by_condition,
}


def result(sample: Sample, response: str) -> Mapping[str, float]:
    """The reward of the parquet row, with its stages."""
    row = to_row(sample, 0)
    truth = row["reward_model"]["ground_truth"]
    scores: Mapping[str, float] = compute_score(
        row["data_source"], response, truth, row["extra_info"]
    )
    return scores


def reward(sample: Sample, response: str) -> float:
    """The reward alone."""
    return result(sample, response)["score"]
