"""How often is prose taken for a call? `python benchmarks/no_call_turns.py DIR`

Reads every dialogue under DIR, whatever its format (chats with tools, rows with an instruction and
an output, one turn a line), and judges each turn of the assistant that makes no call, as a row that
wants none does. Prints the share that is taken for a call, by file, and each such turn.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from egpo_verl.datasets.adapters import rlla
from egpo_verl.datasets.adapters.brackets import is_bracketed
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.reward import Reason, compute_score

ASSISTANTS = ("assistant", "gpt", "AI")
SHOWN = 300


class Turn(NamedTuple):
    """What an assistant said that made no call, and the functions it was offered as JSON text."""

    file: str
    text: str
    tools: str

    def is_taken_for_a_call(self) -> bool:
        """By the reward, behind a thought."""
        response = f"<think>So.</think>{self.text}"
        reason = compute_score("turn", response, "[]", {"tools": self.tools})["reason"]
        return reason == Reason.CALL_NOT_WANTED


def turns(folder: Path) -> Iterator[Turn]:
    """Every no-call turn of the dialogues under `folder`."""
    for path in sorted(folder.rglob("*")):
        for name, text in _texts(path):
            rows = list(_rows(text))
            if rows and all(isinstance(row, dict) and "role" in row for row in rows):
                rows = [{"messages": rows, "tools": _called(rows)}]
            for row in rows:
                for words, tools in _statements(row) if isinstance(row, dict) else ():
                    yield Turn(name, words, tools)


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    if path.name.endswith(".tar.gz"):
        with tarfile.open(path) as packed:
            for member in packed:
                file = packed.extractfile(member) if member.name.endswith(".jsonl") else None
                if file is not None:
                    yield path.name, io.TextIOWrapper(file, "utf-8").read()
    elif path.suffix in (".json", ".jsonl"):
        yield path.name, path.read_text("utf-8")
    elif path.name.endswith((".json.gz", ".jsonl.gz")):
        yield path.name, gzip.decompress(path.read_bytes()).decode()


def _rows(text: str) -> Iterator[Any]:
    try:
        data = json.loads(text)
        yield from data if isinstance(data, list) else [data]
    except ValueError:
        for line in text.splitlines():
            yield json.loads(line)


def _called(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The functions that a dialogue calls, where nothing says which were offered."""
    calls = {row["api_name"]: row.get("param_dict", {}) for row in rows if "api_name" in row}
    return [
        {"name": name, "parameters": {key: {} for key in parameters}}
        for name, parameters in calls.items()
    ]


def _statements(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the assistant says in a row, and the row's tools as JSON text."""
    if "instruction" in row and "<response>" in str(row.get("output")):
        output = str(row["output"]).rpartition("</think>")[2]
        if "<tool_call>" not in output:
            try:
                tools = rlla.tools_in(str(row["instruction"]))
            except Unusable:
                return
            yield output.partition("<response>")[2].partition("</response>")[0], json.dumps(tools)
        return
    dialogue = row.get("conversations", row.get("messages"))
    for message in dialogue if isinstance(dialogue, list) else ():
        if message.get("from", message.get("role")) in ASSISTANTS:
            text = _words(message)
            if text.strip() and not is_bracketed(text) and not text.startswith("[{"):
                yield text, _tools(row)


def _words(message: Mapping[str, Any]) -> str:
    """The words of a turn without calls, "" where it calls."""
    content = message.get("value", message.get("content", message.get("text")))
    if message.get("tool_calls") or message.get("function_call"):
        return ""
    if isinstance(content, list):
        kinds = {part.get("type") for part in content}
        texts = [
            str(part.get("text", part.get("value"))) for part in content if part["type"] == "text"
        ]
        return "" if "tool_call" in kinds else "\n".join(texts)
    return content if isinstance(content, str) else ""


def _tools(row: Mapping[str, Any]) -> str:
    """The functions of a row, from its column or out of its system text."""
    tools = row.get("tools")
    if not tools or tools == "[]":
        system = str(row.get("system") or "")
        start = system.find("[{")
        tools = json.JSONDecoder().raw_decode(system, start)[0] if start >= 0 else []
    named = json.loads(tools) if isinstance(tools, str) else tools
    return json.dumps(list({json.dumps(tool): tool for tool in named}.values()))


def main(folder: Path) -> None:
    """Print the shares and the turns."""
    console = Console(soft_wrap=True, highlight=False, markup=False)
    judged, taken = Counter[str](), list[Turn]()
    for turn in turns(folder):
        judged[turn.file] += 1
        if turn.is_taken_for_a_call():
            taken.append(turn)
    if not judged:
        sys.exit(f"no turn of an assistant that makes no call was found under {folder}")
    by_file = Counter(turn.file for turn in taken)
    for file, count in judged.items():
        console.print(f"{file}: {by_file[file]} of {count:,}")
    total = judged.total()
    console.print(f"taken for a call: {len(taken)} of {total:,} ({len(taken) / total:.2%})")
    for turn in taken:
        console.print(f"--- {turn.file}\n{turn.text[:SHOWN]}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/no_call_turns.py DIR")
    main(Path(sys.argv[1]))
