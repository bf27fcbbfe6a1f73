"""How many GPUs a Ray cluster has now; run_multinode.sh waits by it until all nodes are there."""

from __future__ import annotations

import argparse
import sys

import ray


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="auto", help="HOST:PORT of the head (this node's)")
    options = parser.parse_args()
    ray.init(address=options.address, log_to_driver=False, logging_level="error")
    sys.stdout.write(f"{int(ray.cluster_resources().get('GPU', 0))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
