#!/usr/bin/env bash
# One experiment on two nodes of four GPUs, a task for each GPU: sbatch docs/slurm.sh
#SBATCH --job-name=dljax
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=8
#SBATCH --time=08:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
set -euo pipefail

# JAX reads the tasks, the nodes and this task's number from Slurm's variables. The folder
# of the run has to lie where all nodes see it. Two minutes before the end Slurm sends
# SIGTERM: the run saves, and the same command goes on from there.
srun --kill-on-bad-exit=1 \
  python experiments/convolutional/classifier_cifar10.py \
  --workdir "$SLURM_SUBMIT_DIR/runs/cifar10" \
  "$@"
