"""Every release of verl that people run: EGPO works in it, and nothing else of it has changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import page
import pytest
from releases import RELEASES, SINCE_ENTRY_POINTS, Unreachable, folder_of, has_by_entry_point
from releases import probed as probe

pytestmark = pytest.mark.slow

BYPASS = "set algorithm.rollout_correction.bypass_mode=False"
STEPS = ("legacy", "legacy with engine workers", "separate", "fully_async", "one_step_off", "v1")
HAS = {
    "0.7.0": {"legacy", "legacy with engine workers"},
    "0.7.1": {"legacy", "legacy with engine workers", "separate"},
    "0.8.0": {"legacy", "separate", "fully_async", "one_step_off"},
    "0.9.0": {"legacy", "separate", "fully_async", "one_step_off", "v1"},
    "0.9.1": {"legacy", "separate", "fully_async", "one_step_off", "v1"},
}
Probed = tuple[str, dict[str, Any], dict[str, Any]]


@pytest.fixture(scope="session")
def cache(request: pytest.FixtureRequest) -> Path:
    """Where the wheels stay from one test run to the next."""
    return Path(request.config.cache.mkdir("verl-releases"))


@pytest.fixture(scope="session", params=RELEASES)
def release(request: pytest.FixtureRequest, cache: Path) -> str:
    version: str = request.param
    fetch_or_skip(version, cache)
    return version


def fetch_or_skip(version: str, cache: Path) -> None:
    """Without an index the tests of a release are skipped, in CI they fail."""
    try:
        folder_of(version, cache)
    except Unreachable as error:
        if os.environ.get("EGPO_CI"):
            pytest.fail(f"CI tests every release of verl: {error}")
        pytest.skip(str(error))


@pytest.fixture
def probed(release: str, cache: Path) -> Probed:
    """The version, what the probe finds with the package, and without."""
    return (release, *probe(release, cache))


def test_the_release_is_the_one_that_is_tested_and_has_the_estimator(probed: Probed) -> None:
    version, probe_result, _ = probed
    assert probe_result["version"] == version
    assert probe_result["loaded"] == {"estimator": True, "cpu": []}


def test_a_step_of_every_trainer_gives_the_advantages_of_the_public_function(
    probed: Probed,
) -> None:
    version, probe_result, _ = probed
    steps = {name: probe_result[name] for name in STEPS if name in probe_result}
    assert set(steps) == HAS[version]
    for name, step in steps.items():
        assert "failed" not in step, f"{name}: {step}"
        assert step["equal"], name
        assert "egpo/cot_entropy" in step["metrics"], f"{name} logs {step['metrics']}"


def test_grpo_and_all_of_verl_are_as_without_the_package(probed: Probed) -> None:
    _, probe_result, without = probed
    assert "failed" not in without["grpo"], without["grpo"]
    assert probe_result["grpo"] == without["grpo"]
    looks, stock_looks = probe_result["looks"], without["looks"]
    assert len(stock_looks) > 1000
    assert {
        name for name in looks | stock_looks if looks.get(name) != stock_looks.get(name)
    } == set()


def test_ray_can_send_every_task_runner(probed: Probed) -> None:
    _, probe_result, _ = probed
    assert "verl.trainer.main_ppo" in " ".join(probe_result["pickled"])
    assert all(size > 0 for size in probe_result["pickled"].values())


def test_a_default_that_skips_the_entropy_is_refused_with_the_cure(probed: Probed) -> None:
    version, probe_result, _ = probed
    for trainer in {"fully_async", "one_step_off"} & HAS[version]:
        says = probe_result[f"{trainer} as configured"]
        assert BYPASS in says["check"], trainer
        assert BYPASS in says["step"], f"{trainer}, which may not check first"


def test_a_trainer_out_of_reach_is_refused_with_the_cure(probed: Probed) -> None:
    version, probe_result, _ = probed
    assert ("main_ppo_sync" in probe_result) == (version == "0.8.0")
    if "main_ppo_sync" in probe_result:
        assert "python -m verl.trainer.main_ppo " in probe_result["main_ppo_sync"]


def test_every_way_to_start_asks_for_the_same(probed: Probed) -> None:
    version, probe_result, _ = probed
    config = probe_result["config"]
    assert "failed" not in config, config
    ways = config["ways"]
    assert set(ways) == {"+egpo=paper", "recipe"} | ({"script"} if version >= "0.9.0" else set())
    paper = ways["+egpo=paper"]
    assert all(way == paper for way in ways.values()), ways
    assert paper["algorithm.adv_estimator"] == "egpo"
    assert config["read by workers"] is True, "Eq. 4 in float32"
    assert config["warned"] == []
    assert config["entropy as logits"] is False
    assert config["modules"] == "egpo_verl", "workers of a running cluster load the plugin"


def test_without_the_group_a_warning_names_what_the_workers_read(probed: Probed) -> None:
    _, probe_result, _ = probed
    bare = probe_result["config"]["bare"]
    assert bare["read"] is False
    assert "not in float32" in bare["warned"]
    assert bare["read after the cure"] is True, bare["warned"]
    assert bare["warned after the cure"] == []


def test_the_reward_is_ours_and_a_users_own_wins(probed: Probed) -> None:
    _, probe_result, _ = probed
    config = probe_result["config"]
    assert config["reward"] == "egpo_verl.reward.compute_score"
    assert config["migrated"] in (None, "pkg://egpo_verl.reward")
    assert config["a user's reward"] == "pkg://json"


def test_the_entry_point_loads_it_where_verl_has_them(release: str, cache: Path) -> None:
    if release in SINCE_ENTRY_POINTS:
        assert has_by_entry_point(release, cache)


def test_the_page_says_what_was_found(cache: Path) -> None:
    for version in RELEASES:
        fetch_or_skip(version, cache)
    results = {version: probe(version, cache)[0] for version in RELEASES}
    assert page.PAGE.read_text("utf-8") == page.page(results), (
        "write it again: python tests/versions/page.py"
    )
