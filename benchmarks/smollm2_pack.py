"""Collects what `examples/run_smollm2_135m_cpu.sh` has left into benchmarks/smollm2.

    python benchmarks/smollm2_pack.py runs/smollm2

Of what is not there it says so, and leaves what was packed of it before: stages may run on several
machines, of the same rows. It writes:

    cold_start.jsonl.gz, grpo.jsonl.gz, egpo.jsonl.gz    the logged numbers, a step a line
    held_out.json    model -> row of the test split -> [right responses, responses]
    reasons.json     model -> why responses to the test split fail -> of how many it is why
    arguments.json   model -> what the reference calls -> [right responses, responses]
    rows.json        file of rows, or ARM for the responses that it learned from -> what the
                     reference calls -> how many; and BFCL's simple_python -> required arguments
    bfcl.json        model -> what was run, and category -> the official counts
    bfcl_right.json  model -> category -> the questions that BFCL's scorer counts as right
    runs.json        arm -> versions, machine, commit, and when it was started

No text of a row or an answer is among it. `grpo_8_steps_on_all_rows` is a run of other settings,
packed by the same functions and kept for what docs/smollm2.md says of it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from argparse import RawDescriptionHelpFormatter
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from egpo_verl.calls.reasons import describe
from egpo_verl.cli import Parser, run, say, write_file_aside
from egpo_verl.compare.run_log import read_run
from egpo_verl.errors import UserError

PACKED = Path(__file__).with_name("smollm2")
ARMS = ("grpo", "egpo")
COLD_START = "cold_start"
ROWS = ("train", "sft_train", "rl_train", "test")
"""All training rows, what the cold start learned from, what RL draws from, and the test split."""
SIMPLE = "simple_python"
MOST_ARGUMENTS = 3
"""Calls with more are counted with those of so many."""
KEPT_OF_RUN = ("versions", "machine", "commit", "starts")
KEPT_OF_START = ("phase", "from_step", "began", "ended", "exit")


def logs(stages: Path) -> Iterator[tuple[str, Path]]:
    """Names, and the folders with verl's logs."""
    yield COLD_START, stages / COLD_START
    for arm in ARMS:
        yield arm, stages / "lab" / f"{arm}-seed1"


def measured(stages: Path) -> Iterator[tuple[str, Path]]:
    """Models, and the folders with what verl wrote of their answers to the test split."""
    yield "untuned", stages / "untuned" / "answers"
    yield COLD_START, stages / "lab" / "start-seed0" / "final"
    for arm in ARMS:
        yield arm, stages / "lab" / f"{arm}-seed1" / "final"


def lines_of(file: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise UserError(f"line {number} of {file} is no JSON: {error}.") from error


def answers(folder: Path) -> Iterator[dict[str, Any]]:
    (file,) = folder.glob("*.jsonl")
    return lines_of(file)


def reasons(folder: Path) -> dict[str, int]:
    """Why responses are not right -> how many."""
    found = Counter(
        describe(int(answer["reason"])) for answer in answers(folder) if not answer["acc"]
    )
    return dict(found.most_common())


def counts(folder: Path) -> dict[str, list[int]]:
    """Row -> [right responses, responses]; rows are named by a digest."""
    rows: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for answer in answers(folder):
        asked = "".join((answer["input"] + answer["gts"]).split())
        row = rows[hashlib.sha256(asked.encode()).hexdigest()[:12]]
        row[0] += answer["acc"] == 1
        row[1] += 1
    return dict(sorted(rows.items()))


def called(truth: str) -> str:
    """What a reference calls, by the number of its arguments."""
    calls = json.loads(truth)
    if len(calls) != 1:
        return "several calls" if calls else "no call"
    return f"{min(MOST_ARGUMENTS, len(calls[0]['arguments']))} arguments"


def by_arguments(folder: Path) -> dict[str, list[int]]:
    """What the reference calls -> [right responses, responses]."""
    kinds: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for answer in answers(folder):
        kind = kinds[called(answer["gts"])]
        kind[0] += answer["acc"] == 1
        kind[1] += 1
    return dict(sorted(kinds.items()))


def truths_of(stages: Path) -> Iterator[tuple[str, Iterator[str]]]:
    """Files of rows and arms, and the references of their rows."""
    for name in ROWS:
        for file in (stages / "rows").glob(f"{name}.parquet"):
            rows = pq.read_table(file, columns=["reward_model"])["reward_model"].to_pylist()
            yield name, (row["ground_truth"] for row in rows)
    for arm in ARMS:
        records = sorted((stages / "lab" / f"{arm}-seed1" / "rollouts").glob("*.parquet"))
        column = (pq.read_table(file, columns=["ground_truth"])["ground_truth"] for file in records)
        if records:
            yield arm, (truth for part in column for truth in part.to_pylist())


def right_questions(bfcl_run: Path) -> dict[str, list[str]]:
    """Category -> the questions answered right: the scorer lists the others, below its counts."""
    right: dict[str, list[str]] = {}
    scorer = bfcl_run / "bfcl" / "scorer"
    for file in sorted((scorer / "result").rglob("*_result.json")):
        name = file.name.removesuffix("_result.json")
        (scored,) = (scorer / "score").rglob(f"{name}_score.json")
        counted, *wrong = lines_of(scored)
        found = {answer["id"] for answer in lines_of(file)} - {answer["id"] for answer in wrong}
        if len(found) != counted["correct_count"]:
            raise UserError(
                f"{scored} counts {counted['correct_count']} right answers, and lists as wrong "
                f"all but {len(found)}."
            )
        right[name.removeprefix("BFCL_v4_")] = sorted(found)
    return right


def required(bfcl_run: Path) -> dict[str, int]:
    """Arguments that the functions of simple_python require -> how many functions."""
    entries = lines_of(bfcl_run / "bfcl/scorer/entries.jsonl")
    entries = [entry for entry in entries if entry["category"] == SIMPLE]
    numbers = (len(entry["function"][0]["parameters"].get("required", [])) for entry in entries)
    return {str(number): count for number, count in sorted(Counter(numbers).items())}


def steps(folder: Path) -> str:
    """The run's log as one: a line a step."""
    data: dict[int, dict[str, float]] = defaultdict(dict)
    for metric, values in read_run(folder).values.items():
        for step, value in values.items():
            data[step][metric] = value
    return "".join(json.dumps({"step": step, "data": data[step]}) + "\n" for step in sorted(data))


def scores(folder: Path) -> dict[str, Any]:
    """What was run, and the counts of each category."""
    told = json.loads((folder / "bfcl" / "bfcl.json").read_text(encoding="utf-8"))
    # These two may be folders of the machine.
    settings = {k: v for k, v in told["settings"].items() if k not in ("model", "weights")}
    return {**settings, **{key: told[key] for key in ("draw", "seconds", "categories")}}


def about(folder: Path) -> dict[str, Any]:
    """Versions, machine and starts of an arm."""
    told = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    kept = {key: told[key] for key in KEPT_OF_RUN}
    kept["starts"] = [{key: one.get(key) for key in KEPT_OF_START} for one in kept["starts"]]
    return kept


def write(name: str, text: str) -> None:
    """Whole or not at all; the same bytes for the same text."""
    content = text.encode()
    if name.endswith(".gz"):
        content = gzip.compress(content, mtime=0)
    with write_file_aside(PACKED / name) as part:
        part.write_bytes(content)
    say(f"{name}: {len(content):,} bytes")


def packed(name: str) -> dict[str, Any]:
    """What an earlier call has written to a file."""
    file = PACKED / name
    told: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return told


def pack(stages: Path) -> None:
    """Pack what the folder of the stages has."""
    if not stages.is_dir():
        raise UserError(f"{stages} is no folder; give that of examples/run_smollm2_135m_cpu.sh.")
    held_out, why = packed("held_out.json"), packed("reasons.json")
    arguments = packed("arguments.json")
    rows = {row for model in held_out.values() for row in model}
    for name, folder in measured(stages):
        if not list(folder.glob("*.jsonl")):
            say(f"{folder} has no answers of {name}.")
            continue
        held_out[name], why[name] = counts(folder), reasons(folder)
        arguments[name] = by_arguments(folder)
        if rows and held_out[name].keys() != rows:
            raise UserError(
                f"{folder} has answers to other rows than those packed before, to which they "
                f"cannot be compared; remove {PACKED} to pack another run."
            )
    PACKED.mkdir(exist_ok=True)
    write("held_out.json", json.dumps(held_out, indent=0) + "\n")
    write("reasons.json", json.dumps(why, indent=1) + "\n")
    write("arguments.json", json.dumps(arguments, indent=1) + "\n")
    found = {name: dict(Counter(map(called, truths))) for name, truths in truths_of(stages)}
    if (stages / "bfcl" / COLD_START / "bfcl" / "bfcl.json").exists():
        found[SIMPLE] = required(stages / "bfcl" / COLD_START)
    write("rows.json", json.dumps(packed("rows.json") | found, indent=1, sort_keys=True) + "\n")
    for name, folder in logs(stages):
        if list(folder.glob("steps*.jsonl")):
            write(f"{name}.jsonl.gz", steps(folder))
        else:
            say(f"{folder} has no log of {name}.")
    scored = [
        folder
        for folder in sorted((stages / "bfcl").glob("*"))
        if (folder / "bfcl" / "bfcl.json").exists()
    ]
    for file, told_of in (("bfcl.json", scores), ("bfcl_right.json", right_questions)):
        told = packed(file) | {folder.name: told_of(folder) for folder in scored}
        if told:
            write(file, json.dumps(told, indent=1) + "\n")
    runs = packed("runs.json") | {
        arm: about(stages / "lab" / f"{arm}-seed1")
        for arm in ARMS
        if (stages / "lab" / f"{arm}-seed1" / "run.json").exists()
    }
    if runs:
        write("runs.json", json.dumps(runs, indent=1) + "\n")


if __name__ == "__main__":
    parser = Parser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    raise SystemExit(run(lambda: pack(parser.parse_args().run)))
