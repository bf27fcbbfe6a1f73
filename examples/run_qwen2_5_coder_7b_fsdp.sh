#!/usr/bin/env bash
# EGPO | Qwen2.5-Coder-7B-Instruct | FSDP | 1 x 8 x 80 GB
# The larger model of versions 1 and 2 of arXiv:2508.05118, with their answer form,
# <think>...</think><answer>[...]</answer>.
set -xeuo pipefail

# ---- model and algorithm ----
MODEL_PATH=${MODEL_PATH:-Qwen/Qwen2.5-Coder-7B-Instruct}
EGPO=${EGPO:-paper_v1}

# ---- data: xLAM in version 1's form (preprocess --call_form answer_tag) ----
DATASETS=${DATASETS:-xlam_answer_tag}
CALL_FORM=answer_tag

# ---- memory ----
PPO_MAX_TOKEN_LEN_PER_GPU=${PPO_MAX_TOKEN_LEN_PER_GPU:-16384}
ROLLOUT_GPU_MEM_UTIL=${ROLLOUT_GPU_MEM_UTIL:-0.6}

# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"
train "$@"
