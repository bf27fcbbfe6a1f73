"""What a row says of its episode: `extra_info.env`, a JSON text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from egpo_verl.calls import Call
from egpo_verl.errors import UserError

_KEYS = frozenset({"factory", "row", "turns", "system", "limits"})
_TURN_KEYS = frozenset({"user", "tools", "reference"})
_CALL_KEYS = frozenset({"name", "arguments"})


@dataclass(frozen=True)
class Turn:
    """One turn of the user.

    Attributes:
        user: what the user says.
        tools: names of the tools that are offered from this turn on, and not before.
        reference: the calls that a right episode makes here, in order; empty where a needed tool
            or value is missing; None where the environment scores itself.
    """

    user: str
    tools: tuple[str, ...] = ()
    reference: tuple[Call, ...] | None = None


@dataclass(frozen=True)
class Script:
    """An episode as its row describes it.

    Attributes:
        turns: of the user, at least one.
        row: keyword arguments of the environment's `reset`.
        factory: the environment, where it is not that of the whole run.
        system: a system message of the data's own, which follows ours.
        max_messages: limit of the policy's messages in a turn, where it is not that of the run.
    """

    turns: tuple[Turn, ...]
    row: Mapping[str, Any] = field(default_factory=dict)
    factory: str | None = None
    system: str = ""
    max_messages: int | None = None

    @property
    def late_tools(self) -> frozenset[str]:
        """Tools that are not offered from the start."""
        return frozenset(name for turn in self.turns for name in turn.tools)

    @classmethod
    def from_json(cls, text: str) -> Script:
        """From a row's `extra_info.env`.

        >>> Script.from_json('{"turns": [{"user": "Two lamps.", "reference": []}]}').turns
        (Turn(user='Two lamps.', tools=(), reference=()),)

        Raises:
            UserError: it is no such text.
        """
        try:
            data = json.loads(text)
        except (ValueError, TypeError, RecursionError) as error:
            raise UserError(f"extra_info.env is no JSON text: {error}.") from None
        return cls.from_mapping(data)

    @classmethod
    def from_mapping(cls, data: Any) -> Script:
        """As `from_json`, from what the text holds."""
        _check_keys(data, _KEYS, "extra_info.env")
        turns = data.get("turns")
        if not isinstance(turns, list) or not turns:
            raise UserError("extra_info.env needs 'turns', a list with what the user says.")
        row, factory = data.get("row") or {}, data.get("factory")
        system, limits = data.get("system") or "", data.get("limits") or {}
        if not isinstance(row, dict) or not all(isinstance(key, str) for key in row):
            raise UserError("'row' must be an object, the keyword arguments of reset.")
        if not isinstance(system, str) or not (factory is None or isinstance(factory, str)):
            raise UserError("'factory' and 'system' must be texts.")
        _check_keys(limits, {"messages"}, "'limits'")
        most = limits.get("messages")
        if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
            raise UserError(f"'limits.messages' must be a whole number above 0, not {most!r}.")
        script = cls(tuple(map(_turn, turns)), row, factory, system, most)
        _check_added_once(script)
        _check_unicode(script)
        return script

    def to_json(self) -> str:
        """The text that `from_json` reads."""
        data: dict[str, Any] = {"row": dict(self.row), "turns": list(map(_as_data, self.turns))}
        data |= {"factory": self.factory} if self.factory else {}
        data |= {"system": self.system} if self.system else {}
        data |= {"limits": {"messages": self.max_messages}} if self.max_messages else {}
        return json.dumps(data, ensure_ascii=False)


def _check_added_once(script: Script) -> None:
    """A tool that is added stays; one that is added again would be offered twice."""
    since: dict[str, int] = {}
    for number, turn in enumerate(script.turns):
        for name in turn.tools:
            if name in since:
                raise UserError(
                    f"turn {number}: 'tools' names {name}, which is offered since turn "
                    f"{since[name]}; name a tool once, where it is added."
                )
            since[name] = number


def _check_unicode(script: Script) -> None:
    """JSON can spell half a surrogate pair, which no tokenizer and no file takes."""
    try:
        script.to_json().encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start].encode("ascii", "backslashreplace").decode()
        raise UserError(f"a text holds {half}, half a surrogate pair; leave it out.") from None
    except (TypeError, ValueError):
        return  # a value that is no JSON, which whoever writes the row names


def _turn(data: Any) -> Turn:
    _check_keys(data, _TURN_KEYS, "a turn")
    user, tools, reference = data.get("user"), data.get("tools") or [], data.get("reference")
    if not isinstance(user, str):
        raise UserError(f"a turn needs 'user', what the user says: {json.dumps(data)[:80]}.")
    if not isinstance(tools, list) or not all(isinstance(name, str) for name in tools):
        raise UserError(f"'tools' of a turn must be a list of names: {json.dumps(tools)[:80]}.")
    if reference is None:
        return Turn(user, tuple(tools))
    if not isinstance(reference, list):
        raise UserError(f"'reference' must be a list of calls: {json.dumps(reference)[:80]}.")
    return Turn(user, tuple(tools), tuple(map(_call, reference)))


def _call(data: Any) -> Call:
    arguments = data.get("arguments", {}) if isinstance(data, dict) else None
    if not isinstance(arguments, dict) or not isinstance(data.get("name"), str):
        raise UserError(
            f"a call of a reference has the keys 'name' and 'arguments': {json.dumps(data)[:80]}."
        )
    _check_keys(data, _CALL_KEYS, "a call of a reference")
    return Call(data["name"], arguments)


def _as_data(turn: Turn) -> dict[str, Any]:
    data: dict[str, Any] = {"user": turn.user}
    if turn.tools:
        data["tools"] = list(turn.tools)
    if turn.reference is not None:
        data["reference"] = [
            {"name": call.name, "arguments": dict(call.arguments)} for call in turn.reference
        ]
    return data


def _check_keys(data: Any, known: frozenset[str] | set[str], label: str) -> None:
    if not isinstance(data, dict):
        raise UserError(f"{label} must be a JSON object: {json.dumps(data)[:80]}.")
    unknown = data.keys() - known
    if unknown:
        raise UserError(
            f"{label} has the unknown key {min(unknown)!r}; there are {', '.join(sorted(known))}."
        )
