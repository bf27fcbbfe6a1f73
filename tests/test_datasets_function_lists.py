"""Lists of functions: read once, recognised afterwards, and never read wrongly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egpo_verl.calls import Call
from egpo_verl.datasets.checks.check import check
from egpo_verl.datasets.reading.json_text import FunctionLists
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.tools.features import features_of

# Few letters and few keys, so that one text often begins with another.
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text('a"\\{}[],: \u00e9', max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", max_size=1), inner),
    max_leaves=6,
)
LISTS = st.lists(VALUES, max_size=4)
LAYOUTS = st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}])


@given(st.lists(st.tuples(LISTS, LAYOUTS), min_size=1, max_size=6))
def test_a_list_reads_as_json_reads_it(lists: list[tuple[list[Any], dict[str, Any]]]) -> None:
    reader = FunctionLists()
    for items, layout in lists + lists:
        text = json.dumps(items, **layout)
        assert reader.read(text) == json.loads(text)


@given(st.lists(LISTS, max_size=3), st.text('[]{}",:a1 \n', max_size=12))
def test_what_is_no_json_is_refused_whatever_was_read_before(
    lists: list[list[Any]], text: str
) -> None:
    reader = FunctionLists()
    for items in lists:
        reader.read(json.dumps(items))
    for broken in (text, f"[{text}", *(json.dumps(items)[:-1] + text for items in lists)):
        try:
            expected = json.loads(broken)
        except ValueError:
            with pytest.raises(ValueError):  # noqa: PT011 (its words may differ)
                reader.read(broken)
        else:
            assert reader.read(broken) == expected


def test_a_known_function_is_not_read_again() -> None:
    reader = FunctionLists()
    first, second = ({"name": name, "description": "does it " * 20} for name in "fg")
    one = reader.read(json.dumps([first, second]))
    again = reader.read(json.dumps([second, first, first]))
    assert [item is one[0] for item in again] == [False, True, True]
    assert again[0] is one[1]


def test_forgetting_functions_changes_no_answer() -> None:
    """Some eight thousand are remembered."""
    reader = FunctionLists()
    for number in range(20_000):
        (tool,) = reader.read(json.dumps([{"name": f"f{number}", "parameters": {}}]))
        assert features_of(tool).name == f"f{number}"
        assert features_of(tool) is features_of(tool)
    # Functions that begin alike are told apart.
    alike = [{"description": "x" * 200, "name": f"f{number}"} for number in range(30)]
    assert [reader.read(json.dumps([tool])) for tool in alike * 2] == [[t] for t in alike * 2]


def test_functions_of_one_look_keep_their_own_signatures() -> None:
    """Rows that come as objects: equal or not, each is checked by what it declares itself."""
    messages = ({"role": "user", "content": "q"},)
    for kind, value in (("int", 1), ("str", "x"), ("int", 2), ("str", "y")):
        tool = {"name": "f", "parameters": {"a": {"type": kind}}}
        assert check(Sample("x", messages, (tool,), (Call("f", {"a": value}),))).repairs == ()


def test_a_seed_gives_the_same_files_in_every_process(tmp_path: Path) -> None:
    """Python orders sets of texts anew in every process; nothing that is written may show it."""
    tools = [{"name": f"f {n}", "parameters": {"the a": {"type": "int"}}} for n in range(30)]
    lines = [
        {
            "query": f"Question {n}",
            "tools": json.dumps([tools[(n + step) % 30] for step in range(8)]),
            "answers": json.dumps([{"name": f"f {n % 30}", "arguments": {"the a": n}}]),
        }
        for n in range(120)
    ]
    source = tmp_path / "rows.json"
    source.write_text(json.dumps(lines), "utf-8")
    written = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        command = [sys.executable, "-m", "egpo_verl.preprocess", "xlam", "--test_size", "0.3"]
        command += ["--local_dataset_path", str(source), "--local_save_dir", "out"]
        subprocess.run(
            [*command, "--mask_names", "0.9"],
            check=True,
            cwd=folder,  # the report has the command, which is to be the same
            env={**os.environ, "PYTHONHASHSEED": str(number)},
            stdout=subprocess.DEVNULL,
        )
        written.append({path.name: path.read_bytes() for path in (folder / "out").iterdir()})
    assert {"train.parquet", "test.parquet", "report.md"} <= written[0].keys()
    assert written[0] == written[1]
