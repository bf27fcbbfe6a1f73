"""The reward as verl calls it: the rules of the paper, the keys, the options, the errors."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from egpo_verl.reward import Reason, compute_score

TOOLS = json.dumps(
    [
        {
            "name": "weather",
            "description": "Forecast",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string"},
                    "days": {"type": "integer", "default": 1},
                    "wind": {"type": "number"},
                    "metric": {"type": "boolean"},
                },
                "required": ["city"],
            },
        },
        {"name": "now", "parameters": {}},
    ]
)


def weather(**arguments: Any) -> list[dict[str, Any]]:
    return [{"name": "weather", "arguments": arguments}]


ONE = weather(city="Paris", days=3)
TWO = [*ONE, {"name": "now", "arguments": {}}]
KEYS = ["score", "acc", "format_ok", "parse_ok", "schema_ok", "match_ok", "num_calls", "reason"]
THOUGHT = "<think>They ask for Paris.</think>"


def score(
    response: Any, expected: Any, extra: dict[str, Any] | None = None, **options: Any
) -> dict[str, float | int]:
    info = {"tools": TOOLS, "index": 0, "num_turns": None, "rollout_reward_scores": {}}
    return compute_score(
        "demo", response, json.dumps(expected), {**info, **(extra or {})}, **options
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("[weather(city='Paris', days=3)]", ONE),
        ("\n\n[weather(days=3, city=\"Paris\")]\n", ONE),
        ("[now(), weather(city='Paris', days=3)]", TWO),
        ("[weather(city='Paris', days=3), now()]", TWO),
        ("[weather(city='Paris')]", weather(city="Paris", days=1)),
        ("[weather(city='Paris', days=1)]", weather(city="Paris")),
        ("[weather(city='x', wind=5)]", weather(city="x", wind=5.0)),
        ("[weather(city='x', wind=5.0)]", weather(city="x", wind=5)),
        ("None of the functions can book a table.", []),
        ("[]", []),
    ],
)  # fmt: skip
def test_a_right_answer_earns_one(answer: str, expected: Any) -> None:
    result = score(THOUGHT + answer, expected)
    assert result["score"] == result["acc"] == 1.0
    assert result["reason"] == Reason.OK


@pytest.mark.parametrize(
    ("response", "expected", "reason"),
    [
        ("[weather(city='Paris', days=3)]", ONE, Reason.NO_THOUGHT),
        ("Hm. " + THOUGHT + "[weather(city='Paris', days=3)]", ONE, Reason.TEXT_BEFORE_THOUGHT),
        ("<think>[weather(city='Paris', days=3)]", ONE, Reason.OPEN_THOUGHT),
        (THOUGHT * 2 + "[weather(city='Paris', days=3)]", ONE, Reason.SECOND_THOUGHT),
        ("<think> \n</think>[weather(city='Paris', days=3)]", ONE, Reason.EMPTY_THOUGHT),
        (THOUGHT, ONE, Reason.EMPTY_ANSWER),
        (THOUGHT, [], Reason.EMPTY_ANSWER),
        (THOUGHT + "Sure: [weather(city='Paris', days=3)]", ONE, Reason.TEXT_BESIDE_CALLS),
        (THOUGHT + "[weather(city='Paris', days=3)] Done.", ONE, Reason.TEXT_BESIDE_CALLS),
        (None, ONE, Reason.NO_TEXT),
        (THOUGHT + "I cannot.", ONE, Reason.NO_CALL_LIST),
        (THOUGHT + "[weather(city='Paris', days=3]", ONE, Reason.SYNTAX),
        (THOUGHT + "[weather('Paris', days=3)]", ONE, Reason.POSITIONAL),
        (THOUGHT + "[forecast(city='Paris')]", ONE, Reason.UNKNOWN_FUNCTION),
        (THOUGHT + "[weather(days=3)]", ONE, Reason.MISSING_ARGUMENT),
        (THOUGHT + "[weather(city='Paris', days=3, x=1)]", ONE, Reason.UNKNOWN_ARGUMENT),
        (THOUGHT + "[weather(city='Paris', days='3')]", ONE, Reason.WRONG_VALUE),
        (THOUGHT + "[weather(city='Paris', days=3.0)]", ONE, Reason.WRONG_VALUE),
        (THOUGHT + "[weather(city='Paris', days=True)]", ONE, Reason.WRONG_VALUE),
        (THOUGHT + "[weather(city='Paris', days=3)]", [], Reason.CALL_NOT_WANTED),
        (THOUGHT + '{"name": "now", "parameters": {}}', [], Reason.CALL_NOT_WANTED),
        (THOUGHT + "[]", ONE, Reason.NO_CALL_MADE),
        (THOUGHT + "[weather(city='Paris', days=3), now()]", ONE, Reason.WRONG_COUNT),
        (THOUGHT + "[now()]", ONE, Reason.WRONG_FUNCTION),
        (THOUGHT + "[weather(city='Rome', days=3)]", ONE, Reason.WRONG_ARGUMENT),
        (THOUGHT + "[weather(city='paris', days=3)]", ONE, Reason.WRONG_ARGUMENT),
    ],
)
def test_a_wrong_answer_earns_nothing_and_says_why(
    response: Any, expected: Any, reason: Reason
) -> None:
    result = score(response, expected)
    assert result["score"] == result["acc"] == 0.0
    assert Reason(result["reason"]) is reason


def test_the_keys_are_always_the_same_numbers() -> None:
    for response in (
        None,
        "",
        THOUGHT,
        THOUGHT + "[now()]",
        THOUGHT + "[weather(city='Paris', days=3)]",
    ):
        result = score(response, ONE)
        assert list(result) == KEYS
        assert all(type(value) in (int, float) for value in result.values())


def test_calls_are_counted_wherever_they_can_be_read() -> None:
    for answer, expected, count in [
        ("[now()]", [], 1),
        ("[now(), now()]", [], 2),
        ("now()", [], 0),
        ("No.", [], 0),
        ("[now(), now()]", ONE, 2),
        ("[weather()]", ONE, 1),
        ("[weather(city='Paris', days=3)]", ONE, 1),
        ("[now(]", ONE, 0),
    ]:
        assert score(THOUGHT + answer, expected)["num_calls"] == count


def test_each_stage_is_counted() -> None:
    stages = ["format_ok", "parse_ok", "schema_ok", "match_ok"]
    answers = ["", "prose", "[weather(days=3)]", "[now()]", "[weather(city='Paris', days=3)]"]
    for passed, answer in enumerate(answers):
        result = score(THOUGHT + answer, ONE)
        assert [result[stage] for stage in stages] == [1.0] * passed + [0.0] * (4 - passed)


def test_a_thought_opened_by_the_chat_template() -> None:
    opened = {"think_in_prompt": True}
    answer = "They ask for Paris.</think>[weather(city='Paris', days=3)]"
    assert score(answer, ONE, opened)["score"] == 1.0
    assert score(answer, ONE)["reason"] == Reason.NO_THOUGHT
    assert score("<think>" + answer, ONE, opened)["reason"] == Reason.SECOND_THOUGHT


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ("answer_tag", "<answer>[weather(city='Paris', days=3)]</answer>"),
        ("hermes", f"<tool_call>{json.dumps(ONE[0])}</tool_call>"),
        ("llama", '{"name": "weather", "parameters": {"city": "Paris", "days": 3}}'),
        ("json", json.dumps(ONE)),
    ],
)  # fmt: skip
def test_the_row_says_which_form_it_expects(form: str, answer: str) -> None:
    assert score(THOUGHT + answer, ONE, {"call_form": form})["score"] == 1.0
    assert score(THOUGHT + answer, ONE)["reason"] == Reason.TEXT_BESIDE_CALLS


@pytest.mark.parametrize(
    ("env", "told"), [('{"row": {}, "turns": [{"user": "Now?"}]}', 1), ("staging", 0), ("", 0)]
)
def test_a_live_row_is_judged_by_its_first_turn_and_that_is_said_once(env: str, told: int) -> None:
    row = ("demo", f"{THOUGHT}[now()]", json.dumps([{"name": "now", "arguments": {}}]))
    code = f"""
from egpo_verl.reward import compute_score
for _ in range(3):
    print(compute_score(*{row!r}, dict(env={env!r}))["score"])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["1.0"] * 3
    assert ran.stderr.count("add +env=own") == told


def test_without_tools_signatures_are_not_checked() -> None:
    result = compute_score("demo", THOUGHT + "[f(x=1)]", '[{"name": "f", "arguments": {"x": 1}}]')
    assert result["score"] == 1.0


def test_alternatives_and_arguments_that_may_be_left_out() -> None:
    expected = {
        "calls": [
            {
                "name": "weather",
                "arguments": {"city": ["Paris", "Paris, FR"], "metric": [True]},
                "omissible": ["metric"],
            }
        ],
        "alternatives": True,
    }
    assert score(THOUGHT + "[weather(city='Paris, FR')]", expected)["score"] == 1.0
    assert score(THOUGHT + "[weather(city='Paris', metric=True)]", expected)["score"] == 1.0
    assert score(THOUGHT + "[weather(city='Paris', metric=False)]", expected)["score"] == 0.0


def test_a_stage_passed_stays_passed_at_its_neighbours() -> None:
    unknown = score(THOUGHT + "[forecast()]", ONE)
    assert [unknown["parse_ok"], unknown["schema_ok"]] == [1.0, 0.0]
    unwanted = score(THOUGHT + "[now()]", [])
    assert [unwanted["schema_ok"], unwanted["match_ok"]] == [1.0, 0.0]
    prose = score(THOUGHT + "No.", ONE)
    assert [prose["format_ok"], prose["parse_ok"]] == [1.0, 0.0]


def test_options_have_bounds() -> None:
    right = THOUGHT + "[weather(city='Paris', days=3)]"
    assert score(right, ONE, format_bonus=1.0, name_credit=0.99)["score"] == 2.0
    for options in ({"format_bonus": 1.1}, {"name_credit": 1.0}, {"name_credit": -0.1}):
        with pytest.raises(ValueError, match=r"^format_bonus must lie in"):
            score(right, ONE, **options)


def test_named_options_are_off_by_default() -> None:
    prose, half = THOUGHT + "I cannot.", THOUGHT + "[now(), weather(city='Rome')]"
    assert score(prose, ONE)["score"] == score(half, TWO)["score"] == 0.0
    assert score(prose, ONE, format_bonus=0.5)["score"] == 0.5
    assert (
        score(THOUGHT + "[now()]", [{"name": "now", "arguments": {}}], format_bonus=0.5)["score"]
        == 1.5
    )
    assert score("no thought", ONE, format_bonus=0.5)["score"] == 0.0
    assert score(half, TWO, name_credit=0.2)["score"] == pytest.approx(0.2)
    assert score(THOUGHT + "[now()]", TWO, name_credit=0.2)["score"] == pytest.approx(0.1)
    assert score(half, TWO, name_credit=0.2)["acc"] == 0.0
    tolerant = score(THOUGHT + "[weather(city='paris.', days=3)]", ONE, strings="bfcl")
    assert tolerant["score"] == 1.0


def test_bfcl_takes_a_listed_value_that_the_type_refuses() -> None:
    text = weather(city="Paris", days="three")
    answer = THOUGHT + "[weather(city='Paris', days='three')]"
    assert score(answer, text)["reason"] == Reason.WRONG_VALUE
    assert score(answer, text, strings="bfcl")["score"] == 1.0
    assert score(THOUGHT + "[weather()]", text, strings="bfcl")["reason"] == Reason.MISSING_ARGUMENT
    assert score(answer, ONE, strings="bfcl")["reason"] == Reason.WRONG_ARGUMENT


def test_what_verl_adds_by_itself_is_ignored() -> None:
    answer = THOUGHT + "[weather(city='Paris', days=3)]"
    result = score(answer, ONE, reward_router_address="x:1", reward_model_tokenizer=None)
    assert result["score"] == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ground_truth": "not json"}, "no JSON"),
        ({"ground_truth": "3"}, "JSON list of calls"),
        ({"ground_truth": '[{"name": "f"}]'}, "'name' and 'arguments'"),
        ({"ground_truth": ["f"]}, "JSON text"),
        ({"extra_info": {"tools": [{"name": "f"}]}}, "JSON text"),
        ({"extra_info": {"tools": "{}"}}, "JSON list"),
        ({"extra_info": {"tools": "[{}]"}}, "no name"),
        ({"extra_info": {"call_form": "xml"}}, "unknown form"),
        ({"strings": "fuzzy"}, "unknown comparison"),
        ({"format_bonos": 0.5}, "unknown option.*format_bonos"),
        ({"format_bonus": -1}, "must lie in"),
    ],
)
def test_a_broken_row_or_option_is_an_error_that_names_it(
    change: dict[str, Any], message: str
) -> None:
    row = {"ground_truth": json.dumps(ONE), "extra_info": {}}
    with pytest.raises(ValueError, match=message):
        compute_score("demo", solution_str=THOUGHT + "[now()]", **{**row, **change})


def test_a_misspelt_option_is_an_error_before_any_answer_is_right() -> None:
    for options in (
        {"strings": "fuzzy"},
        {"strings": ["bfcl"]},
        {"bonus": 1},
        {"name_credit": 1.0},
    ):
        with pytest.raises(ValueError, match=r"use exact or bfcl|there are strings|must lie in"):
            score("no thought", ONE, **options)


def test_it_is_pickled_and_runs_in_a_pool_of_threads() -> None:
    function = pickle.loads(pickle.dumps(compute_score))  # noqa: S301
    answers = [f"{THOUGHT}[weather(city='Paris', days={n % 7})]" for n in range(200)]
    with ThreadPoolExecutor(8) as pool:
        scores = list(
            pool.map(
                lambda a: function("demo", a, json.dumps(ONE), {"tools": TOOLS})["score"], answers
            )
        )
    assert scores == [float(n % 7 == 3) for n in range(200)]


def test_importing_the_reward_loads_neither_torch_nor_verl() -> None:
    code = (
        "import sys, egpo_verl.reward; sys.exit(bool({'torch', 'verl', 'ray'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
