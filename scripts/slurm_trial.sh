#!/usr/bin/env bash
# clusters/slurm.sh on a real Slurm of one node, in a folder of its own, beside a run in one piece; as root on Debian:
#
#   apt-get install --no-install-recommends slurmctld slurmd slurm-client munge
#   scripts/slurm_trial.sh PROGRAM STUDY.toml OUT      # OUT is the study's `out`
#
# Starts munged, slurmctld and slurmd, submits, waits for the queue to be empty, and ends what it started. The exit
# code is 0 where the study's last job ended with 0.
set -euo pipefail
program=$(realpath "$1") study=$(realpath "$2") out=$3
scripts=$(realpath "$(dirname "$0")/../clusters")
work=$(mktemp -d)
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
mkdir -p /run/munge
chown munge: /run/munge
su -s /bin/sh munge -c "exec munged --foreground --force --key-file '$work/munge/key' --socket /run/munge/munge.socket.2 \
    --pid-file '$work/munge/pid' --log-file '$work/munge/log' --seed-file '$work/munge/seed'" &
pids+=($!)

cat >"$work/slurm.conf" <<CONF
ClusterName=trial
SlurmctldHost=$host
SlurmctldPort=26817
SlurmdPort=26818
AuthType=auth/munge
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

cd "$(dirname "$study")"
RIMFORGE=$program RIMFORGE_WAIT=5 "$scripts/slurm.sh" "$study" 3 --output "$work/%A_%a.log" --cpus-per-task 1 | tee "$work/jobs"
last=$(tail -n 1 "$work/jobs" | grep -o '[0-9]*$')
while [ -n "$(squeue --noheader)" ]; do sleep 1; done
scontrol show job "$last" | grep -E 'JobState|ExitCode'
if ! scontrol show job "$last" | grep -q 'JobState=COMPLETED'; then
    tail -n 5 "$work"/*.log
    exit 1
fi
test -s "$out/results.json"
