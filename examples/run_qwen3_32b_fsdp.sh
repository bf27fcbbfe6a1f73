#!/usr/bin/env bash
# EGPO | Qwen3-32B | FSDP | 2 x 8 x 80 GB
# Start it by run_multinode.sh or run_slurm.sh.
set -xeuo pipefail

MODEL_PATH=${MODEL_PATH:-Qwen/Qwen3-32B}

NNODES=${NNODES:-2}

ULYSSES_SP=${ULYSSES_SP:-2}
PPO_MAX_TOKEN_LEN_PER_GPU=${PPO_MAX_TOKEN_LEN_PER_GPU:-8192}
OFFLOAD=${OFFLOAD:-True}
# A replica of four GPUs: the weights take a quarter of each, the rest is for keys and values.
ROLLOUT_TP=${ROLLOUT_TP:-4}
ROLLOUT_GPU_MEM_UTIL=${ROLLOUT_GPU_MEM_UTIL:-0.7}

# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"
train "$@"
