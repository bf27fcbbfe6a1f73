#!/usr/bin/env bash
# EGPO | Qwen3-4B-Instruct-2507 | FSDP | 1 x 8 x 80 GB
# One of the two models of arXiv:2508.05118v4, with the paper's data, batch and lengths. The paper
# had 32 GPUs of 141 GB: NNODES=4 by run_multinode.sh.
set -xeuo pipefail

# ---- model ----
MODEL_PATH=${MODEL_PATH:-Qwen/Qwen3-4B-Instruct-2507}

# ---- data ----
DATASETS=${DATASETS:-xlam funreason_mt}

# ---- hardware ----
NGPUS_PER_NODE=${NGPUS_PER_NODE:-8}

# ---- memory ----
PPO_MAX_TOKEN_LEN_PER_GPU=${PPO_MAX_TOKEN_LEN_PER_GPU:-24576}
ROLLOUT_GPU_MEM_UTIL=${ROLLOUT_GPU_MEM_UTIL:-0.7}

# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"
train "$@"
