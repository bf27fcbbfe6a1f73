"""A live episode as a person reads it: messages in order, verdicts, and the world at its end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from egpo_verl.calls import Call, Reason, render
from egpo_verl.inspect.response import Response
from egpo_verl.inspect.state_diff import state_diff

Part = dict[str, Any]


def rollouts(responses: Sequence[Response]) -> list[list[Response]]:
    """The responses of each recorded episode together, in order; any other one alone."""
    episodes: dict[str, list[Response]] = {
        _rollout(one): [] for one in responses if one.episode is not None
    }
    groups: list[list[Response]] = []
    for one in responses:
        rows = episodes.get(_rollout(one))
        if rows is None:
            groups.append([one])
            continue
        if not rows:
            groups.append(rows)
        rows.append(one)
    for rows in episodes.values():
        rows.sort(key=_place)
    return groups


def reasons_of(response: Response) -> set[int]:
    """The reasons that the page names beside a response."""
    episode = response.episode or {"turns": [], "ended_by": response.reason}
    reasons = [response.reason, episode["ended_by"], *(one["reason"] for one in episode["turns"])]
    return {reason for reason in reasons if reason is not None}


def story(rows: Sequence[Response], messages: Sequence[Part]) -> Part | None:
    """What `episode.js` shows of a rollout; None where its rows are no recorded episode.

    Args:
        rows: its responses, in order.
        messages: of each of them, what the page shows of it.
    """
    last = rows[-1]
    if last.episode is None:
        return None
    turns = _turns(last.extra_info)
    parts = list(_parts(last.episode, turns, messages))
    if parts and _opens(parts[0], last):
        del parts[0]  # the page has it above, as the prompt
    return {
        "parts": parts,
        "state": _state(last.episode),
        "world": _json(last.episode.get("state")),
        "unseen": [str(text) for text in last.episode.get("unseen", ())],
        "judged": "expected" in last.episode,
        "references": "\n".join(map(_reference, turns)),
    }


def _parts(
    episode: Mapping[str, Any], turns: Sequence[Mapping[str, Any]], messages: Sequence[Part]
) -> Iterator[Part]:
    """The messages, and after each user turn its verdict."""
    verdicts = {turn["end"]: turn["reason"] for turn in episode["turns"]}
    responses = iter(messages)
    turn, checked = -1, True
    for number, message in enumerate(episode["messages"], start=1):
        part: Part = {"role": message["role"], "text": message["content"]}
        if message["role"] == "user":
            turn += 1
            part |= {"turn": turn + 1, "tools": list(_turn(turns, turn).get("tools", ()))}
        elif message["role"] == "assistant":
            part["response"] = next(responses, None)
        yield part
        checked = number in verdicts
        if checked:
            yield _verdict(turn, verdicts[number], turns)
    if not checked and "expected" in episode:
        yield _verdict(turn, episode["ended_by"], turns)


def _verdict(turn: int, reason: int, turns: Sequence[Mapping[str, Any]]) -> Part:
    return {
        "role": "verdict",
        "turn": turn + 1,
        "reason": reason,
        "right": reason == Reason.OK,
        "reference": _reference(_turn(turns, turn)),
    }


def _opens(part: Part, response: Response) -> bool:
    """Whether the part is what the recorded prompt ends with."""
    return bool(response.messages) and part["text"] == response.messages[-1].get("content")


def _state(episode: Mapping[str, Any]) -> Part | None:
    if "state" not in episode or "expected" not in episode:
        return None
    return asdict(state_diff(episode["state"], episode["expected"]))


def _turns(extra_info: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The user turns of the row's script, empty where it cannot be read."""
    try:
        turns = json.loads(extra_info.get("env") or "{}").get("turns", [])
    except (ValueError, TypeError, AttributeError):
        return []
    return [turn for turn in turns if isinstance(turn, Mapping)]


def _turn(turns: Sequence[Mapping[str, Any]], number: int) -> Mapping[str, Any]:
    return turns[number] if 0 <= number < len(turns) else {}


def _reference(turn: Mapping[str, Any]) -> str:
    """The calls of a user turn's reference in the Python form, empty where it calls nothing."""
    calls = [
        Call(call["name"], call.get("arguments") or {})
        for call in turn.get("reference") or ()
        if isinstance(call, Mapping) and isinstance(call.get("name"), str)
    ]
    return render(calls) if calls else ""


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _rollout(response: Response) -> str:
    return response.key.rpartition("_")[0] or response.key


def _place(response: Response) -> int:
    place = response.key.rpartition("_")[2]
    return int(place) if place.isdecimal() else 0
