#!/usr/bin/env bash
# EGPO on a bare CPU machine: environment, data, training, table and curves. Run it again to reuse
# everything that is done, or to go on where it was interrupted. The rows of toolworld ask for values
# that must be derived; those of its test, on which the model is measured before and after, are held
# out from training.
#
#   bash examples/quickstart.sh                                   our tiny model on toolworld
#   MODEL=DIR DATA=FILE bash examples/quickstart.sh               your model on xLAM-shaped rows
#   STEPS=100 NAME=longer bash examples/quickstart.sh [overrides of verl's configuration]
set -euo pipefail
cd "$(dirname "$0")/.."

MODEL=${MODEL:-egpo_verl/toolworld/derived/model}
DATA=${DATA:-toolworld}
STEPS=${STEPS:-40}
NAME=${NAME:-quickstart}

. examples/environment.sh
. examples/train_cpu.sh
make_environment "$PWD"

[ "$DATA" = toolworld ] && PARQUET=runs/data/toolworld-derived || PARQUET=runs/data/$(basename "$DATA")
if [ ! -f "$PARQUET/train.parquet" ]; then
    if [ "$DATA" = toolworld ]; then
        python -m egpo_verl.preprocess toolworld --levels 6 7 --num_test 256 \
            --local_save_dir "$PARQUET"
    else
        python -m egpo_verl.preprocess xlam --local_dataset_path "$DATA" --local_save_dir "$PARQUET"
    fi
fi

# 8 prompts with 8 responses each; the paper's 1e-6 is for models a thousand times larger.
train_cpu "$NAME" "$MODEL" "$PARQUET" "$STEPS" \
    data.train_batch_size=8 \
    actor_rollout_ref.actor.ppo_mini_batch_size=8 \
    actor_rollout_ref.actor.optim.lr=5e-4 \
    data.max_prompt_length=512 data.max_response_length=160 \
    trainer.val_before_train=True trainer.test_freq="$STEPS" \
    "$@"
