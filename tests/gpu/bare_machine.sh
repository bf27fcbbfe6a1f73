#!/usr/bin/env bash
# EGPO beside GRPO on a machine that has Python, CUDA torch and transformers, but no network: joins
# the wheels that bare_machine_wheels.py packed, installs them into a folder of their own, measures
# for at most eight minutes, and ends with one summary of JSON lines and a table.
#
#   bash tests/gpu/bare_machine.sh                      the parts lie in build/bare_machine
#   PARTS=DIR OUT=DIR bash tests/gpu/bare_machine.sh    elsewhere; figures and logs go to OUT
#   DEVICE=cpu bash tests/gpu/bare_machine.sh           the same without a GPU
#   LIMIT=1200 DEVICE=cpu bash ...                      seconds for all, where cores are few or busy
#
# With the network cut altogether, the loopback has to be up, by which Ray's processes talk:
#   unshare -n bash -c 'ip link set lo up; DEVICE=cpu bash tests/gpu/bare_machine.sh'
set -uo pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
PARTS=${PARTS:-$ROOT/build/bare_machine}
OUT=${OUT:-$ROOT/runs/bare_machine-$(date +%Y%m%d-%H%M%S)}
DEVICE=${DEVICE:-cuda}
PYTHON=${PYTHON:-python3}
LIMIT=${LIMIT:-450}
STEPS=10
SECONDS=0

if [ ! -e "$PARTS/SHA256SUMS" ]; then
    echo "egpo_verl: $PARTS holds no parts; bare_machine_wheels.py makes them where there is a network." >&2
    exit 2
fi
if [ -e "$OUT/parts.tsv" ]; then
    echo "egpo_verl: $OUT holds an earlier run; set OUT to another folder." >&2
    exit 2
fi
PARTS=$(cd "$PARTS" && pwd)
SITE=$ROOT/build/bare_machine_site_$(cksum <"$PARTS/SHA256SUMS" | cut -d ' ' -f 1)
mkdir -p "$OUT" && cd "$OUT" && OUT=$PWD || exit 2

left() { echo $((LIMIT - SECONDS > 1 ? LIMIT - SECONDS : 1)); }

# part NAME PERCENT COMMAND...: given at most so much of LIMIT, its output goes to NAME.log and its end
# to parts.tsv; it never stops the others.
part() {
    local name=$1 limit=$((LIMIT * $2 / 100)) began=$SECONDS code=0
    shift 2
    [ "$limit" -le "$(left)" ] || limit=$(left)
    echo "egpo_verl: $name (at most $limit s)"
    timeout --kill-after=10 "$limit" "$@" >"$OUT/$name.log" 2>&1 </dev/null || code=$?
    printf '%s\t%s\t%s\n' "$name" "$code" "$((SECONDS - began))" >>"$OUT/parts.tsv"
    [ "$code" = 0 ] || echo "egpo_verl: $name failed with exit code $code; see $OUT/$name.log" >&2
    return "$code"
}

install_wheels() {
    bash "$ROOT/tests/gpu/join_parts.sh" "$PARTS" "$OUT/wheels" &&
        "$PYTHON" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir \
            --disable-pip-version-check --upgrade --target "$SITE" "$OUT"/wheels/*.whl &&
        rm -r "$OUT/wheels" && touch "$SITE/complete"
}

# The quickstart's ten first steps. All but the first line holds on a CPU too, where it is tested.
train() {
    local name=$1 machine=()
    shift
    [ "$DEVICE" = cuda ] || machine=(+machine=cpu)
    VERL_FILE_LOGGER_PATH=$OUT/$name.jsonl "$PYTHON" -m verl.trainer.main_ppo +egpo=paper "${machine[@]}" \
        data.train_files="$OUT/data/train.parquet" data.val_files="$OUT/data/test.parquet" \
        data.train_batch_size=8 data.max_prompt_length=512 data.max_response_length=128 \
        data.dataloader_num_workers=0 \
        actor_rollout_ref.model.path="$ROOT/egpo_verl/toolworld/model" \
        actor_rollout_ref.model.use_remove_padding=False \
        actor_rollout_ref.model.enable_gradient_checkpointing=False \
        ++actor_rollout_ref.model.override_config.attn_implementation=sdpa \
        actor_rollout_ref.actor.strategy=fsdp2 actor_rollout_ref.ref.strategy=fsdp2 \
        actor_rollout_ref.actor.ppo_mini_batch_size=8 actor_rollout_ref.actor.optim.lr=5e-4 \
        actor_rollout_ref.actor.use_torch_compile=False actor_rollout_ref.ref.use_torch_compile=False \
        actor_rollout_ref.actor.fsdp_config.use_torch_compile=False \
        actor_rollout_ref.ref.fsdp_config.use_torch_compile=False \
        actor_rollout_ref.rollout.name=transformers \
        actor_rollout_ref.rollout.tensor_model_parallel_size=1 \
        actor_rollout_ref.rollout.free_cache_engine=False \
        actor_rollout_ref.rollout.max_num_seqs=64 actor_rollout_ref.rollout.agent.num_workers=1 \
        reward.num_workers=1 transfer_queue.backend.SimpleStorage.num_data_storage_units=1 \
        ++ray_kwargs.ray_init.address=local ++ray_kwargs.ray_init.include_dashboard=False \
        trainer.nnodes=1 trainer.n_gpus_per_node=1 trainer.total_training_steps="$STEPS" \
        trainer.logger='["console","file"]' trainer.val_before_train=False \
        trainer.test_freq=-1 trainer.save_freq=-1 trainer.default_local_dir="$OUT/$name" \
        trainer.project_name=egpo_verl trainer.experiment_name="$name" "$@"
}

# `part` starts a program, so what this file defines is called through a shell of its own.
export ROOT PARTS OUT SITE DEVICE PYTHON STEPS
export -f install_wheels train

if ! "$PYTHON" -c 'import socket; server = socket.create_server(("127.0.0.1", 0)); socket.create_connection(server.getsockname(), 5)' 2>/dev/null; then
    echo "egpo_verl: nothing answers on 127.0.0.1, which Ray needs: ip link set lo up" >&2
fi
: >parts.tsv
[ -e "$SITE/complete" ] || part install 25 bash -c install_wheels || exit 2

# Nothing is installed beside SITE: the package is read from here, and verl finds it by its name.
export PYTHONPATH=$SITE:$ROOT VERL_USE_EXTERNAL_MODULES=egpo_verl
# Threads that wait in loops take the core from whatever else runs.
export OMP_WAIT_POLICY=PASSIVE HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false RAY_USAGE_STATS_ENABLED=0
part data 15 "$PYTHON" -m egpo_verl.preprocess toolworld --num_train 256 --local_save_dir "$OUT/data"
part advantage 25 "$PYTHON" "$ROOT/benchmarks/advantage_stage.py" \
    --device "$DEVICE" --sizes 3 --turns 4 --json "$OUT/advantage.jsonl"
part entropy 15 "$PYTHON" "$ROOT/benchmarks/entropy_in_bfloat16.py" "$OUT/data/test.parquet" \
    --device "$DEVICE" --json "$OUT/entropy.jsonl"
part egpo 40 bash -c 'train egpo'
part lam0 40 bash -c 'train lam0 algorithm.egpo.lam=0'
"$PYTHON" "$ROOT/tests/gpu/bare_machine_summary.py" "$OUT" --device "$DEVICE"
