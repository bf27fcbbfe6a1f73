"""verl's own `main_ppo` trains in a live environment, beside rows of a single turn."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from egpo_verl.compare.run_log import Run, read_run
from egpo_verl.datasets.parquet.rows import SCHEMA

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
def run(train: Train, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two steps, half of each batch live, half single-turn rows of toolworld."""
    folder = tmp_path_factory.mktemp("live")
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
        "trainer.save_freq=-1",
        f"+algorithm.egpo.record_dir={folder / 'records'}",
    )
    (folder / "console.txt").write_text(ran.stdout)
    assert ran.returncode == 0, ran.stdout[-6000:]
    return read_run(folder)


@pytest.mark.slow
def test_episodes_and_single_turns_train_together(run: Run) -> None:
    assert run.series("egpo/failed_rollouts")[1] == [0.0, 0.0]
    for metric in ("env/turns", "env/calls", "env/tool_errors", "env/turns_solved"):
        assert run.series(metric)[0] == [1, 2]
    assert min(run.series("env/turns")[1]) >= 1
    assert max(run.series("env/no_room_frac")[1]) == 0
    assert min(run.series("egpo/cot_entropy")[1]) > 0
    assert min(run.series("actor/grad_norm")[1]) > 0
