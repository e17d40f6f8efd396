#!/usr/bin/env bash
# clusters/slurm.sh and clusters/train.sh on a real Slurm of one node, in a folder of its own; as root on Debian:
#
#   apt-get install --no-install-recommends slurmctld slurmd slurm-client munge
#   scripts/slurm_trial.sh PROGRAM                     # a study of a minute
#   scripts/slurm_trial.sh PROGRAM STUDY.toml OUT      # OUT is the study's `out`
#
# Starts munged, slurmctld and slurmd, submits the study, waits for the queue to be empty, then trains for a moment on
# its data set by two tasks of srun and by one process alone, and ends what it started. The exit code is 0 where the
# study's last job ended with 0, it left what one process leaves, and both trainings left the same network.
set -euo pipefail
program=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
scripts=$(realpath "$here/../clusters")
work=$(mktemp -d)
case $# in
    1) cp "$here/smallest.toml" "$work/study.toml" && study=$work/study.toml out=$work/smallest ;;
    *) study=$(realpath "$2") out=$(realpath -m "$3") ;;
esac
pids=()
# By their numbers: others may run a Slurm of their own here.
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; rm -rf "$work"' EXIT

host=$(hostname -s)
mkdir -p "$work"/{state,spool,munge}
chmod 755 "$work"
dd if=/dev/urandom of="$work/munge/key" bs=1024 count=1 status=none
chown -R munge: "$work/munge"
chmod 700 "$work/munge"
chmod 400 "$work/munge/key"
# A socket of its own: a cluster's munged, where one runs, is left alone.
mkdir "$work/socket"
chmod 755 "$work/socket"
chown munge: "$work/socket"
su -s /bin/sh munge -c "exec munged --foreground --force --key-file '$work/munge/key' --socket '$work/socket/munge' \
    --pid-file '$work/munge/pid' --log-file '$work/munge/log' --seed-file '$work/munge/seed'" &
pids+=($!)

cat >"$work/slurm.conf" <<CONF
ClusterName=trial
SlurmctldHost=$host
SlurmctldPort=26817
SlurmdPort=26818
AuthType=auth/munge
AuthInfo=socket=$work/socket/munge
SlurmUser=root
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0
MinJobAge=600
NodeName=$host CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$work/slurm.conf
slurmctld -D &
pids+=($!)
slurmd -D &
pids+=($!)
for _ in $(seq 60); do
    [ "$(sinfo --noheader --format %t 2>/dev/null || true)" = idle ] && break
    sleep 1
done
sinfo
[ "$(sinfo --noheader --format %t)" = idle ] || { echo "the node did not become idle within a minute" >&2; exit 1; }

cd "$(dirname "$study")"
RIMFORGE=$program RIMFORGE_WAIT=5 "$scripts/slurm.sh" "$study" 3 --output "$work/%A_%a.log" --cpus-per-task 1 | tee "$work/jobs"
last=$(tail -n 1 "$work/jobs" | grep -o '[0-9]*$')
for _ in $(seq 7200); do
    [ -z "$(squeue --noheader)" ] && break
    sleep 1
done
scontrol show job "$last" | grep -E 'JobState|ExitCode'
if ! scontrol show job "$last" | grep -q 'JobState=COMPLETED'; then
    tail -n 5 "$work"/*.log
    exit 1
fi
test -s "$out/results.json"
if [ $# = 1 ]; then
    # By one process alone: all that has no time in it is the same.
    "$program" run "$study" --set "out=$work/alone" >"$work/alone.log" 2>&1 || { cat "$work/alone.log"; exit 1; }
    files() { (cd "$1" && find . -name '*.npy' -o -name '*.safetensors' -o -name '*.nii.gz' | sort | xargs -r sha256sum); }
    files "$out" >"$work/shards.sums"
    files "$work/alone" | diff "$work/shards.sums" - || exit 1
    # Of the results all but times, and where they lie.
    told() {
        python3 - "$1" <<'PYTHON'
import json, re, sys
times = {"seconds", "images_per_s", "timing", "left_sha256"}
def told(value):
    if isinstance(value, dict):
        return {name: told(one) for name, one in value.items() if name not in times}
    return [told(one) for one in value] if isinstance(value, list) else value
found = told(json.load(open(sys.argv[1] + "/results.json")))
found["settings"] = re.sub(r'(?m)^out = ".*"$', "", found["settings"])
print(json.dumps(found, indent=1).replace(sys.argv[1], "OUT"))
PYTHON
    }
    told "$out" >"$work/shards.json"
    told "$work/alone" | diff "$work/shards.json" - || { echo "results.json says other things than of one process" >&2; exit 1; }
    [ "$(grep -c classify/fits "$work/shards.sums")" -ge 4 ] || { echo "fewer than four fits in $out" >&2; exit 1; }
    echo "$(wc -l <"$work/shards.sums") files of arrays and networks, of them $(grep -c classify/fits "$work/shards.sums") fits, and results.json but for times: those of one process"
fi

# In two replicas of one thread each, whoever computes them; nothing of this training needs more than one group each.
training=(--data "$out/data" --seed 5 --device cpu --batch 16 --kimg 0.064 --set tick_kimg=0.032 --set frechet_ticks=0
    --set net.channel_base=128 --set net.channel_max=16 --set precision=float32 --set replicas=2)
RIMFORGE=$program sbatch --wait --ntasks 2 --cpus-per-task 1 --output "$work/train.log" \
    "$scripts/train.sh" "${training[@]}" --out "$work/two" || { cat "$work/train.log"; exit 1; }
grep 'images/s' "$work/train.log"
"$program" train "${training[@]}" --out "$work/one" --threads 2 >"$work/one.log" 2>&1 || { cat "$work/one.log"; exit 1; }
hashes=$(cd "$work" && sha256sum two/network-last.safetensors one/network-last.safetensors)
echo "$hashes"
[ "$(echo "$hashes" | cut -d ' ' -f 1 | sort -u | wc -l)" = 1 ]
