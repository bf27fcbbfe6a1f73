# shellcheck shell=bash
# Source this: `train_cpu NAME MODEL DATA_DIR STEPS [overrides]` trains with EGPO on the CPU through
# verl's main_ppo, shows one line a step, and ends with a table, curves, the checkpoint and a page
# of what the model answered.

train_cpu() {
    local name=$1 model=$2 data=$3 steps=$4
    shift 4
    local run=runs/$name
    local checkpoints=$run/checkpoints
    local done_steps
    mkdir -p "$run"
    done_steps=$(cat "$checkpoints/latest_checkpointed_iteration.txt" 2>/dev/null || echo 0)
    if [ "$done_steps" -lt "$steps" ]; then
        # Each start has a log of its own, so that a resumed run keeps what came before.
        VERL_FILE_LOGGER_PATH=$run/steps-$(date +%Y%m%d-%H%M%S).jsonl \
            python -m verl.trainer.main_ppo +egpo=paper +machine=cpu \
            data.train_files="$data/train.parquet" \
            data.val_files="$data/test.parquet" \
            actor_rollout_ref.model.path="$model" \
            trainer.total_training_steps="$steps" \
            trainer.project_name=egpo_verl trainer.experiment_name="$name" \
            trainer.logger='["console","file"]' \
            trainer.default_local_dir="$checkpoints" +algorithm.egpo.record_dir="$run/rollouts" \
            trainer.save_freq=20 trainer.max_actor_ckpt_to_keep=2 \
            trainer.val_before_train=False trainer.test_freq=-1 \
            "$@" 2>&1 | python -m egpo_verl.compare.progress --steps "$steps" --log "$run/console.log"
    fi
    python -m egpo_verl.compare "$run" --out "$run/learning_curve.png"
    python -m egpo_verl.inspect "$run/rollouts" --out "$run/rollouts.html"
    echo "checkpoint: $checkpoints/global_step_$(cat "$checkpoints/latest_checkpointed_iteration.txt")"
    echo "everything verl printed: $run/console.log"
}
