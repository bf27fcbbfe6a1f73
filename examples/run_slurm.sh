#!/usr/bin/env bash
#SBATCH --job-name=egpo
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --time=48:00:00
#SBATCH --output=egpo-%j.log
# Any recipe under SLURM; account and partition are your cluster's:
#
#   sbatch --account=... --partition=... examples/run_slurm.sh run_qwen3_4b_fsdp.sh [overrides]
#   sbatch --nodes=2 ... examples/run_slurm.sh run_qwen3_32b_fsdp.sh
set -xeuo pipefail

# SLURM runs a copy of this file, so the folder is that of the submission.
EXAMPLES=${EXAMPLES:-$SLURM_SUBMIT_DIR/examples}

HEAD=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export HEAD
export NNODES=$SLURM_NNODES
export NGPUS_PER_NODE=${SLURM_GPUS_ON_NODE:-8}

# Each task learns its rank on its own node. HEAD decides how the job ends.
# shellcheck disable=SC2016
srun --kill-on-bad-exit=1 --ntasks="$NNODES" --ntasks-per-node=1 \
    bash -c 'NODE_RANK=$SLURM_PROCID exec bash "$0" "$@"' "$EXAMPLES/run_multinode.sh" "$@"
