#!/usr/bin/env bash
# Live EGPO on a bare CPU machine: our tiny model calls the tools of small services with state, sees
# what they return, and is judged by where its dialogues end. Environment, data, training, table,
# curves and a page of what it did. Run it again to reuse everything that is done.
#
#   bash examples/quickstart_live.sh
#   STEPS=60 NAME=longer bash examples/quickstart_live.sh [overrides of verl's configuration]
#   MODEL=DIR KINDS="base missing_tool" MAX_TURNS=4 bash examples/quickstart_live.sh
set -euo pipefail
cd "$(dirname "$0")/.."

MODEL=${MODEL:-egpo_verl/toolworld/live/model}
KINDS=${KINDS:-base missing_value}
MAX_TURNS=${MAX_TURNS:-2}
STEPS=${STEPS:-16}
NAME=${NAME:-quickstart_live}

. examples/environment.sh
. examples/train_cpu.sh
make_environment "$PWD"

PARQUET=runs/data/live-${KINDS// /-}-$MAX_TURNS
if [ ! -f "$PARQUET/train.parquet" ]; then
    # shellcheck disable=SC2086
    python -m egpo_verl.preprocess toolworld_live --kinds $KINDS --max_turns "$MAX_TURNS" \
        --num_test 128 --local_save_dir "$PARQUET"
fi

# 8 dialogues with 8 rollouts each, of some 3 to 4 messages, so some 4 updates a step: the rate is
# lower than that of one turn. Each row names its own service. Validation on the worlds of test,
# before and after, samples as the rollouts do.
train_cpu "$NAME" "$MODEL" "$PARQUET" "$STEPS" \
    +env=own env.max_messages=8 \
    data.train_batch_size=8 \
    actor_rollout_ref.actor.ppo_mini_batch_size=8 \
    actor_rollout_ref.actor.optim.lr=2e-4 \
    data.max_prompt_length=768 data.max_response_length=80 \
    trainer.val_before_train=True trainer.test_freq="$STEPS" \
    actor_rollout_ref.rollout.val_kwargs.do_sample=True \
    actor_rollout_ref.rollout.val_kwargs.temperature=0.7 \
    actor_rollout_ref.rollout.val_kwargs.top_p=1.0 \
    "$@"
