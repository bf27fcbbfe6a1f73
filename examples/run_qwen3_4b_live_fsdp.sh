#!/usr/bin/env bash
# EGPO | Qwen3-4B-Instruct-2507 | FSDP | 1 x 8 x 80 GB
# Live multi-turn: the policy calls tools of worlds with state (docs/environments.md). Rows first:
#   python -m egpo_verl.preprocess toolworld_live --num_train 20000 --local_save_dir ~/data/egpo/toolworld_live
# or those of an environment of your own, of which DATA_DIR/shop gets train.parquet and test.parquet:
#   python -m egpo_verl.envs shop.py:Shop --rows shop.jsonl --save ~/data/egpo/shop/train.parquet
#   ENV_FACTORY=$PWD/shop.py:Shop DATASETS=shop bash examples/run_qwen3_4b_live_fsdp.sh
set -xeuo pipefail

# ---- model ----
MODEL_PATH=${MODEL_PATH:-Qwen/Qwen3-4B-Instruct-2507}

# ---- data: a message is short, and its prompt holds the whole dialogue so far ----
LIVE=True
DATASETS=${DATASETS:-toolworld_live}
MAX_PROMPT_LENGTH=${MAX_PROMPT_LENGTH:-8192}
MAX_RESPONSE_LENGTH=${MAX_RESPONSE_LENGTH:-2048}
# A rollout is a row for each of its messages, and updates grow with rows: fewer rollouts a step.
TRAIN_BATCH_SIZE=${TRAIN_BATCH_SIZE:-128}
PPO_MINI_BATCH_SIZE=${PPO_MINI_BATCH_SIZE:-32}

# ---- hardware ----
NGPUS_PER_NODE=${NGPUS_PER_NODE:-8}

# ---- memory ----
PPO_MAX_TOKEN_LEN_PER_GPU=${PPO_MAX_TOKEN_LEN_PER_GPU:-20480}
ROLLOUT_GPU_MEM_UTIL=${ROLLOUT_GPU_MEM_UTIL:-0.7}

# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"
train "$@"
