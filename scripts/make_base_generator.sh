#!/usr/bin/env bash
# Makes assets/base-generator.safetensors: a small StyleGAN2-ADA trained on the agreed rims of a simulated cohort of
# its own (seed 90210; no study uses it). About 30 images a second on one core; goes on where it was stopped.
# One thread, because the bytes of the result depend on the number of threads; batches of 16, because from random weights
# rims come with steps more than with images.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-out/base-generator}
rimforge=target/release/rimforge
mkdir -p "$out"
"$rimforge" simulate --preset demo --seed 90210 --patients 130 --prevalence 0.45 --out "$out/cohort"
"$rimforge" prepare --cohort "$out/cohort" --out "$out/data" --seed 90210 --test-fraction 0.05 --validation-fraction 0.05
"$rimforge" train --data "$out/data" --out "$out/gan" --net small --kimg "${KIMG:-100}" --batch 16 --threads 1 \
  --seed 90210 --base none --set symmetry=dihedral --set frechet_ticks=12
mkdir -p assets
cp "$out/gan/network-last.safetensors" assets/base-generator.safetensors
