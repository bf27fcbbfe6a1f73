# shellcheck shell=bash
# Source this after a recipe's knobs (model, data, hardware, memory): it fills in what they leave
# open, and its `train` turns all of them into one command of verl. The environment wins over both.
#
#   bash examples/run_qwen3_4b_fsdp.sh [overrides of verl's configuration]
#   ADV_ESTIMATOR=grpo bash ...   the GRPO twin: another estimator and another name, nothing else
#   EGPO=no_clip bash ...         another group of egpo_verl/config/egpo
#   SEED=2 bash ...               other order of the data, other samples
#   SMOKE=1 bash ...              two steps on a CPU with a tiny model (smoke.sh)
{ set +x; } 2>/dev/null

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RECIPE=$(basename "$0" .sh)
RECIPE=${RECIPE#run_}

# ---- algorithm: every value that a group sets is the paper's, or says why not ----
ADV_ESTIMATOR=${ADV_ESTIMATOR:-egpo}
EGPO=${EGPO:-paper}
SEED=${SEED:-1}

# ---- data: DATASETS are folders in DATA_DIR, each written by `python -m egpo_verl.preprocess` ----
files_of() {
    local set list=
    for set in $DATASETS; do
        list+=${list:+,}$DATA_DIR/$set/$1.parquet
    done
    echo "[$list]"
}
DATA_DIR=${DATA_DIR:-$HOME/data/egpo}
DATASETS=${DATASETS:-xlam}
TRAIN_FILE=${TRAIN_FILE:-$(files_of train)}
TEST_FILE=${TEST_FILE:-$(files_of test)}
# How the rows were made, which SMOKE=1 must know: the form of the calls, and whether the model's
# chat template opens <think> (preprocess sees that from --tokenizer).
CALL_FORM=${CALL_FORM:-python}
THINK_IN_PROMPT=${THINK_IN_PROMPT:-False}
# LIVE=True: rows are episodes in worlds (docs/environments.md). ENV_FACTORY is the environment where
# the rows name none: FILE.py:Class with its whole path, on every node.
LIVE=${LIVE:-False}
ENV_FACTORY=${ENV_FACTORY:-}
# The paper's group says the same; here they bound what the rollout reserves for a sequence.
MAX_PROMPT_LENGTH=${MAX_PROMPT_LENGTH:-4096}
MAX_RESPONSE_LENGTH=${MAX_RESPONSE_LENGTH:-8192}

# ---- hardware ----
NNODES=${NNODES:-1}
NGPUS_PER_NODE=${NGPUS_PER_NODE:-8}

# ---- memory: `python -m egpo_verl.sizing` says whether it fits ----
TRAIN_BACKEND=${TRAIN_BACKEND:-fsdp}
OFFLOAD=${OFFLOAD:-False}
PPO_MAX_TOKEN_LEN_PER_GPU=${PPO_MAX_TOKEN_LEN_PER_GPU:-16384}
ROLLOUT_NAME=${ROLLOUT_NAME:-vllm}
ROLLOUT_TP=${ROLLOUT_TP:-1}
ROLLOUT_GPU_MEM_UTIL=${ROLLOUT_GPU_MEM_UTIL:-0.6}

# ---- Megatron only: tensor, pipeline and expert parallel sizes of the actor ----
ACTOR_TP=${ACTOR_TP:-1}
ACTOR_PP=${ACTOR_PP:-1}
ACTOR_EP=${ACTOR_EP:-1}

# ---- LoRA: 0 trains all weights ----
LORA_RANK=${LORA_RANK:-0}
LORA_ALPHA=${LORA_ALPHA:-32}

# ---- run ----
PROJECT_NAME=${PROJECT_NAME:-egpo_verl}
EXPERIMENT_NAME=${EXPERIMENT_NAME:-${RECIPE}-${EGPO}-${ADV_ESTIMATOR}-seed${SEED}}
LOGGER=${LOGGER:-'["console","file"]'}
SAVE_FREQ=${SAVE_FREQ:-20}
TEST_FREQ=${TEST_FREQ:-20}
RUNS_DIR=${RUNS_DIR:-$PWD/runs}
MACHINE=()

# Knobs that a recipe or a user may set; where they are not, the group's value stays.
OPTIONAL_KNOBS=(
    TRAIN_BATCH_SIZE=data.train_batch_size
    PPO_MINI_BATCH_SIZE=actor_rollout_ref.actor.ppo_mini_batch_size
    ACTOR_LR=actor_rollout_ref.actor.optim.lr
    KL_LOSS_COEF=actor_rollout_ref.actor.kl_loss_coef
    ULYSSES_SP=actor_rollout_ref.actor.ulysses_sequence_parallel_size
    ROLLOUT_N=actor_rollout_ref.rollout.n
    ROLLOUT_MAX_NUM_SEQS=actor_rollout_ref.rollout.max_num_seqs
    TRAINER_MODE=trainer.v1.trainer_mode
    VAL_BEFORE_TRAIN=trainer.val_before_train
    TOTAL_EPOCHS=trainer.total_epochs
    TOTAL_TRAINING_STEPS=trainer.total_training_steps
)

# Sets ENGINE, the training engine's settings.
engine() {
    local actor=actor_rollout_ref.actor ref=actor_rollout_ref.ref
    case $TRAIN_BACKEND in
        fsdp)
            ENGINE=(
                "$actor.strategy=fsdp2"
                "$actor.fsdp_config.param_offload=$OFFLOAD"
                "$actor.fsdp_config.optimizer_offload=$OFFLOAD"
            )
            ;;
        megatron)
            export CUDA_DEVICE_MAX_CONNECTIONS=1
            ENGINE=(
                model_engine=megatron
                "$actor.megatron.tensor_model_parallel_size=$ACTOR_TP"
                "$actor.megatron.pipeline_model_parallel_size=$ACTOR_PP"
                "$actor.megatron.expert_model_parallel_size=$ACTOR_EP"
                "$actor.megatron.expert_tensor_parallel_size=1"
                "$actor.megatron.param_offload=$OFFLOAD"
                "$actor.megatron.optimizer_offload=$OFFLOAD"
                "$ref.megatron.param_offload=True"
                # Each layer is computed again in the backward pass, as FSDP's checkpointing does.
                "$actor.megatron.override_transformer_config.recompute_granularity=full"
                "$actor.megatron.override_transformer_config.recompute_method=uniform"
                "$actor.megatron.override_transformer_config.recompute_num_layers=1"
            )
            ;;
        *)
            echo "egpo_verl: TRAIN_BACKEND=$TRAIN_BACKEND is neither fsdp nor megatron." >&2
            return 2
            ;;
    esac
}

train() {
    if [ "${SMOKE:-0}" = 1 ]; then
        # shellcheck source=smoke.sh
        . "$HERE/smoke.sh"
        smoke
    fi

    local ALGORITHM=(
        "+egpo=$EGPO"
        "algorithm.adv_estimator=$ADV_ESTIMATOR"
    )
    local DATA=(
        "data.train_files=$TRAIN_FILE"
        "data.val_files=$TEST_FILE"
        "data.seed=$SEED"
        "data.max_prompt_length=$MAX_PROMPT_LENGTH"
        "data.max_response_length=$MAX_RESPONSE_LENGTH"
    )
    local WORLD=()
    if [ "$LIVE" = True ]; then
        WORLD=(
            +env=own
            "env.factory=${ENV_FACTORY:-null}"
        )
    fi
    local MODEL=(
        "actor_rollout_ref.model.path=$MODEL_PATH"
    )
    if [ "$LORA_RANK" -gt 0 ]; then
        # Merged before every sync, so that the rollout serves plain weights.
        MODEL+=(
            "actor_rollout_ref.model.lora_rank=$LORA_RANK"
            "actor_rollout_ref.model.lora_alpha=$LORA_ALPHA"
            actor_rollout_ref.model.lora.merge=True
        )
    fi
    local ACTOR=(
        actor_rollout_ref.actor.use_dynamic_bsz=True
        "actor_rollout_ref.actor.ppo_max_token_len_per_gpu=$PPO_MAX_TOKEN_LEN_PER_GPU"
    )
    local ENGINE=()
    engine
    local ROLLOUT=(
        "actor_rollout_ref.rollout.name=$ROLLOUT_NAME"
        "actor_rollout_ref.rollout.tensor_model_parallel_size=$ROLLOUT_TP"
        "actor_rollout_ref.rollout.gpu_memory_utilization=$ROLLOUT_GPU_MEM_UTIL"
        "actor_rollout_ref.rollout.max_model_len=$((MAX_PROMPT_LENGTH + MAX_RESPONSE_LENGTH))"
        "actor_rollout_ref.rollout.seed=$SEED"
    )
    local TRAINER=(
        "trainer.nnodes=$NNODES"
        "trainer.n_gpus_per_node=$NGPUS_PER_NODE"
        "trainer.project_name=$PROJECT_NAME"
        "trainer.experiment_name=$EXPERIMENT_NAME"
        "trainer.logger=$LOGGER"
        "trainer.default_local_dir=$RUNS_DIR/\${trainer.experiment_name}/checkpoints"
        "trainer.save_freq=$SAVE_FREQ"
        "trainer.test_freq=$TEST_FREQ"
    )
    local SET=() knob name
    for knob in "${OPTIONAL_KNOBS[@]}"; do
        name=${knob%%=*}
        if [ -n "${!name:-}" ]; then
            SET+=("${knob#*=}=${!name}")
        fi
    done

    # A log of its own for each start, so that a resumed run keeps what came before. Workers of a
    # running cluster do not inherit the environment, so it travels with the job.
    mkdir -p "$RUNS_DIR/$EXPERIMENT_NAME"
    local LOG
    LOG=$RUNS_DIR/$EXPERIMENT_NAME/steps-$(date +%Y%m%d-%H%M%S).jsonl
    local EXTRA=(
        "${MACHINE[@]}"
        "+ray_kwargs.ray_init.runtime_env.env_vars.VERL_FILE_LOGGER_PATH=$LOG"
    )

    set -x
    python3 -m verl.trainer.main_ppo \
        "${ALGORITHM[@]}" \
        "${DATA[@]}" \
        "${WORLD[@]}" \
        "${MODEL[@]}" \
        "${ACTOR[@]}" \
        "${ENGINE[@]}" \
        "${ROLLOUT[@]}" \
        "${TRAINER[@]}" \
        "${SET[@]}" \
        "${EXTRA[@]}" \
        "$@"
}
