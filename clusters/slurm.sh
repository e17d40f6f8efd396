#!/usr/bin/env bash
# A study on a Slurm cluster. For each stage that is made in units: a job for what it needs, an array of shards, and a
# merge that depends on the array. At the end a job for all that is left, and the report.
#
#   clusters/slurm.sh STUDY.toml SHARDS [options of sbatch, for every job]
#
# RIMFORGE names the program (rimforge in the PATH where it is not set). The folder of the study lies where all nodes
# see it. State engine.threads in STUDY.toml: the last bits of a result depend on it. Nothing is tried again by itself:
# submit the script once more, and what is done is kept.
set -euo pipefail

if [ $# -lt 2 ]; then
    echo "usage: $0 STUDY.toml SHARDS [options of sbatch]" >&2
    exit 2
fi
study=$1 shards=$2
shift 2
rimforge=${RIMFORGE:-rimforge}

last=
# submit NAME PROGRAM ARGUMENT...: a job behind the last one; ARRAY holds options of its own.
submit() {
    local name=$1 after=()
    shift
    if [ -n "$last" ]; then after=(--dependency="afterok:$last" --kill-on-invalid-dep=yes); fi
    last=$(sbatch --parsable --job-name="$name" "${after[@]}" "${options[@]}" "${array[@]}" --wrap "$(printf '%q ' "$@")")
    echo "$name: job $last"
}

options=("$@")
stages=$("$rimforge" plan "$study" --stages)
for stage in $stages; do
    array=()
    submit "before-$stage" "$rimforge" run "$study" --before "$stage"
    array=(--array="0-$((shards - 1))")
    submit "$stage" "$rimforge" run "$study" --stage "$stage" --shard slurm
    array=()
    # A file system of a network may show another node's files late.
    submit "merge-$stage" "$rimforge" merge "$study" --until "$stage" --wait "${RIMFORGE_WAIT:-90}"
done
array=()
submit rest "$rimforge" run "$study"
