"""What lines of a run's log mean, and how to fix it: one table."""

from __future__ import annotations

import re
from dataclasses import dataclass

from egpo_verl.doctor.finding import State

KEEP_TWO = (
    "set trainer.max_actor_ckpt_to_keep=2, which needs no larger disk: while saving, verl holds "
    "two with either setting"
)


@dataclass(frozen=True)
class Cause:
    """A known cause: the pattern of the line that gives it away, and what to tell of it."""

    check: str
    pattern: re.Pattern[str]
    text: str
    fix: str
    state: State = State.FAIL


def _cause(check: str, pattern: str, text: str, fix: str, state: State = State.FAIL) -> Cause:
    return Cause(check, re.compile(pattern), text, fix, state)


CAUSES = (
    _cause(
        "estimator",
        r"Unknown advantage estimator simply: egpo",
        "the plugin was not loaded in the process that says so",
        "run python -m egpo_verl.doctor there; on every node, egpo-verl must be installed",
    ),
    _cause(
        "memory",
        r"killed due to (memory pressure|the node running low on memory)|NODE_OUT_OF_MEMORY",
        "Ray killed a worker because the machine was running out of memory",
        "give the machine more memory, or run fewer agent loop and reward workers "
        "(actor_rollout_ref.rollout.agent.num_workers, reward.num_workers)",
    ),
    _cause(
        "GPU memory",
        r"CUDA out of memory|OutOfMemoryError: (CUDA|HIP|NPU)",
        "a GPU ran out of memory",
        "lower actor_rollout_ref.actor.ppo_max_token_len_per_gpu where it came in the update, "
        "actor_rollout_ref.rollout.gpu_memory_utilization where it came in the rollout",
    ),
    _cause(
        "disk",
        r"No space left on device|Disk quota exceeded|inline_container\.cc.*(write|unexpected pos)",
        "a file could not be written to its end: the disk, or a quota, is full",
        "make room or give another trainer.default_local_dir; --run DIR tells what was saved",
    ),
    _cause(
        "checkpoint",
        r"PytorchStreamReader failed|No such file or directory: .*_world_size_\d+_rank_\d+\.pt"
        r"|in find_latest_ckpt_path",
        "a checkpoint could not be loaded",
        "python -m egpo_verl.doctor --run DIR tells which can, and how to resume from it",
    ),
    _cause(
        "reward",
        r"[Rr]eward of \d+ of \d+ responses is not finite",
        "the reward function returned NaN or infinity",
        "have it return a finite number: one other number invalidates its whole group",
    ),
    _cause(
        "rollouts",
        r"no materializable trajectories",
        "all rollouts of a step failed, which ended the run",
        "see failed rollouts above",
    ),
    _cause(
        "communication",
        r"Watchdog caught collective operation timeout|ncclUnhandledCudaError|NCCL error",
        "processes waited for one that did not come, which had most often failed before",
        "look for the first error of any worker above that line",
    ),
    _cause(
        "prompts",
        r"Prompt of \d+ tokens exceeds rollout\.prompt_length",
        "prompts were longer than data.max_prompt_length and lost their beginning, tools included",
        "raise data.max_prompt_length, or set data.filter_overlong_prompts=True",
        State.WARN,
    ),
    _cause(
        "rows",
        r"num_samples should be a positive integer value, but got num_samples=0",
        "no row is left: every prompt is longer than data.max_prompt_length",
        "raise data.max_prompt_length; doctor --model --data names the longest of the first rows",
    ),
    _cause(
        "keeping one",
        r"'max_actor_ckpt_to_keep': 1\b|'remove_previous_ckpt_in_save': True",
        "with trainer.max_actor_ckpt_to_keep=1 verl removes the last checkpoint before the next is "
        "recorded, and a run killed in between cannot resume by itself",
        KEEP_TWO,
        State.WARN,
    ),
)

REASONS = (
    (r"Actor(Died|Unavailable)Error|RayActorError", "the worker that was asked had died"),
    (
        r"index -1 is out of bounds for dimension 0 with size 0",
        "a response of no tokens: the model ended it at once, which is harmless where it is rare",
    ),
    (r"TimeoutError|timed out", "a server did not answer in time"),
    (r"OutOfMemoryError|out of memory", "out of memory"),
    (
        r"max_model_len|context length|leaves no room for a response",
        "prompt and response do not fit into actor_rollout_ref.rollout.max_model_len",
    ),
    (
        r"reference must|JSONDecodeError|unknown option of the reward",
        "a row or an option of the reward is invalid: doctor --data finds such rows",
    ),
)
"""(pattern of the reason that a rollout failed for, what it means)."""


def meaning(reason: str) -> str | None:
    """What the reason of a failed rollout means; None where that is not known."""
    return next((text for pattern, text in REASONS if re.search(pattern, reason)), None)
