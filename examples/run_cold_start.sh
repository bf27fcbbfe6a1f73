#!/usr/bin/env bash
# Cold start | Qwen3-0.6B | FSDP | 1 x 1 x 48 GB
# verl's SFT trainer on demonstrations, for a model that never earns a reward: without a first
# success every group has zero variance, and RL learns nothing. Its checkpoint is what RL starts from.
#
#   python -m egpo_verl.preprocess xlam ... --sft --local_save_dir ~/data/egpo/xlam
#   MODEL_PATH=HuggingFaceTB/SmolLM2-135M-Instruct bash examples/run_cold_start.sh [overrides]
#   DEVICE=cpu bash ...           on the CPU; seen where there is no nvidia-smi
#   SMOKE=1 bash ...              two steps on a CPU with the tiny model
set -xeuo pipefail

MODEL_PATH=${MODEL_PATH:-Qwen/Qwen3-0.6B}

# ---- the knobs of the recipes, as SFT has them; the group +sft=cold_start answers for the others ----
NGPUS_PER_NODE=${NGPUS_PER_NODE:-1}
MAX_RESPONSE_LENGTH=${MAX_RESPONSE_LENGTH:-1024}
SAVE_FREQ=${SAVE_FREQ:-after_each_epoch}
TEST_FREQ=${TEST_FREQ:-after_each_epoch}
SEED=${SEED:-1}
EXPERIMENT_NAME=${EXPERIMENT_NAME:-cold_start-seed$SEED}
DEVICE=${DEVICE:-$(command -v nvidia-smi >/dev/null && echo cuda || echo cpu)}

# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"
SFT_TRAIN_FILE=${SFT_TRAIN_FILE:-$(files_of sft_train)}
SFT_TEST_FILE=${SFT_TEST_FILE:-$(files_of sft_test)}

if [ "${SMOKE:-0}" = 1 ]; then
    # shellcheck source=smoke.sh
    . "$HERE/smoke.sh"
    smoke
    DEVICE=cpu SFT_TRAIN_FILE=$DATA_DIR/sft_train.parquet SFT_TEST_FILE=$DATA_DIR/sft_test.parquet
fi

MACHINE=(trainer.device="$DEVICE")
if [ "$DEVICE" = cpu ]; then
    export VERL_PLATFORM=cpu OMP_WAIT_POLICY=PASSIVE
    MACHINE=(+machine=cpu_sft)
fi

NODES=(--standalone)
if [ "$NNODES" -gt 1 ]; then
    NODES=(--node_rank "${NODE_RANK:?0 on HEAD, 1, 2, ... on the others}"
        --master_addr "${HEAD:?the address of the node of rank 0}")
fi

SET=()
for knob in TRAIN_BATCH_SIZE=data.train_batch_size ACTOR_LR=optim.lr \
    ULYSSES_SP=engine.ulysses_sequence_parallel_size TOTAL_EPOCHS=trainer.total_epochs \
    TOTAL_TRAINING_STEPS=trainer.total_training_steps; do
    name=${knob%%=*}
    if [ -n "${!name:-}" ]; then
        SET+=("${knob#*=}=${!name}")
    fi
done

CHECKPOINTS=$RUNS_DIR/$EXPERIMENT_NAME/checkpoints
mkdir -p "$RUNS_DIR/$EXPERIMENT_NAME"
VERL_FILE_LOGGER_PATH=$RUNS_DIR/$EXPERIMENT_NAME/steps-$(date +%Y%m%d-%H%M%S).jsonl
export VERL_FILE_LOGGER_PATH

set -x
python3 -m torch.distributed.run --nnodes "$NNODES" --nproc_per_node "$NGPUS_PER_NODE" \
    "${NODES[@]}" -m verl.trainer.sft_trainer \
    +sft=cold_start "${MACHINE[@]}" \
    "data.train_files=$SFT_TRAIN_FILE" \
    "data.val_files=$SFT_TEST_FILE" \
    "data.max_length=$((MAX_PROMPT_LENGTH + MAX_RESPONSE_LENGTH))" \
    "data.max_token_len_per_gpu=$PPO_MAX_TOKEN_LEN_PER_GPU" \
    "model.path=$MODEL_PATH" \
    "engine.seed=$SEED" \
    "engine.param_offload=$OFFLOAD" \
    "engine.optimizer_offload=$OFFLOAD" \
    "trainer.nnodes=$NNODES" \
    "trainer.n_gpus_per_node=$NGPUS_PER_NODE" \
    "trainer.project_name=$PROJECT_NAME" \
    "trainer.experiment_name=$EXPERIMENT_NAME" \
    "trainer.logger=$LOGGER" \
    "trainer.default_local_dir=$CHECKPOINTS" \
    "trainer.save_freq=$SAVE_FREQ" \
    "trainer.test_freq=$TEST_FREQ" \
    "${SET[@]}" \
    "$@"
{ set +x; } 2>/dev/null

LATEST=$CHECKPOINTS/latest_checkpointed_iteration.txt
if [ -f "$LATEST" ]; then
    echo "Start RL from it: MODEL_PATH=$CHECKPOINTS/global_step_$(cat "$LATEST")/huggingface"
fi
