"""`python -m egpo_verl.envs`: what is not ready to train on is told before a training."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from egpo_verl.calls import Call
from egpo_verl.datasets.parquet.rows import SCHEMA, to_row
from egpo_verl.datasets.sample import Sample
from egpo_verl.envs.__main__ import main
from egpo_verl.reward import compute_score

EXAMPLES = Path(__file__).parents[1] / "examples"
SHOP = f"{EXAMPLES / 'shop.py'}:Shop"


def write(path: Path, *rows: Any) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def turn(name: str, **arguments: Any) -> dict[str, Any]:
    return {"user": "Go.", "reference": [{"name": name, "arguments": arguments}]}


def test_a_good_environment_is_shown_and_its_rows_written_for_verl(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "train.parquet"
    command = [SHOP, "--rows", str(EXAMPLES / "shop.jsonl"), "--save", str(saved)]
    assert main(command) == 0
    printed = capsys.readouterr().out
    for words in (
        "assistant: [add(item='lamp', count=2), pay()]",
        'tool: {"paid": 40, "left": 20}',
        "earns: 1 (right)",
        "state: {",
    ):
        assert words in printed
    assert "rows that are ready             │      4" in printed
    table = pq.read_table(saved)
    assert table.schema.equals(SCHEMA)
    rows = table.to_pylist()
    assert [row["data_source"] for row in rows] == ["shop"] * 4
    assert [message["role"] for message in rows[0]["prompt"]] == ["system", "user"]
    assert "pay" not in rows[3]["prompt"][0]["content"], "it is offered in a later turn only"
    assert main([SHOP, "--rows", str(saved)]) == 0, "what was written is read back"
    info = rows[0]["extra_info"]
    result = compute_score(
        "shop", "<think>x</think>no", rows[0]["reward_model"]["ground_truth"], info
    )
    assert result["score"] == 0.0


def test_rows_of_a_single_turn_may_stand_beside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    live = json.loads((EXAMPLES / "shop.jsonl").read_text().splitlines()[0])
    path = write(tmp_path / "mixed.jsonl", live, {"extra_info": {"index": 1, "env": None}})
    assert main([SHOP, "--rows", path]) == 0
    assert "1 rows have no extra_info.env" in capsys.readouterr().out


def single(**changes: Any) -> dict[str, Any]:
    """A row of a single turn, as `preprocess` makes it."""
    tool = {"name": "go", "description": "", "parameters": {"type": "object", "properties": {}}}
    user = {"role": "user", "content": "Go."}
    row = to_row(Sample("xlam", (user,), (tool,), (Call("go", {}),), {"level": 2}), 7)
    return {**row, **changes}


def scripts() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (EXAMPLES / "shop.jsonl").read_text().splitlines()]


def live(tmp_path: Path, **info: Any) -> dict[str, Any]:
    """A row of an episode that is verl's already."""
    saved = tmp_path / "live.parquet"
    path = write(tmp_path / "live.jsonl", scripts()[0])
    command = [SHOP, "--rows", path, "--save", str(saved), "--call_form", "hermes"]
    assert main([*command, "--source", "market", "--split", "test"]) == 0
    (row,) = pq.read_table(saved).to_pylist()
    return {**row, "extra_info": {**row["extra_info"], "facts": '{"level": 3}', **info}}


def test_rows_of_verl_are_saved_as_they_are_and_scripts_are_made_rows(tmp_path: Path) -> None:
    theirs = [single(), live(tmp_path), single()]
    path = write(tmp_path / "mixed.jsonl", theirs[0], scripts()[1], *theirs[1:])
    saved, episodes = tmp_path / "train.parquet", tmp_path / "episodes.parquet"
    command = [SHOP, "--rows", path, "--save", str(saved), "--episodes", str(episodes)]
    assert main(command) == 0
    table = pq.read_table(saved)
    assert table.schema.equals(SCHEMA)
    rows = table.to_pylist()
    assert [rows[0], *rows[2:]] == theirs
    made = rows[1]
    assert (made["data_source"], made["extra_info"]["index"]) == ("shop", 1)
    assert made["extra_info"]["call_form"] == "python"
    played = pq.read_table(episodes).to_pylist()
    assert list(dict.fromkeys(row["key"].split("_")[0] for row in played)) == ["1", "2"]
    assert {row["data_source"] for row in played} == {"shop", "market"}
    calls = next(row["response"] for row in played if row["data_source"] == "market")
    assert "<tool_call>" in calls, "a row is played in the form of its own calls"


def test_columns_that_are_not_ours_are_kept(tmp_path: Path) -> None:
    asked = [{"role": "user", "content": "Hi.", "name": "Ann"}]
    row = single(prompt=asked, ability=None, weight=0.5)
    row["extra_info"] |= {"index": 7.5, "origin": {"page": 3}}
    path, saved = tmp_path / "mixed.jsonl", tmp_path / "train.parquet"
    assert main([SHOP, "--rows", write(path, row, live(tmp_path)), "--save", str(saved)]) == 0
    kept, other = pq.read_table(saved).to_pylist()
    assert kept == row
    assert (other["weight"], other["extra_info"]["origin"]) == (None, None)


def test_a_parquet_file_of_verls_rows_is_saved_to_the_byte(tmp_path: Path) -> None:
    day = datetime.datetime(2026, 1, 2)
    path, saved = tmp_path / "rows.parquet", tmp_path / "train.parquet"
    rows = [{**row, "day": day} for row in (single(), live(tmp_path))]
    pq.write_table(pa.Table.from_pylist(rows), path)
    assert main([SHOP, "--rows", str(path), "--save", str(saved)]) == 0
    assert saved.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (single(ability=5), "the column ability cannot hold"),
        (single(extra={}), "cannot be written as parquet"),
        ({"extra_info": {}, "prompt": []}, "row 0: verl needs 'data_source' in a row"),
        (single(reward_model=None), "row 0: verl needs 'reward_model' in a row"),
    ],
)
def test_rows_that_cannot_be_saved_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], row: dict[str, Any], words: str
) -> None:
    path, saved = write(tmp_path / "mixed.jsonl", row, scripts()[0]), tmp_path / "train.parquet"
    assert main([SHOP, "--rows", path, "--save", str(saved)]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1
    assert not saved.exists()


def test_rows_are_numbered_as_in_their_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {"turns": [turn("buy", item="lamp")]}
    path = write(tmp_path / "mixed.jsonl", single(), scripts()[0], single(), wrong)
    assert main([SHOP, "--rows", path]) == 2
    printed = capsys.readouterr()
    assert "row 1, with its reference as the policy" in printed.out
    assert "row 3: turn 0: the reference's call buy" in printed.err


def later(*names: str) -> dict[str, Any]:
    """A script whose second turn of three adds tools."""
    turns = [{"user": "Go.", "tools": list(tools), "reference": []} for tools in ([], names, [])]
    return {"row": {"stock": {}}, "turns": turns}


def test_a_tool_of_a_later_turn_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved, episodes = tmp_path / "train.parquet", tmp_path / "episodes.parquet"
    path = write(tmp_path / "rows.jsonl", single(), later("pay", "ad"))
    command = [SHOP, "--rows", path, "--save", str(saved), "--episodes", str(episodes)]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "row 1: turn 1: 'tools' names ad, which is no tool; there are add, pay, re" in error
    assert not saved.exists()
    assert not episodes.exists()


def test_a_tool_of_a_later_turn_is_looked_for_where_get_reward_judges_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"row": {"secret": 3}, "turns": [{"user": "Guess.", "tools": ["gues"]}]}
    assert main(["envs_worlds:Game", "--rows", write(tmp_path / "rows.jsonl", row)]) == 2
    assert "row 0: turn 0: 'tools' names gues, which is no tool" in capsys.readouterr().err


def test_a_tool_is_added_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = later("add")
    row["turns"][2]["tools"] = ["pay", "add"]
    assert main([SHOP, "--rows", write(tmp_path / "rows.jsonl", row)]) == 2
    words = "row 0: turn 2: 'tools' names add, which is offered since turn 1"
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("value", [datetime.datetime(2026, 1, 2), b"x"])
def test_a_value_that_is_no_json_is_told_with_its_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], value: Any
) -> None:
    path = tmp_path / "rows.parquet"
    rows = [{"row": {"stock": one}, "turns": [{"user": "Go."}]} for one in (None, value)]
    pq.write_table(pa.Table.from_pylist(rows), path)
    assert main([SHOP, "--rows", str(path)]) == 2
    error = capsys.readouterr().err
    assert f"row 1: {type(value).__name__} is no JSON" in error
    assert len(error.strip().splitlines()) == 1


def test_a_call_form_that_is_not_there_is_told_with_its_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "rows.jsonl", live(tmp_path, call_form="pyhton"))
    assert main([SHOP, "--rows", path]) == 2
    error = capsys.readouterr().err
    assert "row 0: extra_info.call_form is 'pyhton'; there are python" in error


@pytest.mark.parametrize(
    ("factory", "row", "words"),
    [
        ("envs_worlds:Random", {"turns": [turn("look")]}, "the world is not deterministic"),
        ("envs_worlds:Shared", {"turns": [turn("note", text="a")]}, "share a class attribute"),
        (SHOP, {"turns": [turn("add", item="lamp")]}, 'add: {"error": "ValueError: there is no'),
        (SHOP, {"turns": [turn("buy", item="lamp")]}, "there is no tool buy"),
        (SHOP, {"turns": [{"user": "Go."}]}, "turn 0 has no 'reference'"),
        (
            "envs_worlds:Game",
            {"row": {"secret": 3}, "turns": [turn("guess", number=4)]},
            "its reference earns 0: get_reward says so, and 0 of an episode without a call.",
        ),
        (
            "envs_worlds:Tricky",
            {"row": {"folder": "/nowhere/to/be"}, "turns": [turn("fail")]},
            "reset: FileNotFoundError",
        ),
    ],
)
def test_a_row_that_is_not_ready_is_told_with_its_reason_and_nothing_is_written(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    factory: str,
    row: dict[str, Any],
    words: str,
) -> None:
    saved = tmp_path / "train.parquet"
    path = write(tmp_path / "rows.jsonl", row)
    assert main([factory, "--rows", path, "--save", str(saved)]) == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert "row 0: " in errors
    assert "1 of 1 rows are not ready" in errors
    assert not saved.exists()


def test_worlds_that_share_a_file_are_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pad.py").write_text(
        "import pathlib\n"
        "class Pad:\n"
        "    def reset(self, path): self._path = pathlib.Path(path)\n"
        "    def write(self, text: str) -> None:\n"
        "        self._path.write_text(self._path.read_text() + text)\n"
        "    def _state(self): return self._path.read_text()\n"
    )
    (tmp_path / "pad.txt").write_text("")
    row = {"row": {"path": str(tmp_path / "pad.txt")}, "turns": [turn("write", text="a")]}
    path = write(tmp_path / "rows.jsonl", row)
    assert main([f"{tmp_path / 'pad.py'}:Pad", "--rows", path]) == 2
    printed = capsys.readouterr()
    assert "worlds share a file" in printed.err
    assert "write has no docstring" in printed.out


def test_an_environment_that_scores_itself_needs_no_reference(tmp_path: Path) -> None:
    row = {"row": {"secret": 3}, "turns": [{"user": "Guess."}]}
    assert main(["envs_worlds:Game", "--rows", write(tmp_path / "rows.jsonl", row)]) == 0


@pytest.mark.parametrize(
    ("reset", "words"),
    [
        ("self.number = CHANCE.random()", """the state had '{"number": 0."""),
        ("self._number = CHANCE.random(); return f'Not {self._number}.'", "returned 'Not 0."),
    ],
)
@pytest.mark.parametrize("reward", ["", "    def get_reward(self): return 0.0\n"])
def test_a_world_whose_start_is_left_to_chance_is_not_ready(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], reset: str, words: str, reward: str
) -> None:
    """A generator of the module is in one state in all processes that are forked from one."""
    (tmp_path / "chance.py").write_text(
        "import random\n"
        "CHANCE = random.Random()\n"
        "class World:\n"
        f"    def reset(self): {reset}\n"
        "    def look(self) -> str: return 'there'\n" + reward
    )
    row = {"turns": [{"user": "Go."} if reward else {"user": "Go.", "reference": []}]}
    factory = f"{tmp_path / 'chance.py'}:World"
    assert main([factory, "--rows", write(tmp_path / "rows.jsonl", row)]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "same process" in error


@pytest.mark.parametrize("said", [{"user": "Go."}, turn("look")])
def test_a_state_that_is_no_json_is_not_compared_where_get_reward_judges(
    tmp_path: Path, said: dict[str, Any]
) -> None:
    """With a reference or without."""
    (tmp_path / "odd.py").write_text(
        "class World:\n"
        "    def reset(self): self.seen = {object()}\n"
        "    def look(self) -> str: return 'there'\n"
        "    def get_reward(self): return 1.0\n"
    )
    path = write(tmp_path / "rows.jsonl", {"turns": [said]})
    assert main([f"{tmp_path / 'odd.py'}:World", "--rows", path]) == 0


@pytest.mark.parametrize(("best", "ready"), [("5.0", True), ("0.8", True), ("-1.0", False)])
def test_get_reward_may_have_a_scale_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], best: str, ready: bool
) -> None:
    (tmp_path / "scaled.py").write_text(
        "class World:\n"
        "    def reset(self): self.seen = False\n"
        "    def look(self) -> str: self.seen = True; return 'there'\n"
        f"    def get_reward(self): return {best} if self.seen else 0.0\n"
    )
    path, saved = (
        write(tmp_path / "rows.jsonl", {"turns": [turn("look")]}),
        tmp_path / "train.parquet",
    )
    code = main([f"{tmp_path / 'scaled.py'}:World", "--rows", path, "--save", str(saved)])
    assert (code, saved.exists()) == ((0, True) if ready else (2, False))
    if not ready:
        assert "its reference earns -1: get_reward says so, and 0" in capsys.readouterr().err


def test_a_factory_that_makes_no_world_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["builtins:print"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_static_method_is_a_tool_with_all_its_parameters(tmp_path: Path) -> None:
    (tmp_path / "static.py").write_text(
        "class World:\n"
        "    def reset(self): ...\n"
        "    @staticmethod\n"
        "    def ping(host: str, port: int = 80) -> str: return f'{host}:{port}'\n"
    )
    path = write(tmp_path / "rows.jsonl", {"turns": [turn("ping", host="home")]})
    assert main([f"{tmp_path / 'static.py'}:World", "--rows", path]) == 0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        # A reference that names the id would be right in one episode and wrong in the next.
        (
            "    def reset(self): self.orders = 0\n"
            "    def order(self) -> str:\n"
            "        self.orders += 1\n"
            "        return uuid.uuid4().hex\n",
            "a tool returned",
        ),
        (
            "    n = 0\n"
            "    def reset(self): self.done = False\n"
            "    def order(self) -> int:\n"
            "        self.done = True\n"
            "        type(self).n += 1\n"
            "        return self.n\n",
            "share a class attribute",
        ),
        (
            "    def reset(self): ...\n"
            "    def order(self) -> None: ...\n"
            "    def get_reward(self): return float(1 + uuid.uuid4().int % 2**60)\n",
            "get_reward gave the reference",
        ),
    ],
)
def test_what_differs_between_two_replays_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str, words: str
) -> None:
    (tmp_path / "chancy.py").write_text(f"import uuid\nclass World:\n{body}")
    path = write(tmp_path / "rows.jsonl", {"turns": [turn("order")]})
    assert main([f"{tmp_path / 'chancy.py'}:World", "--rows", path]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            {"turns": [{"user": "Go.", "reference": [{"name": "add", "args": {"count": 2}}]}]},
            "a call of a reference has the unknown key 'args'",
        ),
        ({"turns": [{"user": "Go \ud800.", "reference": []}]}, "half a surrogate pair"),
        (
            {"row": {"name": "\udfff"}, "turns": [{"user": "Go.", "reference": []}]},
            "half a surrogate pair",
        ),
        ({"turns": [turn("add", item="\ud83d")]}, "half a surrogate pair"),
    ],
)
def test_a_row_that_says_something_else_than_is_meant_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], row: dict[str, Any], words: str
) -> None:
    assert main([SHOP, "--rows", write(tmp_path / "rows.jsonl", row)]) == 2
    assert words in capsys.readouterr().err


def test_scripts_in_parquet_are_those_in_json(tmp_path: Path) -> None:
    """Parquet fills what a row does not have with null; no argument or row may become one."""
    rows = [json.loads(line) for line in (EXAMPLES / "shop.jsonl").read_text().splitlines()]
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(rows), file)
    saved = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for source, target in zip((file, EXAMPLES / "shop.jsonl"), saved, strict=True):
        assert main([SHOP, "--rows", str(source), "--save", str(target)]) == 0
    assert pq.read_table(saved[0]).equals(pq.read_table(saved[1]))


def test_texts_that_look_like_markup_are_printed_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.py").write_text(
        "class X:\n"
        "    def reset(self): ...\n"
        "    def look(self) -> str:\n"
        "        'See :x: and [bold] there.'\n"
        "        return 'a'\n"
    )
    factory = f"{tmp_path / 'x.py'}:X"
    assert main([factory]) == 0
    assert "See :x: and [bold] there." in capsys.readouterr().out
    assert main([factory, "--rows", str(tmp_path / "no:x:.jsonl")]) == 2
    assert "no:x:.jsonl" in capsys.readouterr().err


def test_an_mcp_server_without_the_extra_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mcp.py").write_text("raise ImportError\n")
    world = tmp_path / "shop.py"
    world.write_text("from egpo_verl.envs.mcp import mcp_world\nShop = mcp_world(['server'])\n")
    assert main([f"{world}:Shop"]) == 2
    assert "pip install 'egpo-verl[mcp]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.py:Shop"], "nowhere.py is not there"),
        ([SHOP, "--save", "x.parquet"], "--save needs --rows"),
        ([SHOP, "--rows", "nowhere.jsonl"], "nowhere.jsonl does not exist"),
        ([SHOP, "--rows", "a.jsonl", "--save", "x.txt"], "--save x.txt must end in .parquet"),
        (
            [SHOP, "--rows", "a.jsonl", "--save", "b.parquet", "--episodes", "./b.parquet"],
            "--save and --episodes name one file, b.parquet",
        ),
        (
            [SHOP, "--rows", "b.parquet", "--episodes", "b.parquet"],
            "--rows and --episodes name one file, b.parquet",
        ),
        ([SHOP, "--reset_seconds", "1e30"], "must be a number above 0 and at most 86,400, a day"),
        ([SHOP, "--tool_seconds", "1e30"], "must be a number above 0 and at most 86,400, a day"),
    ],
)
def test_a_wrong_command_is_one_sentence(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("raise ValueError('one line\\nand another')", "ValueError: one line and another"),
        ("from egpo_verl.envs.mcp import mcp_world\nX = mcp_world([])", "give a list, the program"),
    ],
)
def test_a_module_that_raises_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    (tmp_path / "broken.py").write_text(text)
    assert main([f"{tmp_path / 'broken.py'}:X"]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1


def test_a_world_of_slots_is_told_what_it_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "slots.py").write_text(
        "class X:\n"
        "    __slots__ = ('n',)\n"
        "    def reset(self): self.n = 0\n"
        "    def add(self) -> None: self.n += 1\n"
    )
    path = write(tmp_path / "rows.jsonl", {"turns": [turn("add")]})
    assert main([f"{tmp_path / 'slots.py'}:X", "--rows", path]) == 2
    assert "X has __slots__: give it a _state() to compare" in capsys.readouterr().err


def test_an_import_that_hangs_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(3600)\nclass Shop: ...\n")
    assert main([f"{tmp_path / 'slow.py'}:Shop", "--reset_seconds", "1"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "slow.py:Shop is not imported after 1 s, its limit (reset_seconds)." in said
