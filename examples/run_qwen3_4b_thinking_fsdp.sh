#!/usr/bin/env bash
# EGPO | Qwen3-4B-Thinking-2507 | FSDP | 1 x 8 x 80 GB
# Its chat template ends the prompt with <think>: the response starts inside the thought, and the rows
# must say so. Make them with --tokenizer Qwen/Qwen3-4B-Thinking-2507, or every reward is 0.
set -xeuo pipefail

# ---- model ----
MODEL_PATH=${MODEL_PATH:-Qwen/Qwen3-4B-Thinking-2507}
THINK_IN_PROMPT=True

# ---- data ----
DATASETS=${DATASETS:-xlam_thinking}

# ---- memory: thoughts of this model are long ----
MAX_RESPONSE_LENGTH=${MAX_RESPONSE_LENGTH:-16384}
PPO_MAX_TOKEN_LEN_PER_GPU=${PPO_MAX_TOKEN_LEN_PER_GPU:-20480}
ROLLOUT_GPU_MEM_UTIL=${ROLLOUT_GPU_MEM_UTIL:-0.7}

# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"
train "$@"
