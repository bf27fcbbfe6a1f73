"""Time and memory of preprocessing xLAM-shaped rows, beside the same work by `datasets.map`.

    python data/benchmark_preprocess.py --rows 60000

prints one line per way: seconds, rows a second, seconds of processor time (which other work on
the machine does not lengthen much), and the most memory that all its processes held together.
`same work` leaves duplicates in and splits at random, as the mapped function does. The rows are
made here from a seed; the ways run one after another in processes of their own, so that their
ratio is that of one machine in one state.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

TOOLS = 3_673
"""Functions in xLAM-60k."""
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

# As verl's examples prepare data: one function per row, mapped by `datasets`.
MAPPED = """
import sys, datasets
from egpo_verl.datasets.check import check
from egpo_verl.datasets.registry import SOURCES
from egpo_verl.datasets.rows import to_row
source, target = sys.argv[1:]
def process(row, index):
    return to_row(check(SOURCES["xlam"].samples(row)[0]).sample, index)
rows = datasets.load_dataset("json", data_files=source, cache_dir=target)["train"]
rows = rows.map(process, with_indices=True, remove_columns=rows.column_names)
cut = rows.train_test_split(test_size=0.05, seed=0)
cut["train"].to_parquet(f"{target}/train.parquet")
cut["test"].to_parquet(f"{target}/test.parquet")
"""


def main() -> None:
    """Make the rows, run each way, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[60_000])
    parser.add_argument("--no_map", action="store_true", help="leave datasets.map out")
    options = parser.parse_args()
    table = Table(title="xLAM-shaped rows to verl's parquet", title_justify="left")
    for column in ("rows", "way", "seconds", "rows/s", "CPU seconds", "peak MB"):
        table.add_column(column, justify="left" if column == "way" else "right")
    with tempfile.TemporaryDirectory() as folder:
        for count in options.rows:
            source = Path(folder) / f"xlam_{count}.json"
            write_rows(source, count)
            ours = [sys.executable, "-m", "egpo_verl.preprocess", "xlam"]
            ours += ["--local_dataset_path", str(source)]
            same = ["--split_by", "random", "--keep_duplicates"]
            ways = {
                "egpo_verl, 2 processes": [*ours, "--num_proc", "2"],
                "egpo_verl, 2 processes, same work": [*ours, "--num_proc", "2", *same],
                "egpo_verl, 1 process": ours,
            }
            ways = {
                way: [*command, "--local_save_dir", f"{folder}/{count}_{number}"]
                for number, (way, command) in enumerate(ways.items())
            }
            if not options.no_map:
                target = Path(folder) / f"{count}_map"
                target.mkdir()
                command = [sys.executable, "-c", MAPPED, str(source), str(target)]
                ways["datasets.map, as verl's examples"] = command
            for way, command in ways.items():
                seconds, used, peak = measured(command)
                cells = (
                    f"{count:,}",
                    way,
                    f"{seconds:.1f}",
                    f"{count / seconds:,.0f}",
                    f"{used:.1f}",
                )
                table.add_row(*cells, f"{peak / 2**20:,.0f}")
    Console().print(table)


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


def measured(command: list[str]) -> tuple[float, float, int]:
    """Seconds, seconds of all processors, and the most bytes that its processes held at once."""
    start, before = time.perf_counter(), used_by_children()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(held_by, family(process.pid))))
        time.sleep(0.05)
    seconds = time.perf_counter() - start
    if process.returncode:
        error = process.stderr.read().decode() if process.stderr else ""
        raise SystemExit(f"{' '.join(command)[:200]} failed:\n{error}")
    return seconds, used_by_children() - before, peak


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
    return [pid, *(other for found in children for child in found for other in family(int(child)))]


def held_by(pid: int) -> int:
    """Bytes that are the process's alone plus its part of what it shares."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in rollup if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    main()
