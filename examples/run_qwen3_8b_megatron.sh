#!/usr/bin/env bash
# EGPO | Qwen3-8B | Megatron | 1 x 8 x 80 GB
set -xeuo pipefail

MODEL_PATH=${MODEL_PATH:-Qwen/Qwen3-8B}

TRAIN_BACKEND=${TRAIN_BACKEND:-megatron}
# Two GPUs share each layer, and two pipelines of them each half of the layers.
ACTOR_TP=${ACTOR_TP:-2}
ACTOR_PP=${ACTOR_PP:-2}
OFFLOAD=${OFFLOAD:-True}

PPO_MAX_TOKEN_LEN_PER_GPU=${PPO_MAX_TOKEN_LEN_PER_GPU:-24576}
ROLLOUT_TP=${ROLLOUT_TP:-2}

# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"
train "$@"
