"""BFCL's categories, the groups that a user can name, and the columns made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from egpo_verl.errors import UserError

SIMPLE = ("simple_python", "simple_java", "simple_javascript")
NON_LIVE = (*SIMPLE, "multiple", "parallel", "parallel_multiple")
LIVE = ("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple")
RELEVANCE = ("irrelevance", "live_irrelevance", "live_relevance")
KINDS = ("base", "miss_func", "miss_param", "long_context")
MULTI_TURN = tuple(f"multi_turn_{kind}" for kind in KINDS)
SINGLE_TURN = (*NON_LIVE, *LIVE, *RELEVANCE)

GROUPS: Mapping[str, tuple[str, ...]] = {
    "single_turn": SINGLE_TURN,
    "non_live": (*NON_LIVE, "irrelevance"),
    "live": (*LIVE, "live_irrelevance", "live_relevance"),
    "relevance": RELEVANCE,
    "multi_turn": MULTI_TURN,
    "all": (*SINGLE_TURN, *MULTI_TURN),
}
"""Group -> its categories. The agentic ones need services that we do not offer."""
SIZES: Mapping[str, int] = {
    **dict(zip(NON_LIVE, (400, 100, 50, 200, 200, 200), strict=True)),
    **dict(zip(LIVE, (258, 1053, 16, 24), strict=True)),
    **dict(zip(RELEVANCE, (240, 884, 16), strict=True)),
    **dict.fromkeys(MULTI_TURN, 200),
}
"""Category -> questions, in bfcl-eval 2026.3.23."""

Score = Callable[[str], "float | None"]
"""Category -> accuracy in percent, None where it was not measured."""


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """The categories that groups and single names stand for, in our order, each once.

    Raises:
        UserError: a name is neither.
    """
    selected: set[str] = set()
    for name in names:
        if name not in GROUPS and name not in SIZES:
            raise UserError(
                f"BFCL has no category {name!r} that can be run here; groups: "
                f"{', '.join(GROUPS)}; categories: {', '.join(SIZES)}."
            )
        selected.update(GROUPS.get(name, (name,)))
    return tuple(category for category in SIZES if category in selected)


def folder_of(category: str) -> str:
    """The folder that BFCL keeps the category's results in."""
    if category in MULTI_TURN:
        return "multi_turn"
    return "live" if category.startswith("live_") else "non_live"


def paper_columns(score: Score) -> dict[str, float | None]:
    """The columns of the paper's table from accuracies in percent.

    Its figures fit these formulas: EGPO-4B's non-live 88.50 and live 81.34 give its overall 84.92,
    and its four multi-turn figures give 56.25.
    """
    simple = _mean([score(name) for name in SIMPLE])
    non_live = _mean([simple, *(score(name) for name in NON_LIVE if name not in SIMPLE)])
    live = _weighted([(score(name), SIZES[name]) for name in GROUPS["live"]])
    turns = [score(name) for name in MULTI_TURN]
    return {
        "non-live": non_live,
        "live": live,
        "single-turn overall": _mean([non_live, live]),
        **dict(zip((kind.replace("_", "-") for kind in KINDS), turns, strict=True)),
        "multi-turn overall": _mean(turns),
    }


FORMULAS = (
    "non-live: mean of (mean of simple Python, Java, JavaScript), multiple, parallel and "
    "parallel-multiple; live: mean over all live questions, (ir)relevance included; single-turn "
    "overall: mean of both; multi-turn overall: mean of the four (BFCLv3, as in the paper).",
)
OVERALL = (
    "v4 overall, as bfcl-eval computes it: 10 % non-live + 10 % live + 10 % irrelevance + 30 % "
    "multi-turn + 40 % agentic; there live is without (ir)relevance, and what was not run counts "
    "0. The agentic categories are never run here, so it cannot exceed 60."
)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _weighted(pairs: Sequence[tuple[float | None, int]]) -> float | None:
    known = [(value, weight) for value, weight in pairs if value is not None]
    if len(known) < len(pairs):
        return None
    return sum(value * weight for value, weight in known) / sum(weight for _, weight in known)
