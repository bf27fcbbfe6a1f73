"""What was found out about rows, and an episode, as a person reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from egpo_verl.cli import table
from egpo_verl.envs.prove import Proof
from egpo_verl.envs.schema import Schema
from egpo_verl.envs.script import Script

LONGEST = 2000
"""Characters of a message or a state that are shown."""


def show_episode(
    number: int, script: Script, proof: Proof, tools: Sequence[Schema], console: Console
) -> None:
    """Print the episode of a row whose reference is the policy.

    Args:
        number: the row's place in its file.
    """
    if proof.outcome is None:
        return
    lines = [_labelled("tools", ", ".join(map(_signature, tools)))]
    lines += [_labelled("reset", str(dict(script.row)))]
    turn = -1
    for message in proof.outcome.dialogue:
        if message["role"] == "user":
            lines += _state(proof, turn)
            turn += 1
        lines.append(_labelled(message["role"], message["content"]))
    lines += _state(proof, turn)
    score = proof.outcome.score["score"]
    lines.append(_labelled("earns", f"{score:g} ({proof.outcome.reason.words})"))
    title = Text(f"row {number}, with its reference as the policy; thoughts are left out")
    console.print(Panel(Text("\n").join(lines), title=title, title_align="left"))


def summary(name: str, scripts: Sequence[Script], proofs: Sequence[Proof]) -> Table:
    """The counts of a file's rows."""
    calls = [call for one in scripts for turn in one.turns for call in turn.reference or ()]
    ready = sum(proof.problem is None for proof in proofs)
    rows = [
        ("rows", f"{len(scripts):,}"),
        ("user turns", f"{sum(len(one.turns) for one in scripts):,}"),
        ("calls of the references", f"{len(calls):,}"),
        ("rows that are ready", f"{ready:,}"),
        ("rows that earn 1 without a call", f"{sum(proof.idle == 1 for proof in proofs):,}"),
    ]
    return table(name, ["", "number"], rows)


def undocumented(tools: Sequence[Schema]) -> Iterator[str]:
    """What a docstring does not say; the policy is not told of it, and TRL refuses such a tool."""
    for tool in tools:
        if not tool["description"]:
            yield f"{tool['name']} has no docstring"
        for name, schema in tool["parameters"]["properties"].items():
            if "description" not in schema:
                yield f"{tool['name']} does not say in its docstring (Args:) what {name} is"


def _signature(tool: Schema) -> str:
    return f"{tool['name']}({', '.join(tool['parameters']['properties'])})"


def _state(proof: Proof, turn: int) -> list[Text]:
    if turn < 0 or proof.replay is None or not proof.replay.states[turn]:
        return []
    return [_labelled("state", proof.replay.states[turn])]


def _labelled(label: str, text: str) -> Text:
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]} ... ({len(text):,} characters)"
    return Text.assemble((f"{label}: ", "bold"), shown)
