"""The options of `python -m egpo_verl.preprocess`: which there are, and what they may say."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from egpo_verl import __version__
from egpo_verl.calls import FORMS
from egpo_verl.cli import count, share
from egpo_verl.datasets.jobs.output import Output
from egpo_verl.datasets.selection.assign import WAYS
from egpo_verl.datasets.selection.balance import Share
from egpo_verl.datasets.selection.index import KINDS
from egpo_verl.datasets.source import Source
from egpo_verl.errors import UserError


def add_source_options(command: argparse.ArgumentParser, source: Source) -> None:
    """Where the rows of a source come from, and what becomes of them."""
    command.add_argument(
        "--local_dataset_path",
        type=Path,
        required=not source.on_hub,
        metavar="PATH",
        help="a file, or a folder of files: json (a list), jsonl, parquet, the first two also "
        f"as .gz or .zst{' (left out: read from the hub)' if source.on_hub else ''}",
    )
    if source.on_hub:
        command.add_argument(
            "--hub_dataset", default=source.home, metavar="NAME", help=f"({source.home})"
        )
        command.add_argument("--hub_config", metavar="NAME", help="configuration on the hub")
    command.add_argument(
        "--local_test_path",
        type=Path,
        metavar="PATH",
        help="your own test rows, a file or folder: nothing is split, and training rows that are "
        "among them are dropped",
    )
    command.add_argument(
        "--test_size",
        type=_share_or_zero,
        help="share of test rows (0.05); 0 writes no test.parquet",
    )
    command.add_argument(
        "--split_by",
        choices=WAYS,
        default=WAYS[0],
        help="tool_set: no function of the test is trained on; random: any dialogue, all of it; "
        "auto: tool_set, but random where that leaves out more than a tenth of the rows (auto)",
    )
    command.add_argument("--max_samples", type=count, help="at most so many rows, at random")
    _add_check_options(command)
    if source.benchmark:
        command.add_argument(
            "--allow_benchmark_training",
            action="store_true",
            help="write a train.parquet too; whoever trains on it cannot be measured by it",
        )
    command.add_argument("--num_proc", type=count, default=1, help="processes (1)")


def add_folder_options(command: argparse.ArgumentParser) -> None:
    """Where rows go and how they are written, whatever they are made of."""
    command.add_argument("--local_save_dir", type=Path, required=True, metavar="DIR")
    command.add_argument(
        "--overwrite",
        action="store_true",
        help="replace files in DIR of the names that are written, though no earlier run wrote them",
    )
    command.add_argument("--seed", type=int, default=0, help="of every random choice (0)")
    command.add_argument(
        "--call_form", choices=FORMS, default="python", help="how calls are written (python)"
    )


def add_common_options(command: argparse.ArgumentParser) -> None:
    """`add_folder_options`, and what can be said of rows of a single turn."""
    add_folder_options(command)
    command.add_argument(
        "--tokenizer", metavar="NAME", help="a model's folder or hub name, to measure prompts"
    )
    command.add_argument(
        "--max_prompt_length", type=count, metavar="TOKENS", help="drop longer prompts"
    )
    command.add_argument(
        "--think_in_prompt",
        action="store_true",
        help="the chat template opens <think> itself (seen where a --tokenizer is given)",
    )
    command.add_argument(
        "--sft",
        action="store_true",
        help="write sft_train.parquet and sft_test.parquet too: the same rows as demonstrations "
        "for verl's SFT trainer, with a thought by rules; rows that no rule explains are left out",
    )


def output_of(options: argparse.Namespace) -> Output:
    """The folder that options name, and what its report says of how the job was started."""
    chosen = {
        f"--{name}": " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        for name, value in sorted(vars(options).items())
        if name not in ("run", "source", "command")
    }
    run = {"command": options.command, "egpo-verl": __version__, **chosen}
    return Output(options.local_save_dir, options.overwrite, run)


def shares_of(shares: Sequence[Share]) -> Sequence[Share]:
    """What several `--share` say together; raises `UserError` for what cannot be."""
    exact = sum(one.share for one in shares if not one.at_most)
    if len({one.kind for one in shares}) < len(shares) or exact > 1 + 1e-9:
        raise UserError("--share must name each kind once, and the shares cannot exceed 1 in all.")
    return shares


def _add_check_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--decontaminate",
        type=Path,
        nargs="+",
        default=(),
        metavar="PATH",
        help="benchmarks, files or folders with all below them: drop rows with their questions "
        "or tools",
    )
    command.add_argument(
        "--keep_duplicates", action="store_true", help="let rows in that say the same"
    )
    command.add_argument(
        "--near_duplicates",
        type=share,
        metavar="OVERLAP",
        help="drop rows whose prompts share so much of their wording, such as 0.8",
    )
    command.add_argument("--max_turns", type=count, help="drop dialogues of more messages")
    command.add_argument(
        "--share",
        type=_kind_share,
        nargs="+",
        default=(),
        metavar="KIND=SHARE",
        help="share of a kind of rows, such as no_call=0.1, or its most, such as 'parallel<=0.2'; "
        f"kinds: {', '.join(KINDS)}",
    )
    command.add_argument(
        "--irrelevance", type=share, default=0.0, help="share of training rows to lose their tool"
    )
    command.add_argument(
        "--mask_names", type=share, default=0.0, help="share of training rows with random names"
    )
    command.add_argument(
        "--shuffle_tools",
        type=share,
        default=0.0,
        help="share of training rows with functions in another order",
    )


def _share_or_zero(text: str) -> float:
    return 0.0 if text in ("0", "0.0") else share(text)


def _kind_share(text: str) -> Share:
    kind, _, number = text.partition("=")
    name = kind.removesuffix("<")
    if name not in KINDS:
        raise argparse.ArgumentTypeError(f"{text!r} names none of {', '.join(KINDS)}")
    return Share(name, _share_or_zero(number), at_most=name != kind)
