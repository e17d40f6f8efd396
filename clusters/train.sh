#!/usr/bin/env bash
# One training by several processes of a Slurm job, which all see the data set and the output folder:
#
#   sbatch --ntasks 4 clusters/train.sh --data DATA --out GAN [options of rimforge train]
#
# RIMFORGE names the program. Submit it again, with as many tasks or another number that divides the groups of a batch,
# to go on from the last checkpoint; the signal gives it two minutes for one before its time is up.
#SBATCH --job-name=rimforge-train
#SBATCH --ntasks=2
#SBATCH --signal=TERM@120
set -euo pipefail

if [ $# -lt 4 ]; then
    echo "usage: sbatch --ntasks N $0 --data DATA --out GAN [options of rimforge train]" >&2
    exit 2
fi
# The host of the first task, on which the others look for it.
MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export MASTER_ADDR
exec srun --kill-on-bad-exit=1 "${RIMFORGE:-rimforge}" train --distributed slurm "$@"
