#!/usr/bin/env bash
# EGPO | Qwen3-8B, LoRA of rank 64 | FSDP | 1 x 2 x 80 GB
# The reference policy is the same model with its adapters switched off.
set -xeuo pipefail

MODEL_PATH=${MODEL_PATH:-Qwen/Qwen3-8B}
LORA_RANK=${LORA_RANK:-64}
LORA_ALPHA=${LORA_ALPHA:-32}
# Adapters want a larger step than whole weights; this is the rate of verl's LoRA example.
ACTOR_LR=${ACTOR_LR:-3e-6}

TRAIN_BATCH_SIZE=${TRAIN_BATCH_SIZE:-256}
PPO_MINI_BATCH_SIZE=${PPO_MINI_BATCH_SIZE:-64}
TOTAL_EPOCHS=${TOTAL_EPOCHS:-1}

NGPUS_PER_NODE=${NGPUS_PER_NODE:-2}
PPO_MAX_TOKEN_LEN_PER_GPU=${PPO_MAX_TOKEN_LEN_PER_GPU:-12288}
ROLLOUT_GPU_MEM_UTIL=${ROLLOUT_GPU_MEM_UTIL:-0.5}

# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"
train "$@"
