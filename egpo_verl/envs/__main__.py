"""`python -m egpo_verl.envs FACTORY --rows FILE`: is an environment ready to train in?"""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from egpo_verl.calls import FORMS
from egpo_verl.cli import Parser, amount, out, progress, run, say, table, tell
from egpo_verl.envs.prove import Proof, prove
from egpo_verl.envs.reading import FileRow, read_rows
from egpo_verl.envs.recorded import write_episodes
from egpo_verl.envs.rows import row_of
from egpo_verl.envs.saved import save
from egpo_verl.envs.script import Script
from egpo_verl.envs.settings import Settings
from egpo_verl.envs.shared import Shared
from egpo_verl.envs.show import show_episode, summary, undocumented
from egpo_verl.envs.world import WorldError
from egpo_verl.envs.worlds import Worlds
from egpo_verl.errors import UserError

TOLD = 10
"""Rows that are not ready, told one by one."""
AT_ONCE = 64


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; 0 where every row is ready."""
    options = parser().parse_args(argv)
    return run(lambda: asyncio.run(_check(options)))


def parser() -> Parser:
    """The command line."""
    top = Parser(
        prog="python -m egpo_verl.envs",
        description="Show the tools of an environment. With --rows: play every reference, prove "
        "that the world is deterministic, that rollouts are isolated and that the reference earns "
        "1, and show an episode.",
    )
    top.add_argument("factory", metavar="FACTORY", help="FILE.py:Class, or package.module:Class")
    top.add_argument("--rows", type=Path, metavar="FILE", help="json, jsonl or parquet")
    top.add_argument(
        "--save",
        type=Path,
        metavar="FILE.parquet",
        help="write the rows as verl reads them, where all are ready",
    )
    top.add_argument(
        "--episodes",
        type=Path,
        metavar="FILE.parquet",
        help="write the episodes that were played, for python -m egpo_verl.inspect",
    )
    top.add_argument(
        "--source", metavar="NAME", help="data_source of bare scripts (default: the class)"
    )
    top.add_argument("--split", default="train", help="their split (default: train)")
    top.add_argument("--call_form", choices=FORMS, default="python", help="how they write calls")
    top.add_argument("--tool_seconds", type=amount, default=10.0, help="time limit of a tool (10)")
    top.add_argument(
        "--reset_seconds", type=amount, default=60.0, help="of reset, and of the import (60)"
    )
    return top


async def _check(options: Namespace) -> None:
    _check_names(options)
    settings = Settings.of(
        {
            "factory": options.factory,
            "tool_seconds": options.tool_seconds,
            "reset_seconds": options.reset_seconds,
            "max_worlds": AT_ONCE,
        }
    )
    shared = Shared()
    try:
        worlds = await shared.worlds(Script(()), settings)
        await _check_rows(options, settings, shared, worlds)
    except WorldError as error:
        raise UserError(f"{options.factory}: {error}") from error
    finally:
        shared.stop()


def _check_names(options: Namespace) -> None:
    for name in ("save", "episodes"):
        path = getattr(options, name)
        if path and not options.rows:
            raise UserError(f"--{name} needs --rows, the rows to play.")
        if path and path.suffix != ".parquet":
            raise UserError(f"--{name} {path} must end in .parquet, which is what it becomes.")
    for name in ("rows", "save"):
        path = getattr(options, name)
        if path and options.episodes and path.resolve() == options.episodes.resolve():
            raise UserError(f"--{name} and --episodes name one file, {path}; name two.")


async def _check_rows(
    options: Namespace, settings: Settings, shared: Shared, worlds: Worlds
) -> None:
    _show_tools(options.factory, worlds)
    if options.rows is None:
        return
    rows = read_rows(options.rows, options.call_form, bool(options.save))
    lives = [row for row in rows if row.script]
    scripts = [row.script for row in rows if row.script]
    homes = [await shared.worlds(script, settings) for script in scripts]
    proofs = await _proofs(scripts, homes, [row.call_form for row in lives])
    show_episode(lives[0].number, scripts[0], proofs[0], homes[0].tools, out())
    out().print(summary(str(options.rows), scripts, proofs))
    if len(lives) < len(rows):
        say(f"{len(rows) - len(lives):,} rows have no extra_info.env: they run in a single turn.")
    played = [_row(options, *one) for one in zip(lives, scripts, homes, proofs, strict=True)]
    if options.episodes and any(proof.outcome for proof in proofs):
        number = write_episodes(options.episodes, played, proofs)
        say(f"{number:,} episodes are in {options.episodes}: open it by egpo_verl.inspect.")
    problems = [
        (row.number, proof.problem)
        for row, proof in zip(lives, proofs, strict=True)
        if proof.problem
    ]
    for number, problem in problems[:TOLD]:
        tell(f"row {number}: {problem}")
    if problems:
        raise UserError(f"{len(problems):,} of {len(lives):,} rows are not ready; fix them.")
    if options.save:
        made = {row.number: one for row, one in zip(lives, played, strict=True)}
        save(options.save, options.rows, rows, made)
        say(f"{len(rows):,} rows are in {options.save}: give it to data.train_files.")


async def _proofs(scripts: list[Script], homes: list[Worlds], call_forms: list[str]) -> list[Proof]:
    places = asyncio.Semaphore(AT_ONCE // 4)
    done = 0

    async def one(script: Script, worlds: Worlds, call_form: str) -> Proof:
        nonlocal done
        async with places:
            proof = await prove(script, worlds, call_form)
        done += 1
        report(done)
        return proof

    with progress("Playing references", len(scripts)) as report:
        return list(await asyncio.gather(*map(one, scripts, homes, call_forms)))


def _row(
    options: Namespace, row: FileRow, script: Script, worlds: Worlds, proof: Proof
) -> dict[str, Any]:
    """A row as verl reads it, with the prompt that was played."""
    theirs = row.verls or {}
    source = options.source or options.factory.rpartition(":")[2].lower()
    return row_of(
        script,
        worlds.tools,
        str(theirs.get("data_source") or source),
        row.number,
        theirs.get("extra_info", {}).get("split") or options.split,
        _observation(script, proof),
        row.call_form,
    )


def _observation(script: Script, proof: Proof) -> str:
    """What `reset` returned: it follows what the user says first."""
    if proof.outcome is None:
        return ""
    first = next(one for one in proof.outcome.dialogue if one["role"] == "user")
    return first["content"].removeprefix(script.turns[0].user)


def _show_tools(factory: str, worlds: Worlds) -> None:
    rows = [
        (tool["name"], ", ".join(tool["parameters"]["properties"]), tool["description"])
        for tool in worlds.tools
    ]
    columns = ("tool", "parameters", "description")
    out().print(table(factory, columns, rows, words=range(len(columns))))
    for problem in undocumented(worlds.tools):
        say(f"{problem}: the policy is not told, and TRL refuses the tool.")
    if worlds.owns_reward:
        say("get_reward scores its episodes; references are not compared.")


if __name__ == "__main__":
    sys.exit(main())
