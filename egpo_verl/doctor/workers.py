"""Whether Ray's workers, which are other processes and perhaps other machines, load the plugin.

Run as a program of its own, with a time limit: Ray prints, forks, and may wait for ever on a
cluster that is gone.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from egpo_verl.doctor.finding import Finding, fail, ok

CHECK = "Ray workers"
LIMIT = 180
"""Seconds; a first start of Ray takes 10 to 30."""


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
    said = ran.stdout.strip().splitlines() or ran.stderr.strip().splitlines() or ["nothing"]
    if ran.returncode == 0:
        yield ok(CHECK, said[-1])
    elif ran.returncode == 1:
        yield fail(CHECK, said[-1], "install egpo-verl in the environment of every node")
    else:
        yield fail(CHECK, f"Ray does not start: {said[-1]}", "ray stop, then try again")


def main() -> int:
    """The probe; 1 where a worker cannot load the plugin, another code where Ray fails."""
    import ray
    from omegaconf import OmegaConf

    from egpo_verl.integration import preflight

    address = preflight.cluster_address(OmegaConf.create())
    if address is None:
        # As many nodes and as little else as the question needs.
        ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
        where = "a local worker loads the plugin"
    else:
        where = f"every node of the cluster at {address} loads the plugin"
    try:
        preflight.check_workers(OmegaConf.create())
    except preflight.ConfigError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{where}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
