"""The page: a template, a style, a script, and the answers as JSON that the script reads.

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
from egpo_verl.calls.reasons import describe, label
from egpo_verl.inspect.answer import Answer, Trace
from egpo_verl.inspect.calls_beside import beside
from egpo_verl.inspect.files import Sample

THOUGHT, SAID, HEARD = "tsh"
"""Marks of tokens: of the thought, of the rest of the answer, of what a tool said."""


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
    prompts: dict[tuple[int, str], list[Answer]] = {}
    for answer in sample.answers:
        prompts.setdefault((answer.step, answer.group), []).append(answer)
    reasons = sorted({answer.reason for answer in sample.answers if answer.reason is not None})
    return {
        "title": title,
        "seed": seed,
        "found": {"prompts": sample.prompts_found, "answers": sample.answers_found},
        "options": next((a.options for a in sample.answers if a.options), None),
        "reasons": {str(code): {"short": label(code), "words": describe(code)} for code in reasons},
        "prompts": [_prompt(answers) for answers in prompts.values()],
    }


def _prompt(answers: Sequence[Answer]) -> dict[str, Any]:
    first = answers[0]
    return {
        "step": first.step,
        "source": first.source,
        "ability": first.ability,
        "messages": [
            {"role": str(message.get("role", "")), "text": _text(message.get("content"))}
            for message in first.messages
        ],
        "tools": _tool_names(first.info.get("tools")),
        "answers": [_answer(answer) for answer in answers],
    }


def _answer(answer: Answer) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "key": answer.key,
        "score": _number(answer.score),
        "reason": answer.reason,
        "response": answer.response,
        "calls": asdict(beside(answer)),
    }
    if answer.trace is not None:
        shown |= _traced(answer.trace)
    return shown


def _traced(trace: Trace) -> dict[str, Any]:
    marks = (
        HEARD if not generated else THOUGHT if thought else SAID
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
