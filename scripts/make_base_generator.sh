#!/usr/bin/env bash
# Makes assets/base-generator.safetensors: a small StyleGAN2-ADA trained on the agreed rims of a simulated cohort of
# its own (seed 90210; no study uses it). Some 30 images a second on two cores; goes on where it was stopped.
# The file that ships was made by these steps in two parts (see README, "State"), so this does not give its bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-out/base-generator}
rimforge=target/release/rimforge
mkdir -p "$out"
"$rimforge" simulate --preset demo --seed 90210 --patients 130 --prevalence 0.45 --out "$out/cohort"
"$rimforge" prepare --cohort "$out/cohort" --out "$out/data" --seed 90210 --test-fraction 0.05 --validation-fraction 0.05
"$rimforge" train --data "$out/data" --out "$out/gan" --net small --kimg "${KIMG:-100}" --seed 90210 \
  --set symmetry=dihedral --set frechet_ticks=2
mkdir -p assets
cp "$out/gan/network-last.safetensors" assets/base-generator.safetensors
