"""The page: a template, a style, a script, and the responses as JSON that the script reads.

What models wrote reaches the document as text nodes only, and the page's policy lets no other
script run and nothing be loaded.
"""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from importlib.resources import files
from typing import Any

from egpo_verl.calls import Reason, ToolSet
from egpo_verl.calls.reasons import describe
from egpo_verl.inspect.call_diff import diff
from egpo_verl.inspect.episode import reasons_of, rollouts, story
from egpo_verl.inspect.files import Sample
from egpo_verl.inspect.patterns import PATTERNS
from egpo_verl.inspect.response import Response, Trace
from egpo_verl.inspect.thoughts import patterns_of

THOUGHT, ANSWER, CONTEXT = "tac"
"""Marks of tokens: the thought, the rest of the response, and what a tool or template wrote."""

SCRIPTS = ("detail.js", "episode.js", "list.js")


def page(sample: Sample, title: str, seed: int) -> str:
    """The whole HTML document, complete in itself."""
    script, style = "".join(map(_part, SCRIPTS)), _part("page.css")
    allowed = b64encode(sha256(script.encode()).digest()).decode()
    data = json.dumps(content(sample, title, seed), ensure_ascii=False, allow_nan=False)
    parts = {
        "@@HASH@@": allowed,
        "@@STYLE@@": style,
        "@@SCRIPT@@": script,
        # No text can close the element that holds it.
        "@@DATA@@": data.replace("<", "\\u003c"),
    }
    document = _part("page.html")
    for mark, part in parts.items():
        head, _, tail = document.partition(mark)
        document = head + part + tail
    return document


def content(sample: Sample, title: str, seed: int) -> dict[str, Any]:
    """What the script shows; see `detail.js` for how."""
    prompts: dict[tuple[int, str], list[Response]] = {}
    for response in sample.responses:
        prompts.setdefault((response.step, response.group), []).append(response)
    reasons = sorted({reason for each in sample.responses for reason in reasons_of(each)})
    return {
        "title": title,
        "seed": seed,
        "shown": len(sample.responses),
        "total": {"prompts": sample.total_prompts, "responses": sample.total_responses},
        "options": next((each.options for each in sample.responses if each.options), None),
        "patterns": PATTERNS,
        "reasons": {str(code): describe(code) for code in reasons},
        "prompts": [_prompt(responses) for responses in prompts.values()],
    }


def _prompt(responses: Sequence[Response]) -> dict[str, Any]:
    first = responses[0]
    return {
        "step": first.step,
        "source": first.source,
        "ability": first.ability,
        "messages": [
            {"role": str(message.get("role", "")), "text": _text(message.get("content"))}
            for message in first.messages
        ],
        "tools": _tool_names(first.extra_info.get("tools")),
        "responses": [_rollout(rows) for rows in rollouts(responses)],
    }


def _rollout(rows: Sequence[Response]) -> dict[str, Any]:
    """One response, or the messages of one episode."""
    shown = [_response(row) for row in rows]
    episode = story(rows, shown)
    if episode is None:
        return shown[0]
    last = shown[-1]
    scores_itself = not episode.pop("judged") and last["reason"] == Reason.OK
    return last | {
        "reason": None if scores_itself else last["reason"],
        "text": "\n".join(one["text"] for one in shown),
        "calls": last["calls"] | {"expected": episode.pop("references")},
        "patterns": _any([one["patterns"] for one in shown if one["patterns"]]),
        **{"tokens": None, "entropies": None, "marks": ""},
        "egpo": _pooled([one["egpo"] for one in shown if "egpo" in one]),
        "episode": episode,
    }


def _pooled(numbers: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """EGPO's numbers of a whole episode: means over all tokens of its thoughts."""
    if not numbers or any(value is None for one in numbers for value in one.values()):
        return numbers[-1] if numbers else None
    tokens = sum(one["cot_tokens"] for one in numbers)
    means = {
        name: round(sum(one[name] * one["cot_tokens"] for one in numbers) / max(tokens, 1), 3)
        for name in ("entropy", "bonus", "advantage", "clipped")
    }
    return numbers[-1] | means | {"cot_tokens": tokens} if tokens else numbers[-1]


def _any(patterns: Sequence[dict[str, bool | None]]) -> dict[str, bool | None] | None:
    """What some thought of an episode does."""
    answers = {name: [one[name] for one in patterns if one[name] is not None] for name in PATTERNS}
    return {name: any(each) if each else None for name, each in answers.items()}


def _response(response: Response) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "key": response.key,
        "score": _number(response.score),
        "reason": response.reason,
        "text": response.text,
        "calls": asdict(diff(response)),
        "patterns": patterns_of(response),
    }
    if response.trace is not None:
        shown |= _trace(response.trace)
    return shown


def _trace(trace: Trace) -> dict[str, Any]:
    marks = (
        CONTEXT if not generated else THOUGHT if thought else ANSWER
        for thought, generated in zip(trace.thought, trace.generated, strict=True)
    )
    return {
        "tokens": list(trace.tokens),
        "entropies": [_number(entropy) for entropy in trace.entropies],
        "marks": "".join(marks),
        "egpo": {
            "base": _number(trace.base),
            "entropy": _number(trace.entropy),
            "bonus": _number(trace.bonus),
            "advantage": _number(trace.base + trace.bonus),
            "clipped": _number(trace.clipped),
            "cot_tokens": trace.cot_tokens,
        },
    }


def _number(value: float) -> float | None:
    """Three digits behind the point; JSON has no word for what is not finite."""
    return round(float(value), 3) if math.isfinite(value) else None


def _text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def _tool_names(tools: Any) -> list[str]:
    try:
        return list(ToolSet.from_json(tools).names) if isinstance(tools, str) else []
    except ValueError:
        return []


def _part(name: str) -> str:
    return files("egpo_verl.inspect").joinpath(name).read_text(encoding="utf-8")
