#!/usr/bin/env bash
# EGPO | Qwen3-8B | FSDP | 1 x 8 x 80 GB
set -xeuo pipefail

MODEL_PATH=${MODEL_PATH:-Qwen/Qwen3-8B}

# Weights and Adam leave the GPU while the rollout works.
OFFLOAD=${OFFLOAD:-True}
PPO_MAX_TOKEN_LEN_PER_GPU=${PPO_MAX_TOKEN_LEN_PER_GPU:-16384}
ROLLOUT_GPU_MEM_UTIL=${ROLLOUT_GPU_MEM_UTIL:-0.7}

# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"
train "$@"
