#!/usr/bin/env bash
# EGPO | Qwen3-14B | FSDP | 1 x 8 x 80 GB
set -xeuo pipefail

MODEL_PATH=${MODEL_PATH:-Qwen/Qwen3-14B}

# A sequence is split over two GPUs: 8,192 tokens on each are the 12,288 of the longest, and more.
ULYSSES_SP=${ULYSSES_SP:-2}
PPO_MAX_TOKEN_LEN_PER_GPU=${PPO_MAX_TOKEN_LEN_PER_GPU:-8192}
OFFLOAD=${OFFLOAD:-True}
ROLLOUT_TP=${ROLLOUT_TP:-2}
ROLLOUT_GPU_MEM_UTIL=${ROLLOUT_GPU_MEM_UTIL:-0.7}

# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"
train "$@"
