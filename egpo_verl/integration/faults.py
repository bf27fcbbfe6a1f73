"""What goes wrong while verl trains, said in a sentence where verl says little or nothing.

In verl 0.9.1 a rollout that fails (an exception in the reward, a dead reward worker, an answer of
no tokens) is logged in its worker and left out of the batch; where all of them fail, the trainer
ends with "no materializable trajectories" (verl/trainer/ppo/v1/replay_buffer.py:503), and the
asynchronous modes ask for new rollouts for ever. Here the workers keep why, the trainer asks them,
a dead worker ends the run, and what was left out is counted as `egpo/failed_rollouts`.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import torch
import wrapt

from egpo_verl.integration import checkpoints

ESTIMATOR = "egpo"
# Seconds that a worker has to answer; one that is only busy counts as alive.
PATIENCE = 5.0
ROLLOUT_LOG = "verl.trainer.ppo.v1.agent_loop_tq"
NO_ROLLOUT = "no materializable trajectories"

log = logging.getLogger("verl.egpo")
_reasons: deque[str] = deque(maxlen=1000)


class TrainingFault(RuntimeError):
    """Why a run ends; the message names the way out."""


def hook_trainer(trainer_base: ModuleType) -> None:
    """Attach to verl's v1 `PPOTrainer`; a second call changes nothing."""
    if isinstance(trainer_base.PPOTrainer.__dict__["_save_checkpoint"], wrapt.FunctionWrapper):
        return
    for name, wrapper in {
        "_init_dataloader": _enough_rows,
        "_submit_batch_to_rollout": _all_alive,
        "_step_once": _explained,
        "_balance_batch": _counted,
        "_save_checkpoint": _written,
    }.items():
        wrapt.wrap_function_wrapper(trainer_base, f"PPOTrainer.{name}", _only_egpo(wrapper))


def hook_rollouts(agent_loop: ModuleType) -> None:
    """Have the workers that run the agent loops remember why a rollout failed.

    verl logs each failure with its exception (agent_loop_tq.py:136), and the log is read here: Ray
    makes classes of its own of the workers, which a wrapped method does not always reach.
    """
    logging.getLogger(ROLLOUT_LOG).addFilter(_remember)
    if not isinstance(agent_loop.AgentLoopOutput.__dict__["as_dict"], wrapt.FunctionWrapper):
        wrapt.wrap_function_wrapper(agent_loop, "AgentLoopOutput.as_dict", _not_empty)


def _only_egpo(wrapper: Callable[..., Any]) -> Callable[..., Any]:
    def chosen(wrapped: Callable[..., Any], trainer: Any, args: Any, kwargs: Any) -> Any:
        if trainer.config.algorithm.adv_estimator != ESTIMATOR:
            return wrapped(*args, **kwargs)
        return wrapper(wrapped, trainer, args, kwargs)

    return chosen


def _enough_rows(wrapped: Callable[..., Any], trainer: Any, args: Any, kwargs: Any) -> None:
    wrapped(*args, **kwargs)
    data = trainer.config.data
    rows = len(trainer.train_dataset)
    if rows < data.train_batch_size:
        raise TrainingFault(
            f"data.train_files has {rows} rows whose prompt fits into data.max_prompt_length="
            f"{data.max_prompt_length} tokens, fewer than one batch of data.train_batch_size="
            f"{data.train_batch_size}: raise max_prompt_length, lower train_batch_size or add rows."
        )


def _all_alive(wrapped: Callable[..., Any], trainer: Any, args: Any, kwargs: Any) -> Any:
    _refuse_dead(trainer)
    return wrapped(*args, **kwargs)


def _explained(wrapped: Callable[..., Any], trainer: Any, args: Any, kwargs: Any) -> Any:
    from ray.exceptions import RayActorError

    try:
        return wrapped(*args, **kwargs)
    except RayActorError as error:
        raise TrainingFault(_died("a worker", trainer)) from error
    except RuntimeError as error:
        if NO_ROLLOUT not in str(error):
            raise
        _refuse_dead(trainer)
        why = tally(reasons(trainer))
        raise TrainingFault(
            f"all rollouts of step {trainer.global_steps} failed: {why}. {_how_to_go_on(trainer)}"
        ) from error


def _counted(wrapped: Callable[..., Any], trainer: Any, args: Any, kwargs: Any) -> Any:
    batch, metrics = _batch_and_metrics(*args, **kwargs)
    data, rollout = trainer.config.data, trainer.config.actor_rollout_ref.rollout
    wanted = data.train_batch_size // trainer.parameter_sync_step * rollout.n
    failed = max(0, wanted - len({key.rsplit("_", 1)[0] for key in batch.keys}))
    metrics["egpo/failed_rollouts"] = failed
    if failed:
        log.warning(
            "egpo_verl: step %d trains without %d of %d rollouts, which failed: %s.",
            trainer.global_steps,
            failed,
            wanted,
            tally(reasons(trainer)),
        )
    return wrapped(*args, **kwargs)


def located(compute: Callable[..., Any], trainer: Any, batch: Any, metrics: dict[str, Any]) -> Any:
    """verl's `_compute_advantage`, whose complaint about a score says whose score it was.

    Raises:
        TrainingFault: a score is not finite.
    """
    try:
        return compute(batch, metrics)
    except ValueError as error:
        place = first_odd_score(batch)
        if place is None:
            raise
        raise TrainingFault(
            f"step {trainer.global_steps}: {error} It is the answer to {place}. "
            f"{_how_to_go_on(trainer)}"
        ) from error


def first_odd_score(batch: Any) -> str | None:
    """Whose score, of a batch in verl's TransferQueue, is the first that is not finite."""
    import transfer_queue as tq

    fields = ["rm_scores", "data_source", "extra_info"]
    rows = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=fields)
    odd = (~torch.isfinite(rows["rm_scores"].to_padded_tensor(0.0).sum(dim=-1))).nonzero()
    if not len(odd):
        return None
    row = int(odd[0])
    index = (list(rows["extra_info"])[row] or {}).get("index")
    return f"row {index} of data_source={list(rows['data_source'])[row]}"


def _written(wrapped: Callable[..., Any], trainer: Any, args: Any, kwargs: Any) -> Any:
    try:
        return wrapped(*args, **kwargs)
    except Exception as error:
        raise checkpoints.not_written(
            trainer.config, trainer.global_steps, in_short(error)
        ) from error


def _remember(record: logging.LogRecord) -> bool:
    if record.exc_info and record.exc_info[1] is not None:
        _reasons.append(in_short(record.exc_info[1]))
    return True


def _not_empty(wrapped: Callable[..., Any], output: Any, args: Any, kwargs: Any) -> Any:
    if not output.response_ids:
        raise ValueError("the response has no tokens, so there is nothing to train on")
    return wrapped(*args, **kwargs)


def in_short(error: BaseException) -> str:
    """What an error says in one line; of Ray's, the type and message of its cause."""
    from ray.exceptions import RayActorError

    if isinstance(error, RayActorError):
        return "a worker died"
    lines = str(error).strip().splitlines()
    last = lines[-1].strip() if lines else ""
    return last if len(lines) > 1 else f"{type(error).__name__}: {last}".removesuffix(": ")


def tally(why: Sequence[str]) -> str:
    """`3 x ValueError: ..., 1 x ...`, the most frequent first; at most three."""
    if not why:
        return "see Error in _run_prompt above"
    return ", ".join(f"{number} x {reason}" for reason, number in Counter(why).most_common(3))


def reasons(trainer: Any) -> list[str]:
    """Why rollouts failed since the last call, from all workers that run agent loops."""
    import ray

    workers = getattr(trainer.agent_loop_manager, "agent_loop_workers", [])
    alive = ray.get([worker.__ray_call__.remote(_told) for worker in workers])
    return [reason for told in alive for reason in told]


def _told(worker: Any) -> list[str]:
    told = list(_reasons)
    _reasons.clear()
    return told


def _refuse_dead(trainer: Any) -> None:
    gone = dead(_workers(trainer))
    if gone:
        names = ", ".join(f"{number} {name}" for name, number in Counter(gone).items())
        raise TrainingFault(_died(names, trainer))


def _died(who: str, trainer: Any) -> str:
    return (
        f"{who} died before step {trainer.global_steps} was done. Most often the machine ran out "
        f"of memory and the system killed it (dmesg says so). {_how_to_go_on(trainer)}"
    )


def _workers(trainer: Any) -> list[tuple[str, Any]]:
    """What rollouts need: Ray actors, and what to call them."""
    named = [("reward worker", handle) for handle in trainer.get_reward_handles() or ()]
    for manager in trainer._rollout_server_managers():
        named += [("rollout server", handle) for handle in manager.server_handles]
    loops = getattr(trainer.agent_loop_manager, "agent_loop_workers", [])
    return named + [("agent loop worker", handle) for handle in loops]


def dead(actors: Sequence[tuple[str, Any]]) -> list[str]:
    """The names of those Ray actors that have died."""
    import ray

    pings = {actor.__ray_ready__.remote(): name for name, actor in actors}
    answered, _ = ray.wait(list(pings), num_returns=len(pings), timeout=PATIENCE)
    gone = []
    for ping in answered:
        try:
            ray.get(ping)
        except ray.exceptions.RayActorError:
            gone.append(pings[ping])
    return gone


def _how_to_go_on(trainer: Any) -> str:
    folder = trainer.config.trainer.default_local_dir
    return f"The same command goes on from the last checkpoint in {folder}, if there is one."


def _batch_and_metrics(batch: Any, metrics: dict[str, Any], *_: Any, **__: Any) -> tuple[Any, Any]:
    return batch, metrics
