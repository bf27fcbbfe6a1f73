#!/usr/bin/env bash
# The whole test suite, with one end-to-end training on the CPU: bash tests/run.sh [pytest options]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/examples/environment.sh"
make_environment "$root"
cd "$root"
# Two processes: a training holds one core through most of its start, and some 5 GB of memory.
# A file is of one process, for its fixtures are dear; groups of files (loadgroup) would be better,
# but pytest-xdist 3.8 passes them on by a name that pytest 9 no longer reads.
exec python -m pytest -n 2 --dist loadfile --no-loadscope-reorder "$@"
