"""What the documentation names is there: links, headings, commands, options, metrics, messages."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from egpo_verl.advantage.options import RECORD_OPTIONS, EgpoOptions
from egpo_verl.compare.run_log import Run
from egpo_verl.envs.__main__ import main as prove
from egpo_verl.envs.settings import Settings
from egpo_verl.integration.config import ConfigError
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


def test_every_option_is_explained() -> None:
    page = (ROOT / "docs" / "algorithm.md").read_text()
    options = [field.name for field in dataclasses.fields(EgpoOptions)]
    for name in (*options, *RECORD_OPTIONS):
        assert f"| `{name}` |" in page, name


def test_every_option_of_environments_is_explained_with_its_default() -> None:
    page = (ROOT / "docs" / "environments.md").read_text()
    for field in dataclasses.fields(Settings):
        default = json.dumps(field.default).removesuffix(".0")
        assert re.search(rf"^\| `{field.name}` \| `?{default}`? \|", page, re.MULTILINE), field.name
    for metric in ("turns", "calls", "tool_errors", "turns_solved", "no_room_frac"):
        assert f"| `env/{metric}` |" in page


def test_the_environment_on_the_page_is_one(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "environments.md").read_text()
    example, _ = re.findall(r"^ *```python\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)
    (row,) = re.findall(r"^ *```json\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "shop.py").write_text(textwrap.dedent(example))
    (tmp_path / "rows.jsonl").write_text(textwrap.dedent(row))
    assert prove([f"{tmp_path / 'shop.py'}:Shop", "--rows", str(tmp_path / "rows.jsonl")]) == 0


@pytest.mark.slow
def test_every_metric_that_a_training_logs_is_explained(
    undisturbed: tuple[Run, Path, str],
) -> None:
    page = (ROOT / "docs" / "algorithm.md").read_text()
    metrics = [name for name in undisturbed[0].values if name.startswith("egpo/")]
    assert len(metrics) > 5
    for name in metrics:
        assert f"| `{name}` |" in page, name


def test_the_example_prints_what_its_comment_promises() -> None:
    (example,) = blocks(ROOT / "docs" / "algorithm.md", "python")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example, "algorithm.md", "exec"), {})  # noqa: S102  our own page
    assert printed.getvalue().strip() == example.strip().rpartition("# ")[2]


def refusals() -> list[re.Pattern[str]]:
    """The quotes of troubleshooting's tables of messages; `...` stands for what varies."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    lines = page.partition("## Every refusal")[2].splitlines()
    cells = [line.split(" | ")[0] for line in lines if line.startswith("| `")]
    quotes = [quote for cell in cells for quote in re.findall(r"`([^`]+)`", cell)]
    return [re.compile(re.escape(quote).replace(r"\.\.\.", ".*"), re.DOTALL) for quote in quotes]


@pytest.mark.filterwarnings("ignore:Disabled critic")
@pytest.mark.parametrize(
    "override",
    [
        "+algorithm.egpo.lamda=1",
        "algorithm.egpo.lam=-1",
        "algorithm.egpo.lam=much",
        "algorithm.egpo.alpha=1",
        "algorithm.egpo.cot_scope=prompt",
        "algorithm.egpo.granularity=word",
        "algorithm.egpo.positive_only=3",
        "algorithm.rollout_correction.bypass_mode=True",
        "+env=own trainer.use_v1=False",
        "+env=own env.factory=shop.py",
        "+env=own env.max_messages=0",
        "+env=own env.reset_seconds=-1",
        "+env=own +env.seconds=1",
    ],
)
def test_who_is_refused_finds_the_message_on_the_page(
    override: str, composed: Callable[..., Any], validate: Callable[[Any], None]
) -> None:
    with pytest.raises(ConfigError) as refused:
        validate(composed("+egpo=paper", *override.split()))
    assert [quote for quote in refusals() if quote.search(str(refused.value))]


@pytest.mark.parametrize("quote", refusals(), ids=lambda quote: quote.pattern[:40])
def test_a_quoted_message_is_one_that_the_package_has(quote: re.Pattern[str]) -> None:
    assert any(map(quote.search, messages())), quote.pattern


@cache
def messages() -> tuple[str, ...]:
    """All texts of the package but docstrings; what an f-string fills in stands as `\0`."""
    return tuple(
        text for path in (ROOT / "egpo_verl").rglob("*.py") for text in texts(path.read_text())
    )


def texts(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values
            )
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = None  # a docstring
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


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
