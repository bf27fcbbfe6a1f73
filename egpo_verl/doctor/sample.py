"""One made row all the way: prompt, answer, reward, thought, advantage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from egpo_verl.calls import Call, render
from egpo_verl.calls.reasons import describe
from egpo_verl.calls.thought import THINK_CLOSE, THINK_OPEN, left_open
from egpo_verl.datasets.parquet.rows import to_row
from egpo_verl.datasets.sample import Sample
from egpo_verl.doctor.finding import Finding, fail, ok
from egpo_verl.doctor.template import Refused, prompt_text
from egpo_verl.reward import compute_score

TINY_MODEL = Path(__file__).parents[1] / "toolworld" / "model"
"""The model that the package ships; its tokenizer is used where no other is named."""

TOOL = {
    "name": "weather",
    "description": "The weather of a day.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    },
}
SAMPLE = Sample(
    source="doctor",
    messages=({"role": "user", "content": "How is the weather in Paris for 3 days?"},),
    tools=(TOOL,),
    calls=(Call("weather", {"city": "Paris", "days": 3}),),
)
THOUGHT = "They ask for Paris and three days."
ENTROPY = 0.5
"""Nats at every token, so that the bonus is 0.4 * 0.5, below the cap of 0.7071 / 2."""


def check_reward() -> Iterator[Finding]:
    """A right answer earns 1 and a wrong one 0; needs neither torch nor a model."""
    yield from _judge(to_row(SAMPLE, 0), f"{THINK_OPEN}{THOUGHT}{THINK_CLOSE}")


def check_sample(tokenizer: Any) -> Iterator[Finding]:
    """The same through a tokenizer and its template, and on to the advantage."""
    prompt = ""
    row = to_row(SAMPLE, 0)
    if tokenizer.chat_template:
        try:
            prompt = prompt_text(tokenizer, row["prompt"])
        except Refused as error:
            yield fail("sample row", f"the chat template refuses its prompt: {error}")
            return
    opened = left_open(prompt)
    row = to_row(SAMPLE, 0, think_in_prompt=opened)
    thought = f"{'' if opened else THINK_OPEN}{THOUGHT}{THINK_CLOSE}"
    right = _encode(tokenizer, thought + render(SAMPLE.calls))
    seen = tokenizer.decode(right, skip_special_tokens=True)
    score = compute_score("doctor", seen, _truth(row), row["extra_info"])
    if score["score"] != 1.0:
        yield fail(
            "sample row",
            f"a right answer earns {score['score']:g}: {describe(int(score['reason']))}; "
            f"the reward sees {seen!r}",
            "see the lines on thought tags and chat template",
        )
        return
    yield ok("sample row", f"a prompt of {len(_encode(tokenizer, prompt))} tokens, a right answer")
    yield from _check_advantage(tokenizer, prompt, right)


def _judge(row: dict[str, Any], thought: str) -> Iterator[Finding]:
    answers = {thought + render(SAMPLE.calls): 1.0, f"{thought}[weather(city='Rome')]": 0.0}
    for answer, expected in answers.items():
        score = compute_score("doctor", answer, _truth(row), row["extra_info"])["score"]
        if score != expected:
            text = f"{answer!r} earns {score:g} in place of {expected:g}"
            yield fail("reward", text, "report this as a bug")
            return
    yield ok("reward", "a right answer earns 1, a wrong one 0")


def _check_advantage(tokenizer: Any, prompt: str, right: list[int]) -> Iterator[Finding]:
    """Eq. 5 for a group of two, one right and one wrong, with a made entropy."""
    import numpy as np
    import torch

    from egpo_verl.advantage import egpo
    from egpo_verl.cot import cot_mask

    responses = torch.tensor([right, right])
    mask = torch.ones_like(responses)
    prompts = torch.tensor([_encode(tokenizer, prompt)] * 2)
    thought = cot_mask(tokenizer, responses, mask, prompts if prompts.numel() else None)
    marked = tokenizer.decode(responses[0][thought[0]]).strip()
    # A token that holds a piece of a tag is no thought, so an end may be missing.
    if len(marked) < len(THOUGHT) / 2 or marked not in THOUGHT:
        yield fail("thought", f"{marked!r} in place of {THOUGHT!r}", "report this as a bug")
        return
    yield ok("thought", f"{int(thought[0].sum())} of {len(right)} tokens: {marked!r}")
    rewards = torch.zeros(responses.shape)
    rewards[0, -1] = 1.0
    entropy = torch.full(responses.shape, ENTROPY)
    advantages, _ = egpo(rewards, mask, np.array(["a", "a"]), entropy, thought)
    good, bad = advantages[:, 0].tolist()
    base, bonus = 0.5**0.5, 0.4 * ENTROPY
    if abs(good - (base + bonus)) > 1e-4 or abs(bad - (bonus - base)) > 1e-4:
        expected = f"{base + bonus:.4f} and {bonus - base:.4f}"
        yield fail("advantage", f"{good:.4f} and {bad:.4f} in place of {expected}", "report a bug")
        return
    yield ok("advantage", f"right {good:+.4f}, wrong {bad:+.4f} (GRPO {base:+.4f}, {-base:+.4f})")


def _encode(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _truth(row: dict[str, Any]) -> str:
    truth: str = row["reward_model"]["ground_truth"]
    return truth
