#!/usr/bin/env bash
# Any recipe on several nodes: run this on each of them, with the same files and packages.
#
#   NNODES=4 NODE_RANK=0 HEAD=10.0.0.1 bash examples/run_multinode.sh run_qwen3_4b_fsdp.sh [overrides]
#   NNODES=4 NODE_RANK=1 HEAD=10.0.0.1 bash examples/run_multinode.sh run_qwen3_4b_fsdp.sh
#
# The node of rank 0 is HEAD: it starts Ray, waits until all GPUs are there, and trains. The others
# lend their GPUs until HEAD is done.
set -xeuo pipefail

HEAD=${HEAD:?the address of the node of rank 0}
NODE_RANK=${NODE_RANK:?0 on HEAD, 1, 2, ... on the others}
export NNODES=${NNODES:-2}
export NGPUS_PER_NODE=${NGPUS_PER_NODE:-8}
PORT=${PORT:-6379}
WAIT_SECONDS=${WAIT_SECONDS:-600}

RECIPE=$(dirname "$0")/${1:?a recipe, such as run_qwen3_4b_fsdp.sh}
shift

if [ "$NODE_RANK" != 0 ]; then
    # A node may be up before HEAD is; Ray itself gives up sooner.
    for ((waited = 0; waited < WAIT_SECONDS; waited += 10)); do
        ray status --address "$HEAD:$PORT" >/dev/null 2>&1 && break
        sleep 10
    done
    # When HEAD leaves, Ray ends here with an error that means nothing: HEAD knows how it went.
    ray start --block --address "$HEAD:$PORT" --num-gpus "$NGPUS_PER_NODE" || true
    exit
fi

ray start --head --node-ip-address "$HEAD" --port "$PORT" --num-gpus "$NGPUS_PER_NODE"
trap 'ray stop' EXIT

expected=$((NNODES * NGPUS_PER_NODE))
for ((waited = 0; ; waited += 10)); do
    gpus=$(python3 "$(dirname "$0")/count_gpus.py" --address "$HEAD:$PORT")
    if [ "$gpus" -ge "$expected" ]; then
        break
    fi
    if [ "$waited" -ge "$WAIT_SECONDS" ]; then
        echo "egpo_verl: $gpus of $expected GPUs came in $WAIT_SECONDS s; see ray status." >&2
        exit 2
    fi
    sleep 10
done

bash "$RECIPE" "$@"
