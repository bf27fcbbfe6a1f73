#!/usr/bin/env bash
# EGPO | Qwen3-1.7B | FSDP | 1 x 2 x 80 GB
set -xeuo pipefail

MODEL_PATH=${MODEL_PATH:-Qwen/Qwen3-1.7B}

# Half of the paper's batch, and answers of half the length, for two GPUs.
TRAIN_BATCH_SIZE=${TRAIN_BATCH_SIZE:-512}
PPO_MINI_BATCH_SIZE=${PPO_MINI_BATCH_SIZE:-128}
MAX_RESPONSE_LENGTH=${MAX_RESPONSE_LENGTH:-4096}

NGPUS_PER_NODE=${NGPUS_PER_NODE:-2}

PPO_MAX_TOKEN_LEN_PER_GPU=${PPO_MAX_TOKEN_LEN_PER_GPU:-16384}
ROLLOUT_GPU_MEM_UTIL=${ROLLOUT_GPU_MEM_UTIL:-0.6}

# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"
train "$@"
