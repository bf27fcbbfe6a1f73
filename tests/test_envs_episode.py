"""An episode: what the policy sees, what its messages do, and what the episode earns."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egpo_verl.calls import Call, Reason, render
from egpo_verl.envs.play import Message, Outcome, Rules, play, replay_of
from egpo_verl.envs.script import Script
from egpo_verl.envs.worlds import Worlds
from egpo_verl.errors import UserError

LEDGER, GAME = "envs_worlds:Ledger", "envs_worlds:Game"
SHOP = f"{Path(__file__).parents[1] / 'examples' / 'shop.py'}:Shop"
ACCOUNTS = {"ann": 5, "bob": 7}


def thought(answer: str) -> str:
    return f"<think>So.</think>\n{answer}"


def deposit(name: str, amount: int) -> dict[str, Any]:
    return {"name": "deposit", "arguments": {"name": name, "amount": amount}}


BALANCE = {"name": "balance", "arguments": {"name": "ann"}}


def script(*references: list[Any], **more: Any) -> Script:
    turns = [{"user": f"turn {n}", "reference": calls} for n, calls in enumerate(references)]
    return Script.from_mapping({"row": {"accounts": ACCOUNTS}, "turns": turns, **more})


def scripted(texts: Sequence[str], seen: list[Any] | None = None) -> Callable[..., Any]:
    answers = iter(texts)

    async def policy(messages: list[dict[str, str]]) -> Message:
        if seen is not None:
            seen.append(messages)
        return Message(thought(next(answers)))

    return policy


LOOP = asyncio.new_event_loop()
OPEN: dict[str, Worlds] = {}


@pytest.fixture(scope="module", autouse=True)
def _hosts() -> Iterator[None]:
    """Environments stay imported from test to test, which is what takes time."""
    yield
    for worlds in OPEN.values():
        worlds.stop()
    LOOP.close()


def run(work: Callable[[Worlds], Coroutine[Any, Any, Any]], factory: str = LEDGER) -> Any:
    async def main() -> Any:
        if factory not in OPEN:
            OPEN[factory] = await Worlds(factory).__aenter__()
        return await work(OPEN[factory])

    return LOOP.run_until_complete(main())


def played(
    row: Script, texts: Sequence[str], seen: list[Any] | None = None, **rules: Any
) -> Outcome:
    async def work(worlds: Worlds) -> Outcome:
        replay = await replay_of(row, worlds)
        return await play(row, worlds, scripted(texts, seen), replay, Rules(**rules))

    outcome: Outcome = run(work)
    return outcome


def written(calls: Sequence[dict[str, Any]]) -> str:
    return render([Call(call["name"], call["arguments"]) for call in calls])


def test_the_policy_sees_results_and_later_turns_and_none_of_its_earlier_thoughts() -> None:
    seen: list[list[dict[str, str]]] = []
    row = script([deposit("ann", 3)], [BALANCE])
    outcome = played(row, [written([deposit("ann", 3)]), "Done.", written([BALANCE]), "8."], seen)
    assert outcome.score["score"] == 1.0
    assert outcome.reason is Reason.OK
    assert [message["role"] for message in seen[-1]] == [
        "system", "user", "assistant", "tool", "assistant", "user", "assistant", "tool",
    ]  # fmt: skip
    assert seen[1][3] == {"role": "tool", "content": "done"}
    assert seen[-1][-1] == {"role": "tool", "content": "8"}
    assert '"name": "deposit"' in seen[0][0]["content"]
    assert not any("<think>" in message["content"] for message in seen[-1][1:])


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (["[deposit(name='ann', amount=3)]", "Done."], Reason.OK),
        (["[deposit(name='ann', amount=1), deposit(name='ann', amount=2)]", "Done."], Reason.OK),
        (["[balance(name='bob')]", "[deposit(name='ann', amount=3)]", "Done."], Reason.OK),
        (["[deposit(name='ann', amount='3')]", "[deposit(name='ann', amount=3)]", "."], Reason.OK),
        (["[deposit(name='ann', amount=4)]", "Done."], Reason.WRONG_STATE),
        (
            ["[deposit(name='ann', amount=3), rename(name='bob', to='rob')]", "Done."],
            Reason.WRONG_STATE,
        ),
        (["I cannot."], Reason.WRONG_STATE),
        (["[balance(name='ann')]"] * 4, Reason.TOO_MANY_MESSAGES),
        (["<think>Again.</think>[balance(name='ann')]"], Reason.SECOND_THOUGHT),
    ],
)
def test_the_world_where_the_turn_ends_decides(texts: list[str], reason: Reason) -> None:
    outcome = played(script([deposit("ann", 3)]), texts, max_messages=4)
    assert outcome.reason is reason
    assert outcome.score["score"] == float(reason is Reason.OK)
    assert outcome.score["reason"] == reason


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[deposit(name='ann')]", "deposit: a required argument is missing: amount"),
        ("[deposit(name='ann', amount=1, to='b')]", "the function does not declare: to"),
        ("[deposit(name='ann', amount='1')]", 'deposit: amount: "1" is not of type "integer"'),
        ("[withdraw(name='ann')]", "no tool withdraw; there are balance, deposit, rename"),
        ("[deposit(name='ann', amount=", "the calls cannot be read"),
        ("[balance(name='eve')]", "KeyError: 'eve'"),
        ("Sure: [balance(name='ann')]", "the calls cannot be read"),
    ],
)
def test_a_bad_call_gets_an_error_back_as_an_api_answers(text: str, error: str) -> None:
    seen: list[list[dict[str, str]]] = []
    outcome = played(script([BALANCE]), [text, written([BALANCE]), "5."], seen)
    assert error in json.loads(seen[1][-1]["content"])["error"]
    assert outcome.score["score"] == 1.0
    assert outcome.counts.tool_errors == 1


@pytest.mark.parametrize(
    "text",
    [
        r"[balance(name='\ud800')]",
        r"[deposit(name='ann', amount='\ud800')]",
        r"[balance(who='\ud800')]",
        r"[rename(name='bob', to='\ud800'), balance(name='\ud800')]",
    ],
)
def test_half_a_character_stays_out_of_what_a_tokenizer_reads(text: str) -> None:
    seen: list[list[dict[str, str]]] = []
    played(script([BALANCE]), [text, written([BALANCE]), "5."], seen)
    json.dumps(seen, ensure_ascii=False).encode("utf-8")


def test_calls_run_in_order_and_those_that_are_refused_keep_their_place() -> None:
    seen: list[list[dict[str, str]]] = []
    calls = "[deposit(name='ann', amount=1), balance(name=3), balance(name='ann')]"
    played(script([deposit("ann", 1)]), [calls, "Done."], seen)
    first, second, third = [message["content"] for message in seen[1] if message["role"] == "tool"]
    assert (first, third) == ("done", "6")
    assert "is not of type" in second


def test_what_the_reference_looked_up_must_have_been_looked_up() -> None:
    assert played(script([BALANCE]), ["It is 5."]).reason is Reason.RESULT_NOT_SEEN
    looked_before = played(script([BALANCE], [BALANCE]), [written([BALANCE]), "5.", "5, still."])
    assert looked_before.reason is Reason.OK


def test_a_change_may_be_made_in_any_order_since_its_result_need_not_be_seen() -> None:
    stock = {"lamp": {"price": 20, "left": 5}, "desk": {"price": 90, "left": 1}}
    adds = [{"name": "add", "arguments": {"item": item}} for item in stock]
    row = Script.from_mapping(
        {"row": {"stock": stock}, "turns": [{"user": "Both.", "reference": adds}]}
    )

    async def work(worlds: Worlds) -> Outcome:
        replay = await replay_of(row, worlds)
        return await play(row, worlds, scripted([written(adds[::-1]), "Done."]), replay)

    assert run(work, SHOP).reason is Reason.OK


def test_numbers_and_results_are_compared_by_value() -> None:
    """As the reward compares calls: 100 is 100.0, and an object's keys have no order."""
    calls = [("pay", {"amount": 100}), ("total", {"last": 100})]
    reference = [{"name": name, "arguments": arguments} for name, arguments in calls]
    row = Script.from_mapping({"turns": [{"user": "Pay.", "reference": reference}]})

    def earned(amount: str) -> Reason:
        texts = [f"[pay(amount={amount}), total(last={amount})]", "Done."]

        async def work(worlds: Worlds) -> Outcome:
            return await play(row, worlds, scripted(texts), await replay_of(row, worlds))

        outcome: Outcome = run(work, "envs_worlds:Till")
        return outcome.reason

    assert earned("100.0") is Reason.OK
    assert earned("100.5") is Reason.WRONG_STATE


@pytest.mark.parametrize(("strict", "score"), [(True, 0.0), (False, 1.0)])
def test_a_call_where_a_value_is_missing_fails_unless_allowed(strict: bool, score: float) -> None:
    row = script([], [deposit("ann", 1)])
    texts = ["[balance(name='ann')]", "How much?", "[deposit(name='ann', amount=1)]", "Done."]
    outcome = played(row, texts, strict_no_call=strict)
    assert outcome.score["score"] == score
    assert outcome.reason is (Reason.CALL_NOT_WANTED if strict else Reason.OK)


def test_a_tool_is_offered_from_the_turn_on_that_announces_it() -> None:
    turns = [
        {"user": "Pay in 1.", "reference": []},
        {"user": "Now you can.", "tools": ["deposit"], "reference": [deposit("ann", 1)]},
    ]
    row = Script.from_mapping({"row": {"accounts": ACCOUNTS}, "turns": turns})
    seen: list[list[dict[str, str]]] = []
    outcome = played(row, ["There is no tool for it.", written([deposit("ann", 1)]), "."], seen)
    assert outcome.score["score"] == 1.0
    assert "deposit" not in seen[0][0]["content"]
    assert '"name": "deposit"' in seen[1][0]["content"]
    early = played(row, [written([deposit("ann", 1)]), "."])
    assert early.reason is Reason.CALL_NOT_WANTED


def test_an_episode_ends_at_the_first_turn_that_fails_or_goes_on_and_counts() -> None:
    row = script([deposit("ann", 1)], [BALANCE])
    texts = ["No.", written([BALANCE]), "5."]
    assert played(row, texts).counts.messages == 1
    outcome = played(row, texts, stop_at_failure=False)
    assert (outcome.reason, outcome.counts.messages) == (Reason.WRONG_STATE, 3)
    assert (outcome.score["score"], outcome.counts.turns_solved) == (0.0, 0)


def test_the_observation_follows_the_first_user_turn() -> None:
    seen: list[list[dict[str, str]]] = []
    row = script([], row={"accounts": ACCOUNTS, "greeting": "\nWelcome."})
    played(row, ["Thanks."], seen)
    assert seen[0][-1] == {"role": "user", "content": "turn 0\nWelcome."}


@pytest.mark.parametrize(
    ("guesses", "reward"), [([5, 7], 0.5), ([7], 1.0), ([5], 0.0)], ids=["late", "first", "never"]
)
def test_get_reward_replaces_the_check(guesses: list[int], reward: float) -> None:
    row = Script.from_mapping({"row": {"secret": 7}, "turns": [{"user": "Guess. "}]})
    texts = [f"[guess(number={number})]" for number in guesses]
    outcome = run(lambda worlds: play(row, worlds, scripted([*texts, "Done."]), None), GAME)
    assert outcome.score["score"] == outcome.score["acc"] == reward


def test_a_prompt_without_room_ends_the_episode_by_its_own_reason() -> None:
    async def policy(messages: list[dict[str, str]]) -> Message:
        return Message(no_room=True) if len(messages) > 2 else Message(thought(written([BALANCE])))

    async def work(worlds: Worlds) -> Outcome:
        row = script([BALANCE])
        return await play(row, worlds, policy, await replay_of(row, worlds))

    assert run(work).reason is Reason.NO_ROOM


NAMES = st.sampled_from(sorted(ACCOUNTS))
CALLS = st.one_of(
    st.builds(deposit, NAMES, st.integers(-3, 3)),
    st.builds(lambda name: {"name": "balance", "arguments": {"name": name}}, NAMES),
)
TURNS = st.lists(st.lists(CALLS, max_size=3), min_size=1, max_size=3)


@settings(max_examples=30)
@given(TURNS, st.data())
def test_the_reference_earns_1_however_it_is_split_and_one_more_change_earns_0(
    turns: list[list[dict[str, Any]]], data: st.DataObject
) -> None:
    row = script(*turns)
    texts: list[str] = []
    for calls in turns:
        cut = data.draw(st.integers(0, len(calls)))
        texts += [written(part) for part in (calls[:cut], calls[cut:]) if part]
        texts.append("Done.")
    last = data.draw(st.integers(0, len(turns) - 1))
    place = [number for number, text in enumerate(texts) if text == "Done."][last]
    extra = written([deposit(data.draw(NAMES), data.draw(st.integers(1, 9)))])

    async def work(worlds: Worlds) -> list[Outcome]:
        replay = await replay_of(row, worlds)
        changed = [*texts[:place], extra, *texts[place:]]
        policies = [scripted(texts), scripted(changed), scripted(texts)]
        return await asyncio.gather(*[play(row, worlds, one, replay) for one in policies])

    right, changed, beside = run(work)
    assert right.score["score"] == beside.score["score"] == 1.0
    assert changed.score["score"] == 0.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no json", "extra_info.env is no JSON text"),
        ("[]", "must be a JSON object"),
        ("{}", "needs 'turns'"),
        ('{"turns": [{}]}', "a turn needs 'user'"),
        ('{"turns": [{"user": "x", "answer": 1}]}', "unknown key 'answer'"),
        ('{"turns": [{"user": "x", "reference": [{"name": 1}]}]}', "'name' and 'arguments'"),
        ('{"turns": [{"user": "x"}], "limits": {"messages": 0}}', "limits.messages"),
        ('{"turns": [{"user": "x"}], "row": []}', None),
        ('{"turns": [{"user": "x"}], "row": [1]}', "'row' must be an object"),
    ],
)
def test_a_broken_row_is_one_sentence(text: str, words: str | None) -> None:
    if words is None:
        assert Script.from_json(text).row == {}
        return
    with pytest.raises(UserError, match=words):
        Script.from_json(text)


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        ([{"name": "steal"}], "turn 0: the reference's call steal: .*there is no tool"),
        ([{"name": "balance", "arguments": {"name": "eve"}}], "balance: .*KeyError"),
    ],
)
def test_a_reference_that_cannot_be_played_names_its_turn(calls: list[Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        played(script(calls), [])


def test_scripts_are_written_and_read_back() -> None:
    row = script([deposit("ann", 1)], [], factory="a:B", system="Be kind.", limits={"messages": 3})
    assert Script.from_json(row.to_json()) == row
