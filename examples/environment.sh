# shellcheck shell=bash
# Source this: makes .venv with the pinned packages of requirements/cpu.txt, or reuses it, and
# activates it. PYTHON chooses the interpreter; 3.10, 3.11 and 3.12 are supported.

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.11 python3.12 python3.10 python3 python}; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' \
            2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "egpo_verl: no Python 3.10, 3.11 or 3.12 found; install one or set PYTHON=/path/to/python." >&2
    return 2
}

make_environment() {
    local root=$1 python stamp
    stamp=$(cat "$root"/requirements/cpu.* "$root"/setup.py "$root"/examples/environment.sh | cksum)
    if [ "$(cat "$root/.venv/complete" 2>/dev/null)" != "$stamp" ]; then
        python=$(find_python) || return
        echo "egpo_verl: installing pinned packages into .venv with $python (once, some minutes)"
        "$python" -m venv --clear "$root/.venv" || return
        # torch first and alone: where the index offers a CPU build of this version, pip takes it,
        # and nothing that follows asks for another.
        "$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check torch==2.13.0 || return
        "$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check \
            --constraint "$root/requirements/cpu.txt" --requirement "$root/requirements/cpu.in" || return
        "$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check \
            --no-deps --no-build-isolation --editable "$root" || return
        echo "$stamp" >"$root/.venv/complete"
    fi
    # shellcheck disable=SC1091
    . "$root/.venv/bin/activate"
}
