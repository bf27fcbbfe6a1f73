"""What a class is as an environment, by the convention of TRL's `environment_factory`.

`reset(**row)` makes a fresh world and may return an observation, every other public method is a
tool, `get_reward()` is optional and replaces our check. Of ours are `_state()`, the JSON that the
check compares, and `_close()`; both are optional, and TRL never calls them.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from egpo_verl.envs.schema import Schema, schema_of
from egpo_verl.errors import UserError

RESET, REWARD, STATE, CLOSE = "reset", "get_reward", "_state", "_close"
TOOLS = "_tools"
"""Of a world whose tools are no methods of its class, as in `egpo_verl.envs.mcp`: their schemas."""

EXACT = 2**53
"""Below it a float holds every whole number."""


def load(factory: str) -> Callable[[], Any]:
    """The class that `FILE.py:Class` or `package.module:Class` names.

    Raises:
        UserError: there is none, or it cannot be imported.
    """
    place, _, name = factory.rpartition(":")
    if not place or not name.isidentifier():
        raise UserError(f"{factory!r} names no environment: write FILE.py:Class or module:Class.")
    try:
        is_file = place.endswith(".py")
        module = _from_file(Path(place)) if is_file else importlib.import_module(place)
    except UserError:
        raise
    except Exception as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"{place} cannot be imported: {what}.") from error
    made = getattr(module, name, None)
    if not callable(made):
        raise UserError(f"{place} has no class {name}.")
    return made  # type: ignore[no-any-return]


def absolute(factory: str) -> str:
    """The same factory, whatever folder its reader runs in."""
    place, colon, name = factory.rpartition(":")
    return f"{Path(place).resolve()}{colon}{name}" if place.endswith(".py") else factory


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(f"{path} is not there, or is no file.")
    folder = str(path.resolve().parent)
    if folder not in sys.path:  # so that it finds what lies beside it
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def methods_of(kind: type) -> dict[str, Callable[..., Any]]:
    """The tools of a class by name, in order of it: its public methods, as TRL lists them, and its
    static ones, each in its `staticmethod`, which tells that it has no `self`.
    """
    members = inspect.getmembers(kind, inspect.isroutine)
    return {
        name: staticmethod(method)
        if isinstance(inspect.getattr_static(kind, name), staticmethod)
        else method
        for name, method in members
        if inspect.isfunction(method) or inspect.ismethod(method)
        if not name.startswith("_") and name not in (RESET, REWARD)
    }


def tools_of(kind: type) -> list[Schema]:
    """The schemas of a class's tools.

    Raises:
        UserError: it has no `reset` or no tool, or a tool that cannot be called by JSON.
    """
    if not inspect.isfunction(getattr(kind, RESET, None)):
        raise UserError(f"{kind.__name__} has no method reset(self, **row), which makes the world.")
    methods = methods_of(kind)
    if not methods:
        raise UserError(f"{kind.__name__} has no public method, so there is no tool to call.")
    # A call asks for the attribute, whose function may have another name.
    return [
        {**schema_of(method, f"{kind.__name__}.{name}"), "name": name}
        for name, method in methods.items()
    ]


def owns_reward(kind: type) -> bool:
    """Whether the environment scores its rollouts itself."""
    return callable(getattr(kind, REWARD, None))


def state_of(world: Any) -> Any:
    """What the check compares: the public attributes, where there is no `_state()`."""
    if callable(getattr(world, STATE, None)):
        return getattr(world, STATE)()
    if not hasattr(world, "__dict__"):
        raise UserError(f"{type(world).__name__} has __slots__: give it a _state() to compare.")
    attributes: Mapping[str, Any] = vars(world)
    return {name: value for name, value in attributes.items() if not name.startswith("_")}


def state_text(state: Any) -> str:
    """A state in a form in which equal states are equal texts.

    Raises:
        ValueError, TypeError: it is no JSON.
    """
    return _same(json.dumps(state, ensure_ascii=False, allow_nan=False))


def comparable(text: str) -> str:
    """A result in a form in which equal results are equal texts: it may be JSON, or not."""
    try:
        return _same(text)
    except (ValueError, RecursionError):
        return text


def _same(text: str) -> str:
    """JSON with its keys in order, and 100.0 as 100."""
    return json.dumps(
        json.loads(text, parse_float=_number), sort_keys=True, ensure_ascii=False, allow_nan=False
    )


def _number(text: str) -> float | int:
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < EXACT else value


def result_text(value: Any) -> str:
    """What the policy sees of a tool's result: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
