"""The page: a template, a style, a script, and the responses as JSON that the script reads.

What models wrote reaches the document as text nodes only, and the page's own policy lets no other
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

from egpo_verl.calls import ToolSet
from egpo_verl.calls.reasons import describe
from egpo_verl.inspect.call_diff import diff
from egpo_verl.inspect.files import Sample
from egpo_verl.inspect.patterns import PATTERNS
from egpo_verl.inspect.response import Response, Trace
from egpo_verl.inspect.thoughts import patterns_of

THOUGHT, ANSWER, CONTEXT = "tac"
"""Marks of tokens: the thought, the rest of the response, and what a tool or template wrote."""


def page(sample: Sample, title: str, seed: int) -> str:
    """The whole HTML document, complete in itself."""
    script, style = _part("detail.js") + _part("list.js"), _part("page.css")
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
    reasons = sorted({each.reason for each in sample.responses if each.reason is not None})
    return {
        "title": title,
        "seed": seed,
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
        "responses": [_response(response) for response in responses],
    }


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
