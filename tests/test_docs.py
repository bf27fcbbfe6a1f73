"""What the documentation says is there, is there: links, headings, commands, options, messages."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import importlib.util
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from egpo_verl.advantage.options import RECORD_OPTIONS, EgpoOptions
from egpo_verl.integration.hooks import HOOKS

ROOT = Path(__file__).parents[1]
TOP = ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")
PAGES = [
    *(ROOT / f"{name}.md" for name in TOP),
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / folder / "README.md" for folder in ("data", "examples", "recipe/egpo")),
]
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MODULE = re.compile(r"python -m (egpo_verl[\w.]*)")


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text()) if kind == language]


def anchors(page: Path) -> set[str]:
    """The fragments that a heading is reached by, as GitHub and most renderers make them."""
    prose = BLOCK.sub("", page.read_text())
    titles = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(BLOCK.sub("", page.read_text())):
        if "://" in link:
            continue
        place, _, fragment = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{link} leads nowhere"
        assert not fragment or fragment in anchors(target), f"{link} has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_names_a_module_that_is_there(page: Path) -> None:
    for module in set(MODULE.findall(page.read_text())):
        spec = importlib.util.find_spec(module.rstrip("."))
        assert spec is not None, module
        if spec.submodule_search_locations is not None:
            assert importlib.util.find_spec(f"{module}.__main__") is not None, module


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index


def test_every_attribute_of_verl_that_is_replaced_is_listed_with_its_reason() -> None:
    page = (ROOT / "docs" / "integration.md").read_text()
    listed = re.findall(r"^\| `(verl\.[\w.]+)` \| ", page, re.MULTILINE)
    assert listed == [hook.path for hook in HOOKS]


def test_every_option_and_metric_is_explained() -> None:
    page = (ROOT / "docs" / "algorithm.md").read_text()
    metrics = {text for text in said_in_code().split("\n") if re.fullmatch(r"egpo/[a-z_]+", text)}
    assert len(metrics) > 5
    options = [field.name for field in dataclasses.fields(EgpoOptions)]
    for name in (*metrics, *options, *RECORD_OPTIONS):
        assert f"| `{name}` |" in page, name


def test_the_example_prints_what_it_says() -> None:
    (example,) = blocks(ROOT / "docs" / "algorithm.md", "python")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example, "algorithm.md", "exec"), {})  # noqa: S102  our own page
    assert printed.getvalue().strip() == example.strip().rpartition("# ")[2]


def said_in_code() -> str:
    """All texts of the package; what an f-string fills in stands as a single `\\0`."""
    return "\n".join(
        text for path in (ROOT / "egpo_verl").rglob("*.py") for text in texts(path.read_text())
    )


def texts(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_refusals_are_quoted_as_the_code_says_them() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    table = page.partition("## Every refusal")[2]
    quoted = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `")]
    code = said_in_code()
    assert len(quoted) > 20
    for cell in quoted:
        for quote in re.findall(r"`([^`]+)`", cell):
            for piece in quote.split("..."):
                assert piece.strip() in code, quote


@pytest.mark.slow
def test_the_commands_of_the_data_page_run(tmp_path: Path) -> None:
    """Each as it stands, in order, in a folder that has what a checkout has."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "samples").symlink_to(ROOT / "data" / "samples")
    (tmp_path / "egpo_verl").symlink_to(ROOT / "egpo_verl")
    script = "\n".join(blocks(ROOT / "docs" / "data.md", "bash"))
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr
