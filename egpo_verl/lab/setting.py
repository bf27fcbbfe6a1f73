"""How the studies differ from the paper's setting, read from their files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from egpo_verl.lab.evidence import Evidence
from egpo_verl.lab.markdown import markdown

PAPER = {
    "model": "Qwen3-4B, Llama-3.2-3B",
    "data": "xLAM and FunReason-MT, judged by a language model",
    "steps": "5 epochs",
    "data.train_batch_size": "1024",
    "actor_rollout_ref.rollout.n": "8",
    "actor_rollout_ref.actor.optim.lr": "1e-6",
    "measured on": "BFCLv3",
    "seeds": "none reported",
}
"""arXiv:2508.05118v4."""
KEYS = ("data.train_batch_size", "actor_rollout_ref.rollout.n", "actor_rollout_ref.actor.optim.lr")


def setting(studies: Sequence[Evidence]) -> Iterator[str]:
    """The table, and the machines and versions of the runs."""
    if not studies:
        return
    columns = ["", "paper", *(str(one.study["name"]) for one in studies)]
    rows = [[name, text, *(_of(one, name) for one in studies)] for name, text in PAPER.items()]
    yield "## How this differs from the paper's setting\n\n" + markdown(
        columns, rows, numbers=False
    )
    yield "Runs were made " + "; ".join(_machines(studies)) + "."


def _of(evidence: Evidence, name: str) -> str:
    study: Any = evidence.study
    if name in KEYS:
        pairs = [text.lstrip("+").partition("=") for text in study["overrides"]]
        return next((value for key, _, value in reversed(pairs) if key == name), "as the group")
    values = {
        "model": study["model"],
        "data": f"`{study['data']}`",
        "steps": str(study["steps"]),
        "measured on": f"{', '.join(study['parts'])}: {_sampled(study['final'])}",
        "seeds": str(len(study["seeds"])),
    }
    return str(values[name])


def _sampled(final: Mapping[str, Any]) -> str:
    return f"{final['responses']} responses a prompt at temperature {final['temperature']}"


def _machines(studies: Sequence[Evidence]) -> list[str]:
    lines = set()
    for run in (run for one in studies for run in one.runs if run.about.get("machine")):
        machine, versions = run.about["machine"], run.about["versions"]
        gpus = machine.get("gpus")
        on = (
            f"{len(gpus)} x {gpus[0]}"
            if gpus
            else f"{machine['cores']} cores, {machine['processor']}"
        )
        used = ", ".join(
            f"{name} {versions[name]}" for name in ("verl", "torch") if name in versions
        )
        lines.add(f"on {on} with {used}")
    return sorted(lines) or ["nowhere yet"]
