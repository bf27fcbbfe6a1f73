#!/usr/bin/env bash
# Joins the parts that bare_machine_wheels.py made into wheels again:
#   bash tests/gpu/join_parts.sh PARTS_DIR WHEELS_DIR
set -euo pipefail
parts=$1 wheels=$2
if ! (cd "$parts" && sha256sum --check --quiet SHA256SUMS); then
    echo "egpo_verl: the parts in $parts are not those of its SHA256SUMS: bring all of them, whole." >&2
    exit 2
fi
mkdir -p "$wheels"
cut -d ' ' -f 3 "$parts/SHA256SUMS" | (cd "$parts" && xargs cat) | tar -xf - -C "$wheels"
