"""The page in a real browser: what a person sees and can do, and what a model's text cannot.

Selenium drives the chromedriver that Debian ships beside its Chromium, and downloads nothing.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from egpo_verl.calls.reasons import describe
from egpo_verl.envs.__main__ import main as play
from egpo_verl.inspect.__main__ import main
from egpo_verl.reward import Reason

webdriver = pytest.importorskip("selenium.webdriver", reason="pip install selenium")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="apt-get install chromium chromium-driver"
    ),
]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
)
TINY = Path(__file__).with_name("tiny_rollouts.parquet")
HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def rollouts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model's step 2, and as step 3 its first prompt with hostile texts everywhere."""
    folder = tmp_path_factory.mktemp("rollouts")
    table = pq.read_table(TINY)
    rows = table.to_pylist()
    pq.write_table(table, folder / "2.parquet")
    group = rows[0]["key"].rsplit("_", 2)[0]
    hostile = [
        row
        | {
            "step": 3,
            "data_source": HOSTILE,
            "prompt": json.dumps([{"role": HOSTILE, "content": HOSTILE}] * 2),
            "response": HOSTILE,
            "tokens": [HOSTILE] * len(row["tokens"]),
            "ground_truth": json.dumps([{"name": HOSTILE, "arguments": {HOSTILE: HOSTILE}}]),
        }
        for row in rows
        if row["key"].startswith(group)
    ]
    pq.write_table(pa.Table.from_pylist(hostile, schema=table.schema), folder / "3.parquet")
    return folder


@pytest.fixture
def page(browser: Any, rollouts: Path, tmp_path: Path) -> Any:
    assert main([str(rollouts), "--out", str(tmp_path / "page.html")]) == 0
    browser.get((tmp_path / "page.html").as_uri())
    yield browser
    assert browser.get_log("browser") == []


def all_of(page: Any, selector: str) -> list[Any]:
    elements: list[Any] = page.find_elements("css selector", selector)
    return elements


def one(page: Any, selector: str) -> Any:
    (element,) = all_of(page, selector)
    return element


def pick(page: Any, menu: str, value: object) -> None:
    one(page, f"#{menu} option[value='{value}']").click()


def press(page: Any, keys: str) -> None:
    one(page, "body").send_keys(keys)


def reasons() -> list[int]:
    return [json.loads(text)["reason"] for text in pq.read_table(TINY)["reward"].to_pylist()]


def test_a_reason_is_filtered_and_its_difference_marked(page: Any, tmp_path: Path) -> None:
    assert one(page, "#count").text.startswith("72 responses to 9 prompts")
    pick(page, "step", 2)
    wrong = int(Reason.WRONG_ARGUMENT)
    count = reasons().count(wrong)
    assert one(page, f"#reason option[value='{wrong}']").text == f"{count} · {describe(wrong)}"
    pick(page, "reason", wrong)
    assert one(page, "#count").text.startswith(f"{count} responses to ")
    assert len(all_of(page, "#list li")) == count
    assert describe(wrong) in one(page, ".response .verdict").text
    marked = all_of(page, "tr.argument.differs")
    assert marked
    assert all(
        row.get_attribute("data-state") in ("different", "missing", "extra") for row in marked
    )
    cell = marked[0].find_element("css selector", "td")
    assert cell.value_of_css_property("background-color") != "rgba(0, 0, 0, 0)"
    picture = tmp_path / "page.png"
    assert page.save_screenshot(str(picture))
    assert picture.stat().st_size > 20_000


def test_thoughts_are_filtered_by_what_they_do(page: Any, tmp_path: Path) -> None:
    assert one(page, "#pattern option[value='']").text == "72 · all thoughts"
    names = {
        answer: one(page, f"#pattern option[value='states_values {answer}']").text.split(" · ")
        for answer in ("true", "false")
    }
    assert [words for _, words in names.values()] == ["states each value", "not: states each value"]
    counts = {answer: int(count) for answer, (count, _) in names.items()}
    assert min(counts.values()) > 0
    pick(page, "pattern", "states_values false")
    assert one(page, "#count").text.startswith(f"{counts['false']} responses to ")
    assert one(page, ".pattern[data-pattern=states_values]").text == "not: states each value"
    pick(page, "reason", "right")
    left = one(page, "#pattern option[value='states_values true']").text.split(" · ")[0]
    pick(page, "pattern", "states_values true")
    assert one(page, "#count").text.startswith(f"{left} responses to ")
    assert one(page, "#count").text.endswith("100 % right")
    assert one(page, ".pattern[data-pattern=states_values]").text == "✓ states each value"
    assert page.save_screenshot(str(tmp_path / "patterns.png"))
    one(page, "#clear").click()
    assert one(page, "#count").text.startswith("72 responses")


def test_the_thought_is_shaded_by_entropy(page: Any) -> None:
    rows = pq.read_table(TINY).slice(0, 1).to_pylist()
    shown = all_of(page, ".response .token")
    (row,) = rows
    assert "".join(token.get_attribute("textContent") for token in shown) == "".join(row["tokens"])
    heats = [float(re.findall(r"[\d.]+", token.get_attribute("style"))[0]) for token in shown]
    entropies = [float(token.get_attribute("data-entropy")) for token in shown]
    assert entropies == pytest.approx(row["token_entropy"], abs=1e-3)
    in_thought = [(e, h) for e, h, t in zip(entropies, heats, row["thought"], strict=True) if t]
    assert [heat for _, heat in sorted(in_thought)] == sorted(heat for _, heat in in_thought)
    assert max(heat for _, heat in in_thought) > 0.3
    assert not any(h for h, t in zip(heats, row["thought"], strict=True) if not t)
    hottest = shown[heats.index(max(heats))]
    webdriver.ActionChains(page).move_to_element(hottest).perform()
    assert f"{max(e for e, _ in in_thought):.3f} nats" in one(page, "#tip").text


def test_keys_move_search_and_switch_to_all_responses_to_a_prompt(page: Any) -> None:
    press(page, "jjj")
    rows = all_of(page, "#list button")
    assert rows[3].get_attribute("aria-current") == "true"
    press(page, "k")
    assert "Response 3" in one(page, ".response .verdict").text
    address = page.current_url
    press(page, "g")
    assert len(all_of(page, "#list li")) == 9
    assert len(all_of(page, "#detail .response")) == 8
    press(page, "g/")
    search = page.switch_to.active_element
    search.send_keys("No Such Words Anywhere")
    assert one(page, "#count").text.startswith("0 responses")
    one(page, "#clear").click()
    assert one(page, "#count").text.startswith("72 responses")
    page.get("about:blank")
    page.get(address)
    assert "Response 3" in one(page, ".response .verdict").text


def test_what_a_model_wrote_is_only_ever_text(page: Any) -> None:
    pick(page, "step", 3)
    assert HOSTILE in all_of(page, ".response .token")[0].text
    press(page, "g")
    assert "onerror=" in all_of(page, "#list button")[0].text
    assert page.title == "Rollouts"
    assert all_of(page, "img") == []
    assert len(all_of(page, "script")) == 2


def test_an_episode_is_read_turn_by_turn_with_its_difference_marked(
    browser: Any, tmp_path: Path
) -> None:
    record = tmp_path / "played.parquet"
    row = {
        "row": {"accounts": {"ann": 5}},
        "turns": [
            {"user": "Rename.", "reference": [{"name": "rename", "arguments": {
                "name": "ann", "to": HOSTILE}}]},
            {"user": "Pay.", "tools": ["deposit"], "reference": [{"name": "deposit", "arguments": {
                "name": HOSTILE, "amount": 3}}]},
        ],
    }  # fmt: skip
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    command = ["envs_worlds:Ledger", "--rows", str(tmp_path / "rows.jsonl")]
    assert play([*command, "--episodes", str(record)]) == 0
    table = pq.read_table(record)
    rows = table.to_pylist()
    episode = json.loads(rows[-1]["episode"])
    episode["state"] = {"accounts": {HOSTILE: 9}, "log": []}
    episode["turns"][-1]["reason"] = int(Reason.WRONG_STATE)
    rows[-1]["episode"] = json.dumps(episode)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), record)
    assert main([str(record), "--out", str(tmp_path / "page.html")]) == 0
    browser.get((tmp_path / "page.html").as_uri())
    assert one(browser, "#count").text.startswith("1 rollout to 1 prompt")
    kinds = [item.get_attribute("class").split()[1] for item in all_of(browser, ".message")]
    turn = ["policy", "tool", "policy", "check"]
    assert kinds == [*turn, "user", *turn]
    assert "from here on also: deposit" in one(browser, ".message.user h2").text.lower()
    assert [line.text[0] for line in all_of(browser, ".check .verdict")] == ["✓", "✗"]
    marked = one(browser, ".state tr.differs")
    cells = [cell.text for cell in marked.find_elements("css selector", "td")]
    assert cells == [f"accounts.{HOSTILE}", "9", "8", "≠ differs"]
    assert (browser.title, len(all_of(browser, "script"))) == ("Rollouts", 2)
    assert browser.get_log("browser") == []


def test_a_narrow_page_shows_the_list_or_a_response(page: Any) -> None:
    size = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        assert not one(page, "#detail").is_displayed()
        all_of(page, "#list button")[2].click()
        assert one(page, "#detail").is_displayed()
        assert not one(page, "#list").is_displayed()
        assert page.execute_script("return document.documentElement.scrollWidth") <= 390
        one(page, ".back").click()
        assert one(page, "#list").is_displayed()
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
