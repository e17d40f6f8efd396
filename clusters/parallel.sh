#!/usr/bin/env bash
# A study by GNU parallel: shards of each stage that is made in units, so many at a time, here or on other machines
# (PARALLEL holds more options of parallel, such as --sshlogin; the folder of the study lies where all see it).
#
#   clusters/parallel.sh STUDY.toml SHARDS JOBS
#
# RIMFORGE names the program. State engine.threads in STUDY.toml, such as cores / JOBS.
set -euo pipefail

if [ $# -ne 3 ]; then
    echo "usage: $0 STUDY.toml SHARDS JOBS" >&2
    exit 2
fi
study=$1 shards=$2 jobs=$3
rimforge=${RIMFORGE:-rimforge}

stages=$("$rimforge" plan "$study" --stages)
for stage in $stages; do
    "$rimforge" run "$study" --before "$stage"
    seq 0 $((shards - 1)) | parallel --halt soon,fail=1 --jobs "$jobs" --quote \
        "$rimforge" run "$study" --stage "$stage" --shard "{}/$shards"
    "$rimforge" merge "$study" --until "$stage"
done
"$rimforge" run "$study"
