#!/usr/bin/env bash
# The whole test suite, with one end-to-end training on the CPU: bash tests/run.sh [pytest options]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/examples/environment.sh"
make_environment "$root"
cd "$root"
# Three processes on two cores: a training waits for much of its time. Each holds some 5 GB.
exec python -m pytest -n 3 --dist loadgroup --no-loadscope-reorder "$@"
