"""A derived task in a person's words."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from egpo_verl.toolworld.derived.derivation import Clause, Slot

OPENERS = ("", "", "please ", "could you ", "can you ")
FIRST = (*OPENERS, "now ", "next, ", "i want you to ")
"""Openers of a request that nothing stands before."""
ASKING = ("could you ", "can you ")


def question_of(
    rng: Random, asks: Sequence[str], slots: Sequence[Slot], clauses: Sequence[Clause]
) -> str:
    """The request, with what it builds on before or after it."""
    ask = rng.choice(asks)
    words = [clause.words for clause in clauses]
    front = ""
    if slots[-1].floats and rng.random() < 0.25:
        front = f"{words.pop()}, "
    opener = rng.choice(OPENERS if front else FIRST)
    request = front + opener + " ".join([ask, *words]) + ("?" if opener in ASKING else ".")
    request = request[0].upper() + request[1:]
    contexts = [clause.context for clause in clauses if clause.context]
    if not contexts:
        return request
    parts = [*contexts, request] if rng.random() < 0.6 else [request, *contexts]
    return _joined(parts)


def _joined(parts: Sequence[str]) -> str:
    """Sentences, and tables on lines of their own."""
    text = ""
    for part in parts:
        glue = "" if not text or text.endswith("\n") else "\n" if "\n" in part else " "
        text += glue + part
    return text.rstrip()
