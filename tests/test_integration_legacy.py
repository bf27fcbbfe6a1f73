"""verl's legacy trainer: EGPO trains with it, and a run of GRPO does not notice the package."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from egpo_verl.compare.run_log import Run, read_run
from egpo_verl.inspect.files import read_sample

pytestmark = pytest.mark.slow

Train = Callable[..., "subprocess.CompletedProcess[str]"]
LEGACY = ("trainer.use_v1=False", "trainer.total_training_steps=2", "trainer.save_freq=-1")
REWARD = Path(__file__).with_name("odd_reward.py")


@pytest.fixture(scope="module")
def legacy(train: Train, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    folder = tmp_path_factory.mktemp("legacy")
    ran = train(folder, *LEGACY, f"+algorithm.egpo.record_dir={folder / 'records'}")
    assert ran.returncode == 0, ran.stdout[-6000:]
    return read_run(folder), folder


def test_it_logs_what_the_v1_trainer_logs(
    legacy: tuple[Run, Path], undisturbed: tuple[Run, Path, str]
) -> None:
    """Same rows, same sampler, same first policy; only the order of float sums differs."""
    run, v1 = legacy[0], undisturbed[0]
    names = {name for name in v1.values if name.startswith(("egpo/", "reward/"))}
    # The legacy trainer has no rollouts that fail alone.
    assert {name for name in run.values if name.startswith(("egpo/", "reward/"))} >= {
        name for name in names if not name.startswith("reward/reason_")
    } - {"egpo/failed_rollouts"}
    for name in ("egpo/cot_entropy", "egpo/bonus", "egpo/cot_tokens", "reward/format_ok"):
        assert run.series(name)[1][0] == pytest.approx(v1.series(name)[1][0], rel=1e-4), name


def test_its_responses_are_recorded(legacy: tuple[Run, Path]) -> None:
    records = legacy[1] / "records"
    assert sorted(file.name for file in records.iterdir()) == ["1.parquet", "2.parquet"]
    sample = read_sample([records], limit=1000, seed=0)
    assert sample.total_responses == 2 * 4 * 4
    assert all(answer.text for answer in sample.responses)


def test_grpo_with_a_strangers_reward_trains_and_validates(train: Train, tmp_path: Path) -> None:
    """`reason` is text here, and validation reads it too."""
    reward = "reward.custom_reward_function"
    ran = train(
        tmp_path,
        *LEGACY,
        "algorithm.adv_estimator=grpo",
        f"{reward}.path={REWARD}",
        "trainer.test_freq=2",
    )
    assert ran.returncode == 0, ran.stdout[-6000:]
    run = read_run(tmp_path)
    assert run.series("actor/grad_norm")[0] == [1, 2]
    assert not [name for name in run.values if name.startswith(("egpo/", "reward/"))]
    assert "egpo_verl: " not in ran.stdout
