"""How busy the judge keeps an endpoint of fixed latency.

    python data/benchmark_judge.py --rows 2000 --in_flight 64 --latency 1

runs `egpo_verl.clean` on made rows against tests/judge_server.py, which notes when each question
arrives, and prints the share of the places that were taken there, from the moment when all were
taken for the first time until nothing is left to ask; and the whole job beside its ideal.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from egpo_verl.calls import Call
from egpo_verl.clean import main as clean
from egpo_verl.datasets.parquet.rows import to_row
from egpo_verl.datasets.parquet.writer import ParquetOut, batch_of
from egpo_verl.datasets.sample import Sample

SERVER = Path(__file__).parents[1] / "tests" / "judge_server.py"


def main() -> None:
    """Make the rows, start the server, run the job, print one line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--in_flight", type=int, default=64)
    parser.add_argument("--latency", type=float, default=1.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows, log = Path(folder) / "rows.parquet", Path(folder) / "log"
        write_rows(rows, options.rows)
        command = [sys.executable, str(SERVER), "--log", str(log), "--judge", "flatterer"]
        command += ["--latency", str(options.latency)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
            words = ["--local_save_dir", f"{folder}/out", "--model", "m", "--base_url", url]
            code = clean([str(rows), *words, "--in_flight", str(options.in_flight)])
            server.kill()
        arrivals = [float(line.split()[-1]) for line in log.read_text().splitlines()]
    if code:
        raise SystemExit(code)
    whole = arrivals[-1] - arrivals[0] + options.latency
    ideal = options.rows * options.latency / options.in_flight
    steady = busy(arrivals, options.latency, options.in_flight)
    Console().print(
        f"{options.rows} questions of {options.latency:g} s, {options.in_flight} in flight: "
        f"{steady:.1%} busy while there is more to ask; {whole:.1f} s from the first question to "
        f"the last answer, at best {ideal:.1f} s ({ideal / whole:.1%}, start and end included)"
    )


def busy(arrivals: Sequence[float], latency: float, in_flight: int) -> float:
    """How full the endpoint was between its first full moment and the last question, 0 to 1.

    Args:
        arrivals: when each question arrived there, in seconds, in order.
        latency: how long each was worked on.
    """
    start, end = arrivals[in_flight - 1], arrivals[-1]
    worked = sum(max(0.0, min(at + latency, end) - max(at, start)) for at in arrivals)
    return worked / (in_flight * (end - start))


def write_rows(path: Path, count: int) -> None:
    """Rows of one right call each."""
    tool = {"name": "f", "parameters": {"a": {"type": "int"}}}
    rows = []
    for n in range(count):
        dialogue = ({"role": "user", "content": f"Row {n}"},)
        rows.append(to_row(Sample("made", dialogue, (tool,), (Call("f", {"a": n}),)), n))
    with ParquetOut(path) as output:
        output.add(batch_of(rows))


if __name__ == "__main__":
    main()
