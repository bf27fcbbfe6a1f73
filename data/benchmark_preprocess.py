"""Time and memory of preprocessing xLAM-shaped rows, beside the same work by `datasets.map`.

    python data/benchmark_preprocess.py --rows 60000

prints one line per way: seconds, rows a second, seconds of processor time (which other work on
the machine does not lengthen much), the most memory that all its processes held together, and
how many times as long as the first way it took. `same work`: read, check, drop duplicates, split
at random, write; that is what the mapped ways do. The default splits by functions on top of that.
The rows are made here from a seed. The ways take turns in processes of their own, so that their
ratio is that of one machine in one state; the medians of `--repeat` turns are printed. Memory is
looked at in a run of its own, since looking takes time from the processes that are looked at.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

TOOLS = 3_673
"""Functions in xLAM-60k."""
TARGET = "TARGET"
TYPES = ("str", "int", "float", "bool", "str, optional", "int, optional", "List[int]")
WORDS = [
    "river",
    "oven",
    "harbour",
    "kite",
    "bread",
    "lantern",
    "copper",
    "meadow",
    "ferry",
    "clock",
    "violin",
    "pepper",
]

# As verl's examples/data_preprocess prepare data: a function that makes one row, mapped by
# `datasets`. PLAIN writes it with the standard library and the package's public functions, as
# somebody would who does not use the preprocessing; OURS maps what the preprocessing itself does
# to a row, with all that it remembers of functions, so that only the machinery differs.
PLAIN = """
import json, re, unicodedata
from egpo_verl.calls import Call, ToolSet, render
from egpo_verl.prompt import system_prompt
def words(text):
    return re.findall(r"\\w+", unicodedata.normalize("NFKC", text).casefold())
def process(row, index):
    calls = [Call(item["name"], item["arguments"]) for item in json.loads(row["answers"])]
    problem = ToolSet.from_json(row["tools"]).check(calls)
    render(calls)
    tools = json.loads(row["tools"])
    truth = [{"name": call.name, "arguments": call.arguments} for call in calls]
    prompt = [{"role": "system", "content": system_prompt(tools)}]
    prompt.append({"role": "user", "content": row["query"]})
    info = {"index": index, "split": "train", "tools": json.dumps(tools, ensure_ascii=False)}
    info |= {"call_form": "python", "think_in_prompt": False, "renamed": "{}"}
    info["facts"] = json.dumps({"id": row["id"]})
    return {
        "data_source": "xlam",
        "prompt": prompt,
        "ability": "function_call",
        "reward_model": {"style": "rule", "ground_truth": json.dumps(truth, ensure_ascii=False)},
        "extra_info": info,
        "good": problem is None,
        "key": repr((words(row["query"]), sorted(tool["name"] for tool in tools), truth)),
    }
"""
OURS = """
from egpo_verl.datasets.checks.check import check
from egpo_verl.datasets.checks.keys import row_digest, steps
from egpo_verl.datasets.registry import SOURCES
from egpo_verl.datasets.parquet.rows import to_row
def process(row, index):
    (sample,) = SOURCES["xlam"].samples(row)
    key = row_digest(sample, steps(sample.messages, sample.calls, sample.tools)[-1])
    return {**to_row(check(sample).sample, index), "good": True, "key": str(key)}
"""
MAPPED = """
import sys, datasets
source, target, processes = sys.argv[1], sys.argv[2], int(sys.argv[3]) or None
rows = datasets.load_dataset("json", data_files=source, cache_dir=target)["train"]
names = rows.column_names
rows = rows.map(process, with_indices=True, remove_columns=names, num_proc=processes)
seen = set()
def new(good, key):
    is_new = good and key not in seen
    seen.add(key)
    return is_new
rows = rows.filter(new, input_columns=["good", "key"]).remove_columns(["good", "key"])
cut = rows.train_test_split(test_size=0.05, seed=0)
cut["train"].to_parquet(f"{target}/train.parquet")
cut["test"].to_parquet(f"{target}/test.parquet")
"""


def main() -> None:
    """Make the rows, run each way, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[60_000])
    parser.add_argument("--repeat", type=int, default=3, help="timed runs of each way")
    parser.add_argument("--only", default="", help="ways whose name has this in it")
    options = parser.parse_args()
    table = Table(title="xLAM-shaped rows to verl's parquet", title_justify="left")
    for column in ("rows", "way", "seconds", "rows/s", "CPU seconds", "peak MB", "times"):
        table.add_column(column, justify="left" if column == "way" else "right")
    with tempfile.TemporaryDirectory() as folder:
        for count in options.rows:
            source = Path(folder) / f"xlam_{count}.json"
            write_rows(source, count)
            commands = {way: how for way, how in ways(source).items() if options.only in way}
            runs = [
                {way: timed(command, Path(folder) / "out") for way, command in commands.items()}
                for _ in range(options.repeat)
            ]
            first = 0.0
            for way, command in commands.items():
                seconds = median(run[way][0] for run in runs)
                first = first or seconds
                table.add_row(
                    f"{count:,}",
                    way,
                    f"{seconds:.1f}",
                    f"{count / seconds:,.0f}",
                    f"{median(run[way][1] for run in runs):.1f}",
                    f"{most_memory(command, Path(folder) / 'out') / 2**20:,.0f}",
                    f"{seconds / first:.1f}",
                )
    Console().print(table)


def ways(source: Path) -> dict[str, list[str]]:
    """Name -> command, with `TARGET` for the folder that it writes to."""
    ours = [sys.executable, "-m", "egpo_verl.preprocess", "xlam", "--local_save_dir", TARGET]
    ours += ["--local_dataset_path", str(source)]
    same = ["--split_by", "random"]
    commands = {
        "egpo_verl, 2 processes, same work": [*ours, "--num_proc", "2", *same],
        "egpo_verl, 1 process, same work": [*ours, *same],
        "egpo_verl, 2 processes, split by functions": [*ours, "--num_proc", "2"],
        "egpo_verl, 1 process, split by functions": ours,
    }
    for name, function, processes in (
        ("datasets.map, plain function, as verl's examples", PLAIN, 0),
        ("datasets.map, plain function, num_proc=2", PLAIN, 2),
        ("datasets.map over our function for a row", OURS, 0),
        ("datasets.map over our function for a row, num_proc=2", OURS, 2),
    ):
        command = [sys.executable, "-c", function + MAPPED, str(source), TARGET]
        commands[name] = [*command, str(processes)]
    return commands


def write_rows(path: Path, count: int, seed: int = 0) -> None:
    """A JSON list of `count` rows in xLAM's columns: two to eight functions, one to three calls."""
    chooser = random.Random(seed)
    tools = [make_tool(number, chooser) for number in range(TOOLS)]
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for row in range(count):
            offered = chooser.sample(tools, chooser.randint(2, 8))
            called = [chooser.choice(offered[:2]) for _ in range(chooser.choice((1, 1, 2, 3)))]
            answers = [make_call(tool, chooser) for tool in called]
            question = " ".join(chooser.choices(WORDS, k=25))
            line = {
                "id": row,
                "query": f"{row} {question}?",
                "answers": json.dumps(answers),
                "tools": json.dumps(offered),
            }
            file.write(("," if row else "") + json.dumps(line))
        file.write("]")


def make_tool(number: int, chooser: random.Random) -> dict[str, object]:
    """A function with one to five parameters of xLAM's types."""
    parameters = {
        f"{chooser.choice(WORDS)}_{place}": {
            "description": " ".join(chooser.choices(WORDS, k=9)),
            "type": chooser.choice(TYPES),
            "default": "",
        }
        for place in range(chooser.randint(1, 5))
    }
    name = f"{chooser.choice(WORDS)}_{number}"
    return {"name": name, "description": f"Number {number}.", "parameters": parameters}


def make_call(tool: dict[str, object], chooser: random.Random) -> dict[str, object]:
    """A call of it with fitting values."""
    values = {"str": "a text", "int": 7, "float": 2.5, "bool": True, "List[int]": [1, 2, 3]}
    parameters = tool["parameters"]
    assert isinstance(parameters, dict)
    arguments = {name: values[spec["type"].split(",")[0]] for name, spec in parameters.items()}
    return {"name": tool["name"], "arguments": arguments}


def timed(command: list[str], target: Path) -> tuple[float, float]:
    """Seconds, and seconds of all processors, after the disk has all of what ran before."""
    os.sync()
    start, before = time.perf_counter(), used_by_children()
    with running(command, target):
        pass
    return time.perf_counter() - start, used_by_children() - before


def most_memory(command: list[str], target: Path) -> int:
    """The most bytes that the command's processes held at once."""
    peak = 0
    with running(command, target) as process:
        while process.poll() is None:
            peak = max(peak, sum(map(held_by, family(process.pid))))
            time.sleep(0.05)
    return peak


@contextmanager
def running(command: list[str], target: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command writing to the folder `target`, which is there just as long; waited for."""
    target.mkdir()
    filled = [str(target) if word == TARGET else word for word in command]
    process = subprocess.Popen(filled, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        yield process
        _, error = process.communicate()
    finally:
        shutil.rmtree(target)
    if process.returncode:
        raise SystemExit(f"{' '.join(filled)[:200]} failed:\n{error.decode()}")


def used_by_children() -> float:
    """Seconds of processor time of all processes that have been waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def family(pid: int) -> list[int]:
    """A process and all its descendants, from Linux's /proc."""
    try:
        threads = Path(f"/proc/{pid}/task")
        children = [(task / "children").read_text().split() for task in threads.iterdir()]
    except OSError:
        return []
    return [pid, *(other for pids in children for child in pids for other in family(int(child)))]


def held_by(pid: int) -> int:
    """Bytes that are the process's alone plus its part of what it shares."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in rollup if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    main()
