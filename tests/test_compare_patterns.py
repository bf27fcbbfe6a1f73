"""From recorded rollouts to the shares of what thoughts do, and the accuracies beside them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from egpo_verl.compare import __main__ as compare
from egpo_verl.inspect.patterns import PATTERNS

TINY = Path(__file__).with_name("tiny_rollouts.parquet")
TOOLS = json.dumps(
    [
        {"name": name, "description": "", "parameters": {"type": "object", "properties": {}}}
        for name in ("book", "search")
    ]
)
STATED = "<think>Not search. Oslo.</think>[book(city='Oslo')]"
UNSTATED = "<think>So I book.</think>[book(city='Oslo')]"
NO_THOUGHT = "[book(city='Oslo')]"


def dump(file: Path, rows: Iterable[tuple[str, float]], step: int, prompt: str = TOOLS) -> None:
    """What verl writes as trainer.rollout_data_dir."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        {"input": f"system\n{prompt}\nuser\nHi.", "output": text, "gts": "", "score": score}
        for text, score in rows
    ]
    file.write_text("".join(json.dumps({**line, "step": step}) + "\n" for line in lines))


def run(folder: Path, stated: int = 1, prompt: str = TOOLS) -> None:
    """Ten steps of four thoughts; in the last five, `stated` of them more state the value."""
    for step in range(1, 11):
        number = 1 + (stated if step > 5 else 0)
        rows = [(STATED, 1.0)] * number + [(UNSTATED, 0.0)] * (3 - number)
        dump(folder / f"{step}.jsonl", [*rows, (UNSTATED, 1.0), (NO_THOUGHT, 0.0)], step, prompt)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert compare.main(["--patterns", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_shares_and_accuracies_of_a_trainings_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path / "egpo" / "rollouts")
    out = tmp_path / "patterns.png"
    text = printed(capsys, tmp_path / "egpo", "--out", out)
    # 1 of 4 in the first five steps, 2 of 4 in the last; without it, 1 of 2 is right.
    assert re.search(r"states each value +egpo \(1\) +0\.250 +0\.500 +1\.00 +0\.500 +10 / 10", text)
    assert re.search(r"names the tool +egpo \(1\) +0\.750 +0\.500 +0\.500 +1\.00 +10 / 10", text)
    assert re.search(r"rejects another tool +egpo \(1\) +0\.250 +0\.500 +1\.00 +0\.500", text)
    assert re.search(r"checks a value again +egpo \(1\) +0\.00 +0\.00 +– +0\.750 +0 / 20", text)
    assert "egpo: 10 of 50 responses have no thought." in text
    assert f"curves: {out}" in text.replace("\n", "")
    assert out.read_bytes().startswith(b"\x89PNG")


def test_seeds_are_one_group_with_their_spread(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, stated in enumerate((0, 2)):
        run(tmp_path / f"egpo_s{seed}" / "rollouts", stated)
    run(tmp_path / "other" / "dump", prompt="No list of tools.")
    (tmp_path / "egpo_s1" / "rollouts" / "10.jsonl").unlink()
    out = tmp_path / "patterns.svg"
    runs = (f"{tmp_path}/egpo_s*", f"grpo={tmp_path}/other/dump")
    text = printed(capsys, *runs, "--out", out, "--edge", "4", "--band", "stderr")
    assert re.search(r"states each value +egpo \(2\) +0\.250 ± 0\.000 +0\.500 ± 0\.354", text)
    assert "egpo: its 2 seeds end at steps 9 to 10" in text
    assert re.search(r"rejects another tool +egpo .*\n +grpo \(1\) +– +– +– +– +0 / 0", text)
    assert "grpo: whether a thought rejects another tool or notices a missing value has no" in text
    texts = re.findall(r"<!-- (.+?) -->", out.read_text())
    assert {f"thought {words}: share" for words in PATTERNS.values()} <= set(texts)
    assert {"egpo (2 seeds)", "grpo (1 seed)", "right without the pattern"} <= set(texts)
    assert any("band: mean ± standard error over seeds" in text for text in texts)


def test_egpos_own_record_of_one_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, f"tiny={TINY}", "--out", tmp_path / "a.pdf")
    assert re.search(r"names the tool +tiny \(1\) +1\.00", text)
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


def test_it_needs_neither_torch_nor_verl(tmp_path: Path) -> None:
    program = (
        "import sys; "
        "sys.modules.update(dict.fromkeys(('torch', 'verl', 'transformers', 'ray'))); "
        "from egpo_verl.compare.__main__ import main; "
        f"sys.exit(main(['--patterns', {str(TINY)!r}, '--out', {str(tmp_path / 'a.png')!r}]))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no"], "no is not there: give a training's folder with its rollouts"),
        (["empty"], "holds no rollouts: train with +algorithm.egpo.record_dir"),
        (["blank.jsonl"], "blank.jsonl: no response in there"),
        (["log.jsonl"], "log.jsonl:1 is not a line of verl's rollouts"),
        (["good.jsonl", "good.jsonl"], "is named twice"),
        (["good.jsonl", "--out", "a.xyz"], "must end in .png, .svg, .pdf"),
        (["good.jsonl", "--out", "no/a.png"], "no/a.png cannot be written"),
    ],
)
def test_bad_input_ends_with_one_sentence_and_code_2(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "blank.jsonl").touch()
    (tmp_path / "log.jsonl").write_text(json.dumps({"step": 1, "data": {}}))
    dump(tmp_path / "good.jsonl", [(STATED, 1.0)], step=1)
    before = sorted(tmp_path.rglob("*"))
    assert compare.main(["--patterns", *arguments]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert len(error.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before
