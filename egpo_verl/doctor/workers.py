"""Whether Ray's workers, which are other processes and perhaps other machines, load the plugin.

Run as a program of its own, with a time limit: Ray prints, forks, and may wait for ever on a
cluster that is gone.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from egpo_verl.doctor.finding import Finding, fail, ok

CHECK = "Ray workers"
LIMIT = 180
"""Seconds; a first start of Ray takes 10 to 30."""
BROKEN, NO_RAY = 1, 2
"""Exit codes of the probe."""


def check_workers(limit: float = LIMIT) -> Iterator[Finding]:
    """Every node of the Ray cluster that a run would join, or a small one made for the purpose."""
    command = [sys.executable, "-m", __name__]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        yield fail(
            CHECK,
            f"no answer within {limit:g} s",
            "is the cluster that RAY_ADDRESS names alive (ray status)? ray stop ends an old one",
        )
        return
    printed = ran.stdout.strip().splitlines() or ran.stderr.strip().splitlines() or ["nothing"]
    if ran.returncode == 0:
        yield ok(CHECK, printed[-1])
    elif ran.returncode == BROKEN:
        fix = "install egpo-verl in the environment of every node that will train"
        yield fail(CHECK, printed[-1], fix)
    else:
        yield fail(CHECK, f"Ray does not start: {printed[-1]}", "ray stop, then try again")


def main() -> int:
    """The probe: its last line is for people, its exit code for `check_workers`."""
    import ray
    from ray._private.services import canonicalize_bootstrap_address

    address = canonicalize_bootstrap_address(None)
    if address is None:
        # As many nodes and as little else as the question needs.
        ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
        text = "a local worker loads the plugin"
    else:
        modules = {"VERL_USE_EXTERNAL_MODULES": "egpo_verl"}
        ray.init(address=address, runtime_env={"env_vars": modules}, log_to_driver=False)
        text = f"every node of the cluster at {address} loads the plugin"
    reasons = _reasons()
    if reasons:
        text = f"workers of this Ray cluster cannot load egpo_verl ({reasons[0]})"
    sys.stdout.write(f"{text}\n")
    return BROKEN if reasons else 0


def _reasons() -> list[str]:
    """Why the plugin does not load, for each node where it does not."""
    import ray

    probe = ray.remote(num_cpus=0)(_load_plugin)
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    reasons = []
    for answer in [probe.options(scheduling_strategy=_on(node)).remote() for node in nodes]:
        try:
            ray.get(answer)
        except (ray.exceptions.RayError, ImportError) as error:
            reasons.append(str(error).strip().splitlines()[-1])
    return reasons


def _on(node: str) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node_id=node, soft=False)


def _load_plugin() -> None:
    import verl  # noqa: F401
    from verl.trainer.ppo.core_algos import get_adv_estimator_fn

    try:
        get_adv_estimator_fn("egpo")
    except ValueError:
        # Raises what verl has hidden at DEBUG, if that is why.
        import egpo_verl.integration.plugin  # noqa: F401

        raise


if __name__ == "__main__":
    sys.exit(main())
