"""`python -m egpo_verl.envs FACTORY --rows FILE`: is an environment ready to train in?"""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from egpo_verl.calls import FORMS
from egpo_verl.cli import Parser, amount, out, progress, run, say, table, tell, write_file_aside
from egpo_verl.datasets.parquet.writer import ParquetOut, batch_of
from egpo_verl.datasets.reading.files import Rows
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.envs.prove import Proof, prove
from egpo_verl.envs.recorded import write_episodes
from egpo_verl.envs.rows import row_of, script_of
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
    top.add_argument("--source", metavar="NAME", help="their data_source (default: the class)")
    top.add_argument("--split", default="train", help="their split (default: train)")
    top.add_argument("--call_form", choices=FORMS, default="python", help="how calls are written")
    top.add_argument("--tool_seconds", type=amount, default=10.0, help="time limit of a tool")
    return top


async def _check(options: Namespace) -> None:
    for name in ("save", "episodes"):
        if getattr(options, name) and not options.rows:
            raise UserError(f"--{name} needs --rows, the rows to play.")
    settings = Settings(options.factory, tool_seconds=options.tool_seconds, max_worlds=AT_ONCE)
    shared = Shared()
    try:
        worlds = await shared.worlds(Script(()), settings)
        await _check_rows(options, settings, shared, worlds)
    except WorldError as error:
        raise UserError(f"{options.factory}: {error}") from error
    finally:
        shared.stop()


async def _check_rows(
    options: Namespace, settings: Settings, shared: Shared, worlds: Worlds
) -> None:
    _show_tools(options.factory, worlds)
    if options.rows is None:
        return
    scripts, singles = _read(options.rows)
    homes = [await shared.worlds(script, settings) for script in scripts]
    proofs = await _proofs(scripts, homes, options.call_form)
    show_episode(scripts[0], proofs[0], homes[0].tools, out())
    out().print(summary(str(options.rows), scripts, proofs))
    if singles:
        say(f"{singles:,} rows have no extra_info.env: they run in a single turn.")
    rows = _rows(options, scripts, homes, proofs)
    if options.episodes:
        number = write_episodes(options.episodes, rows, proofs)
        say(f"{number:,} episodes are in {options.episodes}: open it by egpo_verl.inspect.")
    problems = [(n, proof.problem) for n, proof in enumerate(proofs) if proof.problem]
    for number, problem in problems[:TOLD]:
        tell(f"row {number}: {problem}")
    if problems:
        raise UserError(f"{len(problems):,} of {len(scripts):,} rows are not ready; fix them.")
    if options.save:
        with write_file_aside(options.save) as path, ParquetOut(path) as output:
            output.add(batch_of(rows))
        say(f"{len(rows):,} rows are in {options.save}: give it to data.train_files.")


def _read(path: Path) -> tuple[list[Script], int]:
    """The scripts of a file, and how many rows beside them run in a single turn."""
    scripts: list[Script] = []
    singles = 0
    for number, row in enumerate(Rows(path)):
        if isinstance(row, Unusable):
            raise UserError(f"{path}, row {number}: {row}.")
        try:
            script = script_of(row)
        except UserError as error:
            raise UserError(f"{path}, row {number}: {error}") from error
        singles += script is None
        scripts += [script] if script else []
    if not scripts:
        raise UserError(f"{path} holds no row of a live episode.")
    return scripts, singles


async def _proofs(scripts: list[Script], homes: list[Worlds], call_form: str) -> list[Proof]:
    places = asyncio.Semaphore(AT_ONCE // 4)
    done = 0

    async def one(script: Script, worlds: Worlds) -> Proof:
        nonlocal done
        async with places:
            proof = await prove(script, worlds, call_form)
        done += 1
        report(done)
        return proof

    with progress("Playing references", len(scripts)) as report:
        return list(await asyncio.gather(*map(one, scripts, homes)))


def _rows(
    options: Namespace, scripts: list[Script], homes: list[Worlds], proofs: list[Proof]
) -> list[dict[str, Any]]:
    """The rows as verl reads them."""
    source = options.source or options.factory.rpartition(":")[2].lower()
    return [
        row_of(
            script,
            worlds.tools,
            source,
            number,
            options.split,
            _observation(script, proof),
            options.call_form,
        )
        for number, (script, worlds, proof) in enumerate(zip(scripts, homes, proofs, strict=True))
    ]


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
