#!/usr/bin/env bash
# EGPO | Qwen3-4B-Instruct-2507 | FSDP | 1 x 8 x 80 GB
# The run of arXiv:2508.05118v4. Its other model, its GRPO arm, and an ablation of ours:
#
#   MODEL_PATH=meta-llama/Llama-3.2-3B-Instruct bash recipe/egpo/run_egpo.sh
#   bash recipe/egpo/run_egpo.sh egpo=grpo trainer.experiment_name=qwen3_4b_grpo
#   bash recipe/egpo/run_egpo.sh egpo=no_clip trainer.experiment_name=qwen3_4b_no_clip
set -xeuo pipefail

MODEL_PATH=${MODEL_PATH:-Qwen/Qwen3-4B-Instruct-2507}
DATA_DIR=${DATA_DIR:-$HOME/data/egpo}
NNODES=${NNODES:-1}
NGPUS_PER_NODE=${NGPUS_PER_NODE:-8}

CONFIG=$(cd "$(dirname "$0")/config" && pwd)

python3 -m verl.trainer.main_ppo --config-path "$CONFIG" --config-name egpo_trainer \
    "data.train_files=[$DATA_DIR/xlam/train.parquet,$DATA_DIR/funreason_mt/train.parquet]" \
    "data.val_files=[$DATA_DIR/xlam/test.parquet,$DATA_DIR/funreason_mt/test.parquet]" \
    "actor_rollout_ref.model.path=$MODEL_PATH" \
    "trainer.nnodes=$NNODES" \
    "trainer.n_gpus_per_node=$NGPUS_PER_NODE" \
    "trainer.experiment_name=${MODEL_PATH##*/}" \
    "$@"
