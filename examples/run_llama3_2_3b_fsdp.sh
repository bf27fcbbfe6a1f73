#!/usr/bin/env bash
# EGPO | Llama-3.2-3B-Instruct | FSDP | 1 x 8 x 80 GB
# The other model of arXiv:2508.05118v4. Its vocabulary has no <think>: the tags are ordinary text.
set -xeuo pipefail

# ---- model ----
MODEL_PATH=${MODEL_PATH:-meta-llama/Llama-3.2-3B-Instruct}

# ---- data: the rows of run_qwen3_4b_fsdp.sh ----
DATASETS=${DATASETS:-xlam funreason_mt}

# ---- memory; 8 GPUs are the default ----
PPO_MAX_TOKEN_LEN_PER_GPU=${PPO_MAX_TOKEN_LEN_PER_GPU:-24576}
ROLLOUT_GPU_MEM_UTIL=${ROLLOUT_GPU_MEM_UTIL:-0.7}

# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"
train "$@"
