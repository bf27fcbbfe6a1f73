"""Every source's schema, on the made samples in data/samples, and on real rows where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from egpo_verl.calls import FORMS, Call, Reference, ToolSet, match, parse, render
from egpo_verl.datasets.adapters.brackets import bracketed_calls
from egpo_verl.datasets.adapters.glaive import turns_in
from egpo_verl.datasets.adapters.tagged import tagged_calls, tagged_tools
from egpo_verl.datasets.checks.check import check
from egpo_verl.datasets.parquet.rows import from_row, to_row
from egpo_verl.datasets.registry import SOURCES
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.unusable import REASONS, Unusable
from egpo_verl.errors import UserError
from egpo_verl.reward import compute_score

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "data" / "samples"
OVEN = Call("oven_temperature")

# For each sample of a source: the roles of its messages, and its calls; or why it is refused.
EXPECTED: dict[str, list[tuple[str, list[Call]] | str]] = {
    "xlam": [
        ("user", [Call("tide_times", {"harbour": "Vlissingen", "day": "2031-04-02"})]),
        (
            "user",
            [
                Call("mix_paint", {"colour": "ochre", "litres": 2.5, "matt": True}),
                Call("mix_paint", {"colour": "teal", "litres": 4, "matt": False}),
            ],
        ),
        ("user", [Call("Hive Weight", {"hive-id": 12, "from": "2030-06-01", "days": "10"})]),
        ("user", [Call("knit.rows", {"pattern": [2, "3", 2], "repeats": 8})]),
        (
            "user",
            [Call("label_box", {"properties": {"mugs": 4, "jars": 1}}), Call("ring_bell")],
        ),
        ("user", []),
        ("user", [Call("mix_paint", {"colour": 'Größenwahn-Grün "it\'s"', "litres": 1.0})]),
        ("user", [Call("Hive Weight", {"hive-id": 3, "from": "2030-05-01"})]),
    ],
    "toolace": [
        (
            "system user",
            [
                Call("Kite Weather API", {"beach": "Hornbæk", "wind-unit": "m/s"}),
                Call("Kite.shop/search", {"colour": "red, or (dark) orange", "most": 20}),
            ],
        ),
        ("system user assistant tool", []),
        (
            "system user assistant tool assistant user",
            [Call("Kite.shop/search", {"colour": "green"})],
        ),
        ("user", []),
        "bad_calls",
        "invalid_history",
    ],
    "toolrl": [
        (
            "user",
            [Call("Bee Count", {"hive": "4"}), Call("harvest_honey", {"hive": 5, "jars": 2.5})],
        ),
        ("user assistant tool assistant user", []),
        (
            "user",
            [Call("Bee Count", {"hive": "4"}), Call("harvest_honey", {"hive": 5, "jars": 2.5})],
        ),
    ],
    "glaive": [
        ("user", []),
        (
            "user assistant user",
            [Call("bake_bread", {"kind": "rye", "loaves": 6, "seeds": ["sesame", "flax"]})],
        ),
        ("user assistant user assistant tool", []),
        ("user", [Call("bake_bread", {"kind": "baker's rye", "loaves": 2})]),
        ("user assistant tool", []),
        ("user assistant tool assistant user", [OVEN]),
        "no_tools",
    ],
    "hermes": [
        (
            "user",
            [
                Call("book_ferry", {"pier": "north", "people": 3, "bikes": 2}),
                Call("bake_bread", {"kind": "white", "loaves": 1}),
            ],
        ),
        ("user assistant tool", []),
        "bad_calls",
        ("user", [OVEN]),
    ],
    "seal_tools": [
        (
            "user",
            [
                Call("getPottery", {"museum": "Blue House"}),
                Call("glazePot", {"pot": "jug", "celsius": "1040.5"}),
            ],
        ),
        "nested_call",
        ("user", [Call("firePot", {"pot": "blue jug", "hours": 9})]),
        "nested_call",
        (
            "user",
            [
                Call("shearSheep", {"pasture": "south", "count": "4"}),
                Call("tuneViolin", {"pitch": 442.0}),
            ],
        ),
        ("user", [Call("getPottery", {"museum": "Blue House"})]),
    ],
    "apigen_mt": [
        ("system user", []),
        ("system user assistant user", [Call("book_ferry", {"pier": "south", "people": 2})]),
        ("system user assistant user assistant tool", []),
        ("system user", [Call("think", {"thought": "It was agreed."})]),
        ("system user assistant tool", [Call("book_ferry", {"pier": "north", "people": 3})]),
    ],
    "funreason_mt": [
        ("user", [OVEN]),
        ("user assistant tool", [Call("book_ferry", {"pier": "west", "people": 1})]),
        ("user assistant tool assistant tool", []),
        "failed_tool",
        ("user", [OVEN]),
        ("user", [OVEN]),
    ],
    "api_bank": [
        ("user", [Call("ToolSearcher", {"keywords": "rowing lesson"})]),
        ("user assistant tool", [Call("RowingLessons", {"lake": "Loch Tay"})]),
    ],
    "tool_n1": [
        ("user assistant tool user", [Call("bake_bread", {"kind": "oat", "loaves": 4})]),
        ("user", []),
        ("user assistant tool user", [Call("book_ferry", {"pier": "west", "people": 2})]),
    ],
    "openai": [
        ("system user", [Call("book_ferry", {"pier": "east", "people": 2}), OVEN]),
        ("system user assistant tool tool", []),
        ("user", [Call("bake_bread", {"kind": "spelt", "loaves": 3})]),
        ("user", [OVEN]),
    ],
    "bfcl": [
        (
            "user",
            [
                Call(
                    "paint.mix",
                    {"colour": "navy", "litres": 2.0, "options": {"finish": "matt", "coats": 1}},
                )
            ],
        ),
        ("user", []),
        "unsupported",
        ("system user", [Call("paint.mix", {"colour": "red", "litres": "1"})]),
        ("user", []),
    ],
    "acebench": [
        (
            "system user assistant user",
            [
                Call("book_ferry", {"pier": "north", "people": 2}),
                Call("book_ferry", {"pier": "south", "people": 5}),
            ],
        ),
        ("user", []),
        "unsupported",
    ],
    "api_bank_test": [
        ("user assistant user", [Call("MoorBoat", {"boat": "Sula", "metres": "7.5"})])
    ],
}


def samples_of(name: str, path: Path | None = None) -> list[Sample | Unusable]:
    source = SOURCES[name]
    if path is None:
        path = SAMPLES / name
        path = path if path.exists() else SAMPLES / f"{name}.jsonl"
    return [sample for row in source.rows(path) for sample in source.samples(row)]


def test_every_source_has_a_sample() -> None:
    assert EXPECTED.keys() == SOURCES.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_each_schema_becomes_the_samples_it_means(name: str) -> None:
    samples: list[Any] = [
        sample.reason
        if isinstance(sample, Unusable)
        else (" ".join(m["role"] for m in sample.messages), list(sample.calls))
        for sample in samples_of(name)
    ]
    assert samples == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("form", ["python", "hermes"])
def test_what_the_samples_become_is_sound(name: str, form: str) -> None:
    """The reference of every row parses, fits the functions, and is rewarded by itself."""
    good = [sample for sample in samples_of(name) if isinstance(sample, Sample)]
    for sample in good:
        if sample.reference is not None and "rules" in sample.reference:
            assert sample.source.startswith(name)
            continue  # judged by a benchmark's rules, contradictions included
        assert sample.source == name
        row = to_row(check(sample).sample, 0, call_form=form)
        sample_back = from_row(row)
        tools = ToolSet.from_json(row["extra_info"]["tools"])
        reference = Reference.from_json(row["reward_model"]["ground_truth"], tools)
        assert tools.check(sample_back.calls) is None
        if sample_back.calls:
            written = parse(render(sample_back.calls, form), form).calls
            assert written is not None
            assert match(written, reference)
        else:
            assert row["reward_model"]["ground_truth"] == "[]"


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("form", FORMS)
def test_the_reward_is_one_for_the_reference_and_zero_for_its_opposite(
    name: str, form: str
) -> None:
    for sample in samples_of(name):
        if isinstance(sample, Unusable):
            continue
        row = to_row(check(sample).sample, 0, call_form=form)
        calls = from_row(row).calls
        words, call = "No function fits this question.", render([Call("f")], form)
        if row["data_source"].endswith("live_relevance"):
            words, call = call, words  # any call is right there
        answers = (render(calls, form), words) if calls else (words, call)
        right, wrong = (
            compute_score(
                row["data_source"],
                f"<think>So.</think>\n{answer}",
                row["reward_model"]["ground_truth"],
                row["extra_info"],
            )["score"]
            for answer in answers
        )
        assert (right, wrong) == (1.0, 0.0)


def test_bfcl_alternatives_serve_and_others_do_not() -> None:
    sample = next(s for s in samples_of("bfcl") if isinstance(s, Sample) and s.reference)
    row = to_row(check(sample).sample, 0)
    tools = ToolSet.from_json(row["extra_info"]["tools"])
    reference = Reference.from_json(row["reward_model"]["ground_truth"], tools)
    for answer, right in (
        ("[paint.mix(colour='navy blue', litres=2)]", True),
        ("[paint.mix(colour='navy', litres=2, options={'finish': 'mat'})]", True),
        ("[paint.mix(colour='navy', litres=2, options={'finish': 'mat', 'coats': 1})]", True),
        ("[paint.mix(colour='navy', litres=2, options={'finish': 'gloss'})]", False),
        ("[paint.mix(colour='navy')]", False),
        ("[paint.mix(colour='blue', litres=2)]", False),
    ):
        calls = parse(answer).calls
        assert calls is not None
        assert match(calls, reference) is right, answer


def test_earlier_calls_of_a_dialogue_keep_their_meaning() -> None:
    last = samples_of("toolace")[2]
    assert isinstance(last, Sample)
    row = to_row(last, 0)
    calls = parse(row["prompt"][2]["content"]).calls
    assert calls is not None
    assert [call.name for call in calls] == ["Kite_Weather_API", "Kite.shop_search"]
    assert row["prompt"][0]["content"].endswith("Today is 2031-05-04, Sunday.")


NAMES = ["Get (all) Kites", "Get", "User's Feed", "a/b", "plain"]


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("[plain()]", [Call("plain")]),
        ("[ plain( ) , plain()]", [Call("plain"), Call("plain")]),
        (
            '[Get (all) Kites(a="x, y", b=[1, (2, 3)])]',
            [Call("Get (all) Kites", {"a": "x, y", "b": [1, [2, 3]]})],
        ),
        ("[Get(a=true, b=null)]", [Call("Get", {"a": True, "b": None})]),
        ("[User's Feed(a='it\\'s')]", [Call("User's Feed", {"a": "it's"})]),
        ("[a/b(x-y=-1.5)]", [Call("a/b", {"x-y": -1.5})]),
        ('[unknown one(a="b=c")]', [Call("unknown one", {"a": "b=c"})]),
        ("[plain(a={'k': \"v)\"})]", [Call("plain", {"a": {"k": "v)"}})]),
    ],
)
def test_calls_in_brackets(text: str, calls: list[Call]) -> None:
    assert list(bracketed_calls(text, NAMES)) == calls


@pytest.mark.parametrize(
    "text",
    [
        "[plain(]",
        '[plain(a="x)]',
        "[plain(1)]",
        "[plain(a=New York)]",
        "[plain(a=f())]",
        "[plain(a=__import__('os'))]",
        "[plain(a=1) and more()]",
        "[(a=1)]",
        "[words]",
        "[plain(a=1)b]",
        "[plain(a=1))]",
    ],
)
def test_broken_calls_in_brackets_are_refused(text: str) -> None:
    with pytest.raises(Unusable) as caught:
        bracketed_calls(text, NAMES)
    assert caught.value.reason == "bad_calls"


def test_bare_words_are_texts_only_where_asked_for() -> None:
    read = bracketed_calls("[plain(a=New York, b=2023-10-15, c=3, d=true)]", NAMES, bare=True)
    assert read == (Call("plain", {"a": "New York", "b": "2023-10-15", "c": 3, "d": True}),)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("words", 0),
        ("<think><tool_call></think>words", 0),
        ('<tool_call>[{"name": "a"}, {"name": "b"}]</tool_call>', 2),
        ('<tool_call>{"name": "a"}</tool_call><tool_call>{"name": "b"}</tool_call>', 2),
    ],
)
def test_tagged_calls(text: str, count: int) -> None:
    assert len(tagged_calls(text)) == count


@pytest.mark.parametrize(
    "text", ["<tool_call>", "<tool_call>{</tool_call>", "<tool_call>[1]</tool_call>"]
)
def test_broken_tagged_calls_are_refused(text: str) -> None:
    with pytest.raises(Unusable):
        tagged_calls(text)


def test_tagged_tools_come_as_a_list_or_line_by_line() -> None:
    for text in (
        '<tools>[{"name": "a"}, {"name": "b"}]</tools>',
        '<tools>\n{"name": "a"}\n{"name": "b"}\n</tools>',
    ):
        assert [tool["name"] for tool in tagged_tools(f"in <tools></tools>: {text}")] == ["a", "b"]
    assert tagged_tools("no tools here") == ()


def test_seal_tools_offers_what_is_called_among_others_of_its_field() -> None:
    samples = [item for item in samples_of("seal_tools") if isinstance(item, Sample)]
    _, fired, shorn, _ = samples
    offered = {tool["name"] for tool in fired.tools}
    assert offered == {"firePot", "glazePot", "getPottery"}
    assert {tool["name"] for tool in shorn.tools} == {"shearSheep", "countSheep", "tuneViolin"}
    again = [item for item in samples_of("seal_tools") if isinstance(item, Sample)]
    assert again == samples


def test_seal_tools_without_its_catalogue_is_one_sentence(tmp_path: Path) -> None:
    rows = (SAMPLES / "seal_tools" / "plain.jsonl").read_text("utf-8")
    (tmp_path / "dev.jsonl").write_text(rows, "utf-8")
    with pytest.raises(UserError, match=r"put Seal-Tools' tool.jsonl beside it"):
        samples_of("seal_tools", tmp_path / "dev.jsonl")


def test_an_earlier_call_of_tool_n1_is_read_through_both_of_its_spellings() -> None:
    *_, last = (item for item in samples_of("tool_n1") if isinstance(item, Sample))
    assert last.messages[1]["calls"] == (OVEN,)


def test_glaive_chat_is_cut_at_its_speakers() -> None:
    turns = turns_in("USER: a: b\n\n\nASSISTANT: c <|endoftext|>\n\n\nFUNCTION RESPONSE: {}\n")
    assert [(turn.role, turn.text) for turn in turns] == [
        ("user", "a: b"),
        ("assistant", "c"),
        ("tool", "{}"),
    ]


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("junk", [None, 3, "x", [], {}, {"a": {"b": [1]}}])
def test_junk_in_any_column_is_refused_and_never_raises(name: str, junk: Any) -> None:
    for columns in SOURCES[name].columns:
        row = dict.fromkeys(columns, junk)
        samples = SOURCES[name].samples(row)
        assert all(isinstance(item, Unusable) and item.reason in REASONS for item in samples)


REAL = [
    ("toolace", "toolace_sample/sharegpt_func_fixed_100.json", 316, 478),
    ("toolrl", "toolrl/rlla_sft_400.json", 370, 400),
    ("toolrl", "toolrl/rlla_4k_test_80.parquet", 71, 80),
    ("glaive", "glaive/glaive_toolcall_en_demo.json", 559, 669),
    ("openai", "glaive/reason_tool_use_demo_50.jsonl", 108, 112),
    ("seal_tools", "seal_tools/ft_dev.json.gz", 665, 700),
    ("seal_tools", "seal_tools/dev.jsonl.gz", 668, 700),
    ("api_bank", "api_bank/lv3-api-train.json.gz", 846, 907),
    ("api_bank_test", "api_bank/toolrl_level-1-api_processed.json.gz", 374, 399),
]


@pytest.mark.parametrize(("name", "file", "least", "made"), REAL)
def test_real_rows(real_rows: Path, name: str, file: str, least: int, made: int) -> None:
    """The share of real rows that survives does not fall: each loss was looked at once."""
    samples = samples_of(name, real_rows / file)
    assert len(samples) == made
    assert sum(map(survives, samples)) >= least


def survives(sample: Sample | Unusable) -> bool:
    if isinstance(sample, Unusable):
        return False
    try:
        to_row(check(sample).sample, 0)
    except Unusable:
        return False
    return True
