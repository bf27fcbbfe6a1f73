"""How busy the judge keeps an endpoint of fixed latency.

    python data/benchmark_judge.py --rows 2000 --in_flight 64 --latency 1

runs `egpo_verl.clean` on made rows against tests/judge_server.py and prints how much of the time
between the first question and the last answer as many questions were on their way as could be.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from egpo_verl.calls import Call
from egpo_verl.clean import main as clean
from egpo_verl.datasets.rows import to_row
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.writer import ParquetOut, batch_of

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
        asked = [float(line.split()[-1]) for line in log.read_text().splitlines()]
    if code:
        raise SystemExit(code)
    seconds = asked[-1] - asked[0] + options.latency
    ideal = options.rows * options.latency / options.in_flight
    Console().print(
        f"{options.rows} questions of {options.latency:g} s, {options.in_flight} in flight: "
        f"{seconds:.1f} s, at best {ideal:.1f} s, so {ideal / seconds:.1%} busy"
    )


def write_rows(path: Path, count: int) -> None:
    """Rows of one right call each."""
    tool = {"name": "f", "parameters": {"a": {"type": "int"}}}
    rows = []
    for n in range(count):
        said = ({"role": "user", "content": f"Row {n}"},)
        rows.append(to_row(Sample("made", said, (tool,), (Call("f", {"a": n}),)), n))
    with ParquetOut(path) as output:
        output.add(batch_of(rows))


if __name__ == "__main__":
    main()
