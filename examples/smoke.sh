# shellcheck shell=bash disable=SC2034
# Sourced by common.sh where SMOKE=1: the recipe for two steps on a CPU, in some minutes.
# Its group, estimator, LoRA, thinking template and trainer mode stay; the model becomes the tiny one
# of this package, the data toolworld or toolworld live, the batch and the lengths small, the rollout
# transformers.

smoke() {
    local made=$RUNS_DIR/smoke
    MODEL_PATH=$(tiny_model "$made")
    local prompt=512
    DATA_DIR=$made/data-${MODEL_PATH##*/}-$CALL_FORM
    if [ "$LIVE" = True ]; then
        prompt=1024 ENV_FACTORY='' DATA_DIR=$made/live-$CALL_FORM
        if [ ! -f "$DATA_DIR/test.parquet" ]; then
            python3 -m egpo_verl.preprocess toolworld_live --num_train 16 --num_test 8 \
                --call_form "$CALL_FORM" --local_save_dir "$DATA_DIR"
        fi
    elif [ ! -f "$DATA_DIR/sft_train.parquet" ]; then
        python3 -m egpo_verl.preprocess toolworld --levels 1 --num_train 64 --num_test 8 --sft \
            --tokenizer "$MODEL_PATH" --call_form "$CALL_FORM" --local_save_dir "$DATA_DIR"
    fi
    TRAIN_FILE=$DATA_DIR/train.parquet
    TEST_FILE=$DATA_DIR/test.parquet
    if [ "$TRAIN_BACKEND" = megatron ]; then
        echo "SMOKE: Megatron needs GPUs; FSDP2 trains in its place." >&2
        TRAIN_BACKEND=fsdp
    fi
    MACHINE=(+machine=cpu)
    NNODES=1 NGPUS_PER_NODE=1 OFFLOAD=False ULYSSES_SP=1
    ROLLOUT_NAME=transformers ROLLOUT_TP=1 ROLLOUT_N=4 ROLLOUT_GPU_MEM_UTIL=0.5
    TRAIN_BATCH_SIZE=4 PPO_MINI_BATCH_SIZE=4 ACTOR_LR=1e-3
    MAX_PROMPT_LENGTH=$prompt MAX_RESPONSE_LENGTH=48 PPO_MAX_TOKEN_LEN_PER_GPU=4096
    TOTAL_TRAINING_STEPS=2 TOTAL_EPOCHS=1 SAVE_FREQ=-1 TEST_FREQ=-1 VAL_BEFORE_TRAIN=False
    EXPERIMENT_NAME=smoke-$EXPERIMENT_NAME
}

# Prints the folder of the tiny model; where the recipe's template opens the thought, of a copy whose
# template does so too.
tiny_model() {
    local model=$HERE/../egpo_verl/toolworld/model
    if [ "$THINK_IN_PROMPT" = True ]; then
        local thinking=$1/thinking_model
        if [ ! -d "$thinking" ]; then
            mkdir -p "$1"
            cp -r "$model" "$thinking.part"
            printf '<think>' >>"$thinking.part/chat_template.jinja"
            mv "$thinking.part" "$thinking"
        fi
        model=$thinking
    fi
    echo "$model"
}
