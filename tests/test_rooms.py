"""Imports go one way: what CONTRIBUTING.md says of the rooms, held to."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "egpo_verl"
LOADER = {"egpo_verl"}
"""What `VERL_USE_EXTERNAL_MODULES=egpo_verl` names; it loads the plugin inside verl only."""
INSIDES = {f"egpo_verl.integration.{name}" for name in ("v1", "legacy", "cpu", "hooks")}


def room_of(module: str) -> str:
    """The folder a module is in; beside other folders a module is a room of its own."""
    path = ROOT.joinpath(*module.split("."))
    if list(path.parent.glob("*/__init__.py")):
        return module
    return module.rpartition(".")[0]


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def imports_of(file: Path) -> Iterator[str]:
    """The modules of ours that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if is_module(name) else node.module for name in inner]
        yield from (name for name in names if name.split(".")[0] == "egpo_verl")


def imports() -> dict[str, set[str]]:
    """Room -> the rooms that it imports from."""
    graph: dict[str, set[str]] = {}
    for file in PACKAGE.rglob("*.py"):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        room = room_of(module)
        graph.setdefault(room, set()).update(room_of(name) for name in imports_of(file))
    return {room: rooms - LOADER - {room} for room, rooms in graph.items()}


def reach(graph: dict[str, set[str]], room: str) -> set[str]:
    rooms, waiting = set[str](), [room]
    while waiting:
        new = graph[waiting.pop()] - rooms
        rooms |= new
        waiting += new
    return rooms


def test_no_room_needs_one_that_needs_it() -> None:
    order = list(TopologicalSorter(imports()).static_order())
    assert order.index("egpo_verl.calls") < order.index("egpo_verl.reward")
    assert order.index("egpo_verl.datasets.checks") < order.index("egpo_verl.datasets.jobs")


def in_the_table() -> dict[str, set[str]]:
    """Room -> the rooms that CONTRIBUTING.md says it uses, but itself."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    body = text.partition("| room of `egpo_verl/` |")[2].partition("\n\n")[0]
    told: dict[str, set[str]] = {}
    for line in body.splitlines()[2:]:
        rooms, _, uses = line.strip("|").split("|")
        named = {name.rstrip("/").removesuffix(".py") for name in re.findall(r"`(.+?)`", rooms)}
        told |= {room: set(re.findall(r"`(\w+)`", uses)) - {room} for room in named}
    return told


def test_the_table_of_rooms_says_what_each_uses() -> None:
    used: dict[str, set[str]] = {}
    for module, modules in imports().items():
        if module != "egpo_verl":
            room = module.split(".")[1]
            others = {name.split(".")[1] for name in modules} - {room}
            used.setdefault(room, set()).update(others)
    assert used | {"config": set(), "hydra_plugins": set()} == in_the_table()


def test_the_rooms_that_others_use_alone_stand_alone() -> None:
    graph = imports()
    assert reach(graph, "egpo_verl.calls") == set()
    assert reach(graph, "egpo_verl.cot") == {"egpo_verl.calls"}
    assert reach(graph, "egpo_verl.reward") == {"egpo_verl.calls"}
    assert reach(graph, "egpo_verl.advantage") == {"egpo_verl.errors"}


def test_data_and_evaluation_know_nothing_of_verls_insides() -> None:
    graph = imports()
    for room in ("preprocess", "clean", "evaluate", "compare", "inspect"):
        assert not reach(graph, f"egpo_verl.{room}") & INSIDES
