#!/usr/bin/env bash
# The whole test suite, with one end-to-end training on the CPU: bash tests/run.sh [pytest options]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/examples/environment.sh"
make_environment "$root"
cd "$root"
# Two processes: a training holds one core through most of its start, and some 5 GB of memory.
exec python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder "$@"
