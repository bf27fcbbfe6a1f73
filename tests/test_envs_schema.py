"""What a class offers: every public method is a tool, its signature and docstring the schema."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, Literal, Optional

import pytest
from envs_worlds import Game, Ledger, Tricky, Typed

from egpo_verl.calls import Call, ToolSet
from egpo_verl.envs.protocol import load, owns_reward, tools_of
from egpo_verl.errors import UserError

EXAMPLE = Path(__file__).parents[1] / "examples" / "shop.py"


def example() -> type:
    made = load(f"{EXAMPLE}:Shop")
    assert isinstance(made, type)
    return made


class Static:
    def reset(self) -> None: ...

    @staticmethod
    def ping(host: str, port: int = 80) -> str:
        """Reach a host.

        Args:
            host: Its name.
            port: Its door.
        """
        return f"{host}:{port}"

    @staticmethod
    def now() -> str:
        """Tell the time."""
        return "noon"


@pytest.mark.parametrize("kind", [example(), Ledger, Typed, Game, Static])
def test_schemas_are_those_that_transformers_and_so_trl_reads(kind: type) -> None:
    transformers = pytest.importorskip("transformers.utils")
    names = [name for name, _ in inspect.getmembers(kind, inspect.isfunction)]
    offered = [n for n in names if not n.startswith("_") and n not in ("reset", "get_reward")]
    expected = [transformers.get_json_schema(getattr(kind, name))["function"] for name in offered]
    for schema in expected:
        schema.pop("return", None)
    assert tools_of(kind) == expected


class Attributes:
    """Tools that are no plain functions under their own names."""

    def reset(self) -> None: ...

    @classmethod
    def ring(cls, times: int) -> str:
        """Ring."""
        return "ding"

    def add(self, item: Optional[Literal["lamp", "desk"]] = None) -> str:  # noqa: UP045
        """Add."""
        return item or "nothing"

    put = add


def test_a_tool_is_called_by_its_attribute() -> None:
    """TRL lists class methods, too."""
    tools = {tool["name"]: tool["parameters"] for tool in tools_of(Attributes)}
    assert sorted(tools) == ["add", "put", "ring"]
    assert list(tools["ring"]["properties"]) == ["times"]


def test_the_default_of_an_optional_choice_may_be_passed() -> None:
    offered = ToolSet({tool["name"]: tool for tool in tools_of(Attributes)})
    assert offered.check([Call("add", {"item": None})]) is None
    assert offered.check([Call("add", {"item": "lamp"})]) is None
    assert offered.check([Call("add", {"item": "moon"})]) is not None


def test_private_methods_and_reset_and_get_reward_are_no_tools() -> None:
    names = {tool["name"] for tool in tools_of(Tricky)} | {tool["name"] for tool in tools_of(Game)}
    assert names.isdisjoint({"reset", "get_reward", "_state", "_close"})
    assert owns_reward(Game)
    assert not owns_reward(Tricky)


class NoReset:
    def look(self) -> str:
        return ""


class NoTool:
    def reset(self) -> None: ...


class NoHint(NoTool):
    def look(self, place) -> str:  # type: ignore[no-untyped-def]
        return ""


class Stars(NoTool):
    def look(self, *places: str) -> str:
        return ""


class NoJson(NoTool):
    def look(self, place: Path) -> str:
        return ""


class NoHash(NoTool):
    def look(self, place: [int]) -> str:  # type: ignore[valid-type]
        return ""


class NoCode(NoTool):
    def look(self, place: "int or") -> str:  # type: ignore[valid-type]  # noqa: F722
        return ""


class NoText(NoTool):
    def look(self, place: Literal[b"x"]) -> str:
        return ""


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (NoReset, "NoReset has no method reset"),
        (NoTool, "NoTool has no public method"),
        (NoHint, "NoHint.look: the parameter place needs a type hint"),
        (Stars, "Stars.look: tools are called by keyword"),
        (NoJson, "NoJson.look: the parameter place has the type"),
        (NoHash, "NoHash.look: "),
        (NoCode, "NoCode.look: a type hint cannot be read: SyntaxError"),
        (NoText, "NoText.look: the parameter place has the type"),
    ],
)
def test_what_cannot_be_an_environment_is_refused_by_name(kind: type, words: str) -> None:
    with pytest.raises(UserError, match=words):
        tools_of(kind)


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("shop", "names no environment"),
        ("nowhere.py:Shop", "nowhere.py is not there"),
        (f"{EXAMPLE}:Market", "has no class Market"),
        ("no.such.module:Shop", "cannot be imported: ModuleNotFoundError"),
    ],
)
def test_a_factory_that_is_not_there_is_one_sentence(factory: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        load(factory)


def test_a_module_on_the_path_is_named_with_dots() -> None:
    made: Any = load("envs_worlds:Ledger")
    assert made.__name__ == "Ledger"
