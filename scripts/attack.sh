#!/usr/bin/env bash
# The long campaigns, a study on a real Slurm and one in what a container holds, one after another, whatever one of them
# finds; a table of figures at the end.
#
#   RIMFORGE_ATTACK_SECONDS=600   for each parser; 60 unless told
#   RIMFORGE_ATTACK_SEED=N        the inputs of an earlier run again; otherwise at random, and printed
set -u
cd "$(dirname "$0")/.."

figures=target/attack/figures.md
mkdir -p target/attack
printf '# Figures of `make attack`, %s\n' "$(date -u +%F)" >"$figures"
failed=()

# campaign TITLE TEST...: the ignored tests of these names; their lines with a ":" or a "|" are figures.
campaign() {
  local title=$1 log
  shift
  log=$(mktemp)
  printf '\n## %s\n\n' "$title" | tee -a "$figures"
  if ! cargo test --release --locked --test it -- --ignored --nocapture --test-threads 1 "$@" 2>&1 | tee "$log"; then
    failed+=("$title")
  fi
  grep -E '^(\||figure:)|kills equal|operations on files' "$log" | sed 's/^figure: //' >>"$figures"
  rm -f "$log"
}
set -o pipefail

campaign 'Parsers' attack_every_parser
campaign 'Full disks' attack_with_full_disks attack_with_read_only_disks
campaign 'What is no plain file' attack_with_odd_files
campaign 'Kills' kill_chains::
campaign 'Failing writes' faults::
campaign 'Whole brains' brats:: glioma::
campaign 'Studies by shards' shards_of_each_kind::
campaign 'Drawn as asked' digits::

# A real scheduler, where one is installed and may be started.
title='A real Slurm'
printf '\n## %s\n\n' "$title" | tee -a "$figures"
has_slurm() { local one; for one in slurmctld slurmd sbatch munged; do PATH=$PATH:/usr/sbin command -v "$one" >/dev/null || return 1; done; }
if [ "$(id -u)" = 0 ] && has_slurm; then
  if PATH=$PATH:/usr/sbin scripts/slurm_trial.sh target/release/rimforge; then
    echo "a study by shards and a training by two tasks left what one process leaves" >>"$figures"
  else
    failed+=("$title")
  fi
else
  echo "not tried: needs root, and Debian's slurmctld, slurmd, slurm-client and munge" | tee -a "$figures"
fi

# As `make wheel` makes it: smaller, of other code than what the tests run.
title='The wheel as it is given away'
printf '\n## %s\n\n' "$title" | tee -a "$figures"
if scripts/make_wheel.sh && WHEEL=$(echo "$PWD"/target/wheels/rimforge-*.whl) scripts/test_wheel.sh; then
  echo "$(stat -c %s target/wheels/rimforge-*.whl) bytes; it runs in fresh environments" >>"$figures"
else
  failed+=("$title")
fi

# What a container holds, without a container.
title='The packages of a container'
printf '\n## %s\n\n' "$title" | tee -a "$figures"
if [ "$(id -u)" = 0 ] && PATH=$PATH:/usr/sbin command -v debootstrap >/dev/null; then
  if PATH=$PATH:/usr/sbin scripts/container_trial.sh; then
    echo "a bare Debian 12, read-only but for the output folder and without a network: doctor and a study of a minute pass" >>"$figures"
  else
    failed+=("$title")
  fi
else
  echo "not tried: needs root and Debian's debootstrap" | tee -a "$figures"
fi

printf '\n'
cat "$figures"
if ((${#failed[@]})); then
  printf '\nharm was found: %s\n' "${failed[*]}"
  exit 1
fi
