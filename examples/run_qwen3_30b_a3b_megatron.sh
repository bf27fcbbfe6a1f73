#!/usr/bin/env bash
# EGPO | Qwen3-30B-A3B-Instruct-2507 (128 experts, 8 at work) | Megatron | 1 x 8 x 141 GB
set -xeuo pipefail

MODEL_PATH=${MODEL_PATH:-Qwen/Qwen3-30B-A3B-Instruct-2507}

# Every GPU holds 16 of a layer's 128 experts, and half of what all tokens pass.
TRAIN_BACKEND=${TRAIN_BACKEND:-megatron}
ACTOR_TP=${ACTOR_TP:-2}
ACTOR_EP=${ACTOR_EP:-8}
OFFLOAD=${OFFLOAD:-True}

PPO_MAX_TOKEN_LEN_PER_GPU=${PPO_MAX_TOKEN_LEN_PER_GPU:-16384}
ROLLOUT_TP=${ROLLOUT_TP:-4}

# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"
train "$@"
