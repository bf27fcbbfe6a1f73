"""verl's `main_ppo` trains in a live environment, beside rows of a single turn."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from transformers import AutoTokenizer

from egpo_verl.calls import Reason
from egpo_verl.compare.run_log import Run, read_run
from egpo_verl.datasets.parquet.rows import SCHEMA
from egpo_verl.envs.episode import Episode
from egpo_verl.envs.protocol import load, tools_of
from egpo_verl.envs.script import Script
from egpo_verl.evaluate.__main__ import main as evaluate
from egpo_verl.inspect.files import read_sample
from egpo_verl.inspect.page import content

MODEL = Path(__file__).parents[1] / "egpo_verl" / "toolworld" / "model"
Train = Callable[..., "subprocess.CompletedProcess[str]"]

WORLD = '''
class Lamp:
    """A lamp with a switch; any answer that switches nothing is right in its second turn."""

    def reset(self, **row):
        self.on = row["on"]

    def switch(self, on: bool) -> bool:
        """Switch it.

        Args:
            on: On or off.
        """
        self.on = on
        return self.on

    def look(self) -> bool:
        """Look at it."""
        return self.on
'''
LIVE = [
    "+env=own",
    "env.factory=lamp.py:Lamp",
    "data.max_prompt_length=700",
    "data.shuffle=False",
    "actor_rollout_ref.rollout.temperature=1.0",
    "env.max_messages=3",
]


def live_row(index: int) -> dict[str, Any]:
    turns = [{"user": "Hello.", "reference": []}, {"user": "Thanks.", "reference": []}]
    turns.append({"user": "Bye.", "reference": []})
    env = {"row": {"on": bool(index % 2)}, "turns": turns}
    prompt = [{"role": "user", "content": "Hello."}]
    info = {"index": index, "split": "train", "tools": "[]", "call_form": "python"}
    more = {"think_in_prompt": False, "renamed": "{}", "facts": "{}", "env": json.dumps(env)}
    return {
        "data_source": "lamp",
        "prompt": prompt,
        "ability": "function_call",
        "reward_model": {"style": "rule", "ground_truth": "[]"},
        "extra_info": info | more,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("live")


@pytest.fixture(scope="module")
def run(train: Train, rows: Path, folder: Path) -> Run:
    """Two steps, half of each batch live, half single-turn rows of toolworld."""
    (folder / "lamp.py").write_text(WORLD)
    single = pq.read_table(rows / "train.parquet").slice(0, 4).to_pylist()
    mixed = [row for n, one in enumerate(single) for row in (live_row(n), one)]
    pq.write_table(pa.Table.from_pylist(mixed, schema=SCHEMA), folder / "train.parquet")
    ran = train(
        folder,
        *LIVE,
        "algorithm.egpo.granularity=turn",
        f"data.train_files={folder / 'train.parquet'}",
        f"data.val_files={folder / 'train.parquet'}",
        "trainer.total_training_steps=2",
        "trainer.val_before_train=True",
        "trainer.save_freq=2",
        f"+algorithm.egpo.record_dir={folder / 'records'}",
    )
    (folder / "console.txt").write_text(ran.stdout)
    assert ran.returncode == 0, ran.stdout[-6000:]
    return read_run(folder)


@pytest.mark.slow
def test_a_grpo_run_is_told_of_its_episodes_too_and_no_prompt_loses_its_head(
    train: Train, tmp_path: Path
) -> None:
    """The first prompt fits, no second one does."""
    (tmp_path / "lamp.py").write_text(WORLD)
    rows = [live_row(number) for number in range(4)]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), tmp_path / "train.parquet")
    first = Script.from_json(rows[0]["extra_info"]["env"])
    kind = load(f"{tmp_path / 'lamp.py'}:Lamp")
    prompt = Episode(first, tools_of(kind)).prompt  # type: ignore[arg-type]
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    room = len(tokenizer.apply_chat_template(prompt, add_generation_prompt=True)["input_ids"])
    ran = train(
        tmp_path,
        *LIVE,
        "algorithm.adv_estimator=grpo",
        f"data.max_prompt_length={room + 1}",
        f"data.train_files={tmp_path / 'train.parquet'}",
        "trainer.total_training_steps=1",
        "trainer.save_freq=-1",
    )
    assert ran.returncode == 0, ran.stdout[-6000:]
    run = read_run(tmp_path)
    assert run.series("env/turns")[1] == [1.0]
    assert 0 < run.series("env/no_room_frac")[1][0] <= 1
    assert run.series("prompt_length/max")[1] == [room]
    assert not any(name.startswith("egpo/") for name in run.values)


@pytest.mark.slow
def test_rows_are_messages_and_verl_pads_them_to_whole_mini_batches(run: Run, folder: Path) -> None:
    """16 rollouts of a step make more than 16 rows, so more than one update."""
    rows = pq.read_table(folder / "records" / "1.parquet").to_pylist()
    updates = math.ceil(len(rows) / 16)
    assert updates > 1
    if len(rows) % 16:
        console = (folder / "console.txt").read_text()
        assert f"Upsampled batch from {len(rows)} to {16 * updates} " in console
    scores: dict[str, set[float]] = {}
    for row in rows:
        scores.setdefault(row["key"].rpartition("_")[0], set()).add(row["score"])
    assert len(scores) == 16
    assert all(len(of_rollout) == 1 for of_rollout in scores.values())
    turns = run.series("env/turns")[1][0]
    assert len(rows) == 8 + 8 * turns, "half of the rollouts are episodes"


@pytest.mark.slow
def test_the_record_of_its_episodes_opens_turn_by_turn(run: Run, folder: Path) -> None:
    sample = read_sample([folder / "records" / "1.parquet"], limit=800, seed=0)
    shown = [
        one for prompt in content(sample, "t", 0)["prompts"] for one in prompt["responses"]
    ]  # fmt: skip
    episodes = [one for one in shown if "episode" in one]
    assert (len(shown), len(episodes)) == (16, 8)
    for one in episodes:
        first, *_, last = one["episode"]["parts"]
        assert first["response"]["tokens"]
        assert last["reason"] == one["reason"]
        assert one["episode"]["state"]["differing"] or one["reason"] != Reason.WRONG_STATE


@pytest.mark.slow
def test_episodes_and_single_turns_train_together(run: Run) -> None:
    assert run.series("egpo/failed_rollouts")[1] == [0.0, 0.0]
    for metric in ("env/turns", "env/calls", "env/tool_errors", "env/turns_solved"):
        assert run.series(metric)[0] == [1, 2]
    assert min(run.series("env/turns")[1]) >= 1
    assert max(run.series("env/no_room_frac")[1]) == 0
    assert min(run.series("egpo/cot_entropy")[1]) > 0
    assert min(run.series("actor/grad_norm")[1]) > 0


@pytest.mark.slow
def test_its_checkpoint_goes_through_bfcls_own_multi_turn_scorer(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    """What the tiny model answers there is wrong; that it is asked, loops and is scored counts."""
    checkpoint = folder / "checkpoints" / "global_step_2"
    extent = ["--categories", "multi_turn_base", "--limit", "1", "--max_tokens", "16"]
    longer = ["--context", "16384"]  # than the 1,024 tokens of its configuration
    command = ["bfcl", "--model", str(checkpoint), *extent, *longer]
    assert evaluate([*command, "--output_dir", str(tmp_path)]) == 0
    written = json.loads((tmp_path / "bfcl" / "bfcl.json").read_text())
    counts = written["categories"]["multi_turn_base"]
    assert (counts["scored"], counts["missing"], counts["too_long"]) == (1, 0, 0)
    assert counts["answers"] > 1, "BFCL's loop asks at least once a user turn"
