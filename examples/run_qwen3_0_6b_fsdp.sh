#!/usr/bin/env bash
# EGPO | Qwen3-0.6B | FSDP | 1 x 1 x 48 GB
# The smallest run on a GPU, a look at the method: short answers, a quarter of the batch, one epoch.
set -xeuo pipefail

# ---- model ----
MODEL_PATH=${MODEL_PATH:-Qwen/Qwen3-0.6B}

# ---- what one GPU can do ----
TOTAL_EPOCHS=${TOTAL_EPOCHS:-1}
TRAIN_BATCH_SIZE=${TRAIN_BATCH_SIZE:-256}
PPO_MINI_BATCH_SIZE=${PPO_MINI_BATCH_SIZE:-64}
MAX_RESPONSE_LENGTH=${MAX_RESPONSE_LENGTH:-2048}

# ---- hardware ----
NGPUS_PER_NODE=${NGPUS_PER_NODE:-1}

# ---- memory ----
PPO_MAX_TOKEN_LEN_PER_GPU=${PPO_MAX_TOKEN_LEN_PER_GPU:-12288}
ROLLOUT_GPU_MEM_UTIL=${ROLLOUT_GPU_MEM_UTIL:-0.6}

# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"
train "$@"
