#!/usr/bin/env bash
# The data of arXiv:2508.05118v4 as verl's parquet, from the two published datasets, where you have them.
#
#   XLAM=xlam_function_calling_60k.json AGENTIC=Open-Agentic-tool-use bash recipe/egpo/prepare_data.sh
#
# CALL_FORM=answer_tag, with DATASET_SUFFIX=_answer_tag, makes version 1's rows;
# TOKENIZER=Qwen/Qwen3-4B-Thinking-2507, with DATASET_SUFFIX=_thinking, those of a model whose chat
# template opens <think>. BENCHMARKS names folders whose questions must not be trained on.
# The paper lets a language model judge the rows first: python -m egpo_verl.clean.
set -xeuo pipefail

XLAM=${XLAM:?the file of Salesforce/xlam-function-calling-60k}
AGENTIC=${AGENTIC:-}
DATA_DIR=${DATA_DIR:-$HOME/data/egpo}
DATASET_SUFFIX=${DATASET_SUFFIX:-}
TOKENIZER=${TOKENIZER:-Qwen/Qwen3-4B-Instruct-2507}
CALL_FORM=${CALL_FORM:-python}
BENCHMARKS=${BENCHMARKS:-}

OPTIONS=(
    --tokenizer "$TOKENIZER"
    --max_prompt_length 4096
    --call_form "$CALL_FORM"
    # The paper's 5 %, which is also the default.
    --test_size 0.05
)
if [ -n "$BENCHMARKS" ]; then
    read -ra FOLDERS <<<"$BENCHMARKS"
    OPTIONS+=(--decontaminate "${FOLDERS[@]}")
fi

python3 -m egpo_verl.preprocess xlam --local_dataset_path "$XLAM" \
    --local_save_dir "$DATA_DIR/xlam$DATASET_SUFFIX" "${OPTIONS[@]}" "$@"

if [ -n "$AGENTIC" ]; then
    # A few environments serve all of its dialogues, so no function can be held out for the test.
    python3 -m egpo_verl.preprocess funreason_mt --local_dataset_path "$AGENTIC" \
        --local_save_dir "$DATA_DIR/funreason_mt$DATASET_SUFFIX" --split_by random "${OPTIONS[@]}" "$@"
fi
